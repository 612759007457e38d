# Writes a source file that holds the bytes of a file: cmake -DINPUT=... -DOUTPUT=... -P embed.cmake
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(................................................................................)"
                     "\\1\n" bytes "${bytes}")
file(
  WRITE ${OUTPUT}
  "// Generated from ${INPUT}.
#include \"common/config/descriptors.h\"

namespace graft::config::internal {
namespace {
const unsigned char kBytes[] = {
${bytes}
};
}  // namespace

std::string_view EmbeddedDescriptorSet() {
  return {reinterpret_cast<const char*>(kBytes), sizeof(kBytes)};
}

}  // namespace graft::config::internal
")
