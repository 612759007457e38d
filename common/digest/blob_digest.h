#ifndef GRAFT_COMMON_DIGEST_BLOB_DIGEST_H_
#define GRAFT_COMMON_DIGEST_BLOB_DIGEST_H_

#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "common/digest/sha256.h"

namespace graft::digest {

// The name of a blob: the SHA-256 of its bytes and their number. The size is part of the name, so
// that a reader knows what to expect before the first byte. As text: "<64 hex digits>/<size>".
class BlobDigest {
 public:
  // Sizes stay below 2^63, so that they fit every signed field they travel in.
  static constexpr uint64_t kMaxSizeBytes = std::numeric_limits<int64_t>::max();

  // INVALID_ARGUMENT if `size_bytes` is above kMaxSizeBytes.
  static absl::StatusOr<BlobDigest> Create(const Sha256Digest& sha256, uint64_t size_bytes);

  // The inverse of ToString. INVALID_ARGUMENT unless `text` is exactly what ToString would give: no
  // signs, spaces or leading zeros, so that equal digests have equal texts.
  static absl::StatusOr<BlobDigest> Parse(std::string_view text);

  // The digest of `bytes`.
  static BlobDigest Of(std::string_view bytes);

  const Sha256Digest& sha256() const { return sha256_; }
  uint64_t size_bytes() const { return size_bytes_; }

  std::string ToString() const;

  friend auto operator<=>(const BlobDigest&, const BlobDigest&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const BlobDigest& digest) {
    return H::combine(std::move(state), digest.sha256_, digest.size_bytes_);
  }

 private:
  BlobDigest(const Sha256Digest& sha256, uint64_t size_bytes)
      : sha256_(sha256), size_bytes_(size_bytes) {}

  Sha256Digest sha256_;
  uint64_t size_bytes_;
};

}  // namespace graft::digest

#endif  // GRAFT_COMMON_DIGEST_BLOB_DIGEST_H_
