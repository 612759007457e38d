// Digests of different things are of different types, so that one is never taken for another.
#ifndef GRAFT_COMMON_DIGEST_TYPED_DIGEST_H_
#define GRAFT_COMMON_DIGEST_TYPED_DIGEST_H_

#include <compare>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "common/base/status_macros.h"
#include "common/digest/blob_digest.h"
#include "common/digest/sha256.h"

namespace graft::digest {

// A SHA-256 that identifies what `Tag` names. Tag::kName opens the messages of parse errors.
template <typename Tag>
class TypedDigest {
 public:
  explicit TypedDigest(const Sha256Digest& sha256) : sha256_(sha256) {}

  // The inverse of ToString; errors as Sha256Digest::Parse.
  static absl::StatusOr<TypedDigest> Parse(std::string_view hex) {
    absl::StatusOr<Sha256Digest> sha256 = Sha256Digest::Parse(hex);
    if (!sha256.ok()) return base::Annotate(sha256.status(), Tag::kName);
    return TypedDigest(*sha256);
  }

  const Sha256Digest& sha256() const { return sha256_; }

  // 64 lower-case hexadecimal digits.
  std::string ToString() const { return sha256_.ToHex(); }

  friend auto operator<=>(const TypedDigest&, const TypedDigest&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const TypedDigest& digest) {
    return H::combine(std::move(state), digest.sha256_);
  }

 private:
  Sha256Digest sha256_;
};

// The same for a blob that describes what `Tag` names.
template <typename Tag>
class TypedBlobDigest {
 public:
  explicit TypedBlobDigest(const BlobDigest& blob) : blob_(blob) {}

  // The inverse of ToString; errors as BlobDigest::Parse.
  static absl::StatusOr<TypedBlobDigest> Parse(std::string_view text) {
    absl::StatusOr<BlobDigest> blob = BlobDigest::Parse(text);
    if (!blob.ok()) return base::Annotate(blob.status(), Tag::kName);
    return TypedBlobDigest(*blob);
  }

  const BlobDigest& blob() const { return blob_; }

  // "<64 hex digits>/<size>"
  std::string ToString() const { return blob_.ToString(); }

  friend auto operator<=>(const TypedBlobDigest&, const TypedBlobDigest&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const TypedBlobDigest& digest) {
    return H::combine(std::move(state), digest.blob_);
  }

 private:
  BlobDigest blob_;
};

struct FingerprintTag {
  static constexpr std::string_view kName = "fingerprint";
};
struct TrialKeyTag {
  static constexpr std::string_view kName = "trial key";
};
struct WeightsTag {
  static constexpr std::string_view kName = "weights digest";
};
struct NetworkTag {
  static constexpr std::string_view kName = "network digest";
};

// Identifies an architecture by its content.
using Fingerprint = TypedDigest<FingerprintTag>;
// Identifies a trial and its numerics class: equal keys are evaluated once.
using TrialKey = TypedDigest<TrialKeyTag>;
// Identifies a network: its architecture's fingerprint and its weights.
using NetworkDigest = TypedDigest<NetworkTag>;
// Identifies weights: the blob is their canonical manifest.
using WeightsDigest = TypedBlobDigest<WeightsTag>;

}  // namespace graft::digest

#endif  // GRAFT_COMMON_DIGEST_TYPED_DIGEST_H_
