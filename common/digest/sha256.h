#ifndef GRAFT_COMMON_DIGEST_SHA256_H_
#define GRAFT_COMMON_DIGEST_SHA256_H_

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace graft::digest {

// A SHA-256 value. There is no empty one: where it may be missing, use std::optional.
class Sha256Digest {
 public:
  static constexpr size_t kSizeBytes = 32;
  using Bytes = std::array<uint8_t, kSizeBytes>;

  explicit Sha256Digest(const Bytes& bytes) : bytes_(bytes) {}

  // The digest whose 32 raw bytes are `bytes`; INVALID_ARGUMENT for another length.
  static absl::StatusOr<Sha256Digest> FromBytes(std::string_view bytes);

  // The inverse of ToHex. INVALID_ARGUMENT unless `hex` is 64 lower-case hexadecimal digits.
  static absl::StatusOr<Sha256Digest> Parse(std::string_view hex);

  const Bytes& bytes() const { return bytes_; }
  std::string_view AsStringView() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

  // 64 lower-case hexadecimal digits.
  std::string ToHex() const;

  friend auto operator<=>(const Sha256Digest&, const Sha256Digest&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const Sha256Digest& digest) {
    return H::combine(std::move(state), digest.bytes_);
  }

 private:
  Bytes bytes_;
};

// Hashes bytes as they come. Not thread-safe.
class Sha256Hasher {
 public:
  Sha256Hasher();
  Sha256Hasher(Sha256Hasher&&) noexcept;
  Sha256Hasher& operator=(Sha256Hasher&&) noexcept;
  ~Sha256Hasher();

  void Update(std::string_view bytes);

  // The digest of everything so far; afterwards the hasher is as new.
  Sha256Digest Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// The digest of `bytes` at once.
Sha256Digest Sha256(std::string_view bytes);

}  // namespace graft::digest

#endif  // GRAFT_COMMON_DIGEST_SHA256_H_
