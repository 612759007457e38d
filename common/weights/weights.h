// Weights, that is named tensors, in a blob store: one packed blob and a manifest.
#ifndef GRAFT_COMMON_WEIGHTS_WEIGHTS_H_
#define GRAFT_COMMON_WEIGHTS_WEIGHTS_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/blob/blob_store.h"
#include "common/digest/blob_digest.h"
#include "common/digest/typed_digest.h"
#include "common/tensor/named_tensors.h"
#include "common/weights/manifest.h"

namespace graft::weights {

struct PackedWeights {
  Manifest manifest;
  // The one blob that the manifest's tensors lie in; empty if no tensor has an element.
  std::string blob;
};

// Lays tensors out one after another in order of their names, each at the next multiple of
// kAlignmentBytes, with zeros between. Equal tensors give equal bytes, so weights have one digest.
// INVALID_ARGUMENT if a name is malformed or a limit of the manifest is passed.
absl::StatusOr<PackedWeights> PackWeights(const tensor::NamedTensors& tensors);

// Gives the bytes of a blob that a manifest names, verified; kept by the caller until UnpackWeights
// returns.
using BlobSource = std::function<absl::StatusOr<std::string_view>(const digest::BlobDigest&)>;

// The inverse. Asks `source` once for each blob; its errors are passed on.
absl::StatusOr<tensor::NamedTensors> UnpackWeights(const Manifest& manifest,
                                                   const BlobSource& source);

// Stores weights. The manifest comes last, so that one that is in the store names blobs that are.
absl::StatusOr<digest::WeightsDigest> SaveWeights(const tensor::NamedTensors& tensors,
                                                  blob::BlobStore* store);

// Reads and checks a manifest. NOT_FOUND if it is not stored, INVALID_ARGUMENT if the blob is no
// valid manifest, RESOURCE_EXHAUSTED if it is larger than kMaxManifestBytes.
absl::StatusOr<Manifest> LoadManifest(const digest::WeightsDigest& weights, blob::BlobStore* store);

// The inverse of SaveWeights. Errors as LoadManifest; NOT_FOUND if a blob is missing, DATA_LOSS if
// one is damaged.
absl::StatusOr<tensor::NamedTensors> LoadWeights(const digest::WeightsDigest& weights,
                                                 blob::BlobStore* store);

// Copies weights from one store into another, the manifest last; returns the bytes of all blobs.
// Errors as LoadWeights.
absl::StatusOr<std::int64_t> CopyWeights(const digest::WeightsDigest& weights,
                                         blob::BlobStore* from, blob::BlobStore* to);

}  // namespace graft::weights

#endif  // GRAFT_COMMON_WEIGHTS_WEIGHTS_H_
