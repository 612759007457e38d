#include <sstream>

#include "common/arch/architecture_encoding.h"
#include "common/base/check.h"
#include "common/base/strings.h"
#include "tests/fuzz/fuzz_target.h"

namespace graft::fuzz {

bool DecodeAndCheck(std::string_view input) {
  const absl::StatusOr<arch::Architecture> decoded = arch::DecodeArchitecture(input);
  if (!decoded.ok()) return false;
  GRAFT_CHECK(arch::EncodeArchitecture(*decoded) == input);
  const absl::StatusOr<arch::Architecture> again =
      arch::Architecture::Create(decoded->ToLayers(), decoded->ToOutputs());
  GRAFT_CHECK_OK(again.status());
  GRAFT_CHECK(again->fingerprint() == decoded->fingerprint());
  return true;
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const std::string& file : ReadFiles("tests/golden", {"architecture_encoding.hex"})) {
    std::istringstream lines(file);
    std::string name;
    std::string bytes;
    std::string fingerprint;
    while (lines >> name >> bytes >> fingerprint) {
      seeds.push_back(base::HexDecode(bytes).value());
    }
  }
  return seeds;
}

}  // namespace graft::fuzz
