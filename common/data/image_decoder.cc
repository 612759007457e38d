#include "common/data/image_decoder.h"

#include <cstdint>
#include <span>

#include "absl/strings/str_cat.h"
#include "common/base/strings.h"

namespace graft::data {
namespace {

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";
constexpr std::string_view kJpegSignature = "\xff\xd8\xff";

// The first bytes in hexadecimal.
std::string Beginning(std::string_view bytes) {
  const std::string_view first = bytes.substr(0, kPngSignature.size());
  return base::HexEncode({reinterpret_cast<const std::uint8_t*>(first.data()), first.size()});
}

}  // namespace

absl::StatusOr<Image> DecodeImage(std::string_view bytes) {
  if (bytes.starts_with(kPngSignature)) return DecodePng(bytes);
  if (bytes.starts_with(kJpegSignature)) return DecodeJpeg(bytes);
  return absl::InvalidArgumentError(
      bytes.empty() ? "expected a PNG or JPEG file, found an empty one"
                    : absl::StrCat("expected a PNG or JPEG file, found one that begins with 0x",
                                   Beginning(bytes)));
}

absl::Status CheckDecodedSize(std::int64_t height, std::int64_t width) {
  if (height >= 1 && height <= kMaxDecodedExtent && width >= 1 && width <= kMaxDecodedExtent &&
      height * width <= kMaxDecodedPixels) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("is ", height, "x", width, " (height x width), expected at most ",
                   kMaxDecodedExtent, " each and ", kMaxDecodedPixels, " pixels"));
}

}  // namespace graft::data
