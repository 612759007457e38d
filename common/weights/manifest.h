// The manifest of weights: which tensor lies where. Its canonical bytes, stored as a blob, are what
// a WeightsDigest names.
//
// They are a canonical encoding (common/digest/canonical.h) of
//
//   string   "graft.weights.v1"
//   list     one entry for each tensor, ascending by the bytes of its name:
//     string   name
//     u64      dtype, the number of tensor::DType
//     list     shape, one u64 for each dimension
//     bytes    SHA-256 of the blob, 32 raw bytes
//     u64      size of the blob in bytes
//     u64      offset of the tensor's first byte in the blob
//     u64      length of the tensor in bytes
//
// A tensor's bytes are its elements in row-major order, little-endian.
#ifndef GRAFT_COMMON_WEIGHTS_MANIFEST_H_
#define GRAFT_COMMON_WEIGHTS_MANIFEST_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/digest/blob_digest.h"
#include "common/digest/typed_digest.h"
#include "common/tensor/dtype.h"
#include "common/tensor/shape.h"

namespace graft::weights {

// Offsets of tensors are multiples of this.
inline constexpr uint64_t kAlignmentBytes = 64;

// Limits on what a peer may make us hold.
inline constexpr uint64_t kMaxTensors = 100'000;
inline constexpr uint64_t kMaxNameBytes = 512;
inline constexpr uint64_t kMaxManifestBytes = uint64_t{64} << 20;
inline constexpr uint64_t kMaxTotalBytes = uint64_t{32} << 30;

// Where one tensor lies.
struct TensorEntry {
  std::string name;
  tensor::DType dtype;
  tensor::Shape shape;
  digest::BlobDigest blob;
  uint64_t offset;
  uint64_t length;

  friend bool operator==(const TensorEntry&, const TensorEntry&) = default;
};

// A valid manifest. An immutable value.
//
// Valid means: names are UTF-8, of 1 to kMaxNameBytes bytes, and differ; a length is what dtype and
// shape ask for; offsets are multiples of kAlignmentBytes, and 0 for an empty tensor; tensors lie
// within their blob and do not overlap; the limits above hold.
class Manifest {
 public:
  // INVALID_ARGUMENT, naming the tensor, if a rule is broken. Sorts the entries.
  static absl::StatusOr<Manifest> Create(std::vector<TensorEntry> entries);

  // The inverse of Encode. INVALID_ARGUMENT for bytes that Encode never gives.
  static absl::StatusOr<Manifest> Decode(std::string_view bytes);

  // Ascending by name.
  const std::vector<TensorEntry>& entries() const { return entries_; }

  // The blobs that hold the tensors, each once, in ascending order.
  std::vector<digest::BlobDigest> Blobs() const;

  // The canonical bytes.
  std::string Encode() const;

  // The digest of the canonical bytes.
  digest::WeightsDigest Digest() const;

  friend bool operator==(const Manifest&, const Manifest&) = default;

 private:
  explicit Manifest(std::vector<TensorEntry> entries) : entries_(std::move(entries)) {}

  std::vector<TensorEntry> entries_;
};

}  // namespace graft::weights

#endif  // GRAFT_COMMON_WEIGHTS_MANIFEST_H_
