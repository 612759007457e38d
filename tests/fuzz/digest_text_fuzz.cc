#include "common/base/check.h"
#include "common/digest/blob_digest.h"
#include "tests/fuzz/fuzz_target.h"

namespace graft::fuzz {

bool DecodeAndCheck(std::string_view input) {
  const absl::StatusOr<digest::BlobDigest> digest = digest::BlobDigest::Parse(input);
  if (!digest.ok()) return false;
  GRAFT_CHECK(digest->ToString() == input);
  return true;
}

std::vector<std::string> Seeds() { return {digest::BlobDigest::Of("bytes").ToString()}; }

}  // namespace graft::fuzz
