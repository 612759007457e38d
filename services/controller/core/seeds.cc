#include "services/controller/core/seeds.h"

#include "absl/status/statusor.h"
#include "common/base/check.h"
#include "common/digest/canonical.h"

namespace graft::controller {

std::uint64_t DeriveSeed(std::uint64_t search_seed, std::string_view purpose,
                         std::uint64_t replicate) {
  digest::CanonicalEncoder encoder;
  encoder.String("graft.seed.1").U64(search_seed).String(purpose).U64(replicate);
  const absl::StatusOr<digest::Sha256Digest> digest = digest::CanonicalDigest(std::move(encoder));
  GRAFT_CHECK_OK(digest.status());
  std::uint64_t seed = 0;
  for (int i = 7; i >= 0; --i) seed = seed << 8 | digest->bytes()[i];
  return seed == 0 ? 1 : seed;
}

}  // namespace graft::controller
