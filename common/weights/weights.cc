#include "common/weights/weights.h"

#include <bit>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/blob/blob_io.h"

namespace graft::weights {
namespace {

// Tensors are stored as they lie in memory.
static_assert(std::endian::native == std::endian::little);

using tensor::NamedTensors;
using tensor::Tensor;

uint64_t RoundUp(uint64_t offset) {
  return (offset + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
}

// `blob` has been verified, and Manifest that the entry lies within it.
Tensor ReadTensor(const TensorEntry& entry, std::string_view blob) {
  Tensor tensor = Tensor::Zeros(entry.dtype, entry.shape);
  if (entry.length > 0) {
    std::memcpy(tensor.mutable_bytes().data(), blob.data() + entry.offset, entry.length);
  }
  return tensor;
}

}  // namespace

absl::StatusOr<PackedWeights> PackWeights(const NamedTensors& tensors) {
  if (tensors.TotalSizeBytes() > kMaxTotalBytes) {
    return absl::InvalidArgumentError(absl::StrCat("weights of ", tensors.TotalSizeBytes(),
                                                   " bytes, the limit is ", kMaxTotalBytes));
  }
  std::string blob;
  std::map<std::string_view, uint64_t> offsets;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.size_bytes() == 0) continue;
    blob.resize(RoundUp(blob.size()), '\0');
    offsets[name] = blob.size();
    blob.append(tensor.bytes().data(), tensor.size_bytes());
  }
  const digest::BlobDigest digest = digest::BlobDigest::Of(blob);
  std::vector<TensorEntry> entries;
  for (const auto& [name, tensor] : tensors) {
    entries.push_back({.name = name,
                       .dtype = tensor.dtype(),
                       .shape = tensor.shape(),
                       .blob = digest,
                       .offset = tensor.size_bytes() == 0 ? 0 : offsets[name],
                       .length = tensor.size_bytes()});
  }
  ASSIGN_OR_RETURN(Manifest manifest, Manifest::Create(std::move(entries)));
  return PackedWeights{std::move(manifest), std::move(blob)};
}

absl::StatusOr<NamedTensors> UnpackWeights(const Manifest& manifest, const BlobSource& source) {
  std::map<digest::BlobDigest, std::string_view> blobs;
  for (const digest::BlobDigest& digest : manifest.Blobs()) {
    ASSIGN_OR_RETURN(const std::string_view bytes, source(digest));
    if (bytes.size() != digest.size_bytes()) {
      return absl::DataLossError(
          absl::StrCat("blob ", digest.ToString(), " came with ", bytes.size(), " bytes"));
    }
    blobs[digest] = bytes;
  }
  NamedTensors tensors;
  for (const TensorEntry& entry : manifest.entries()) {
    RETURN_IF_ERROR(tensors.Insert(entry.name, ReadTensor(entry, blobs[entry.blob])));
  }
  return tensors;
}

absl::StatusOr<digest::WeightsDigest> SaveWeights(const NamedTensors& tensors,
                                                  blob::BlobStore* store) {
  ASSIGN_OR_RETURN(const PackedWeights packed, PackWeights(tensors));
  if (!packed.manifest.entries().empty()) {
    RETURN_IF_ERROR(blob::PutBytes(store, packed.blob).status());
  }
  ASSIGN_OR_RETURN(const digest::BlobDigest manifest,
                   blob::PutBytes(store, packed.manifest.Encode()));
  return digest::WeightsDigest(manifest);
}

absl::StatusOr<Manifest> LoadManifest(const digest::WeightsDigest& weights,
                                      blob::BlobStore* store) {
  ASSIGN_OR_RETURN(const std::string bytes,
                   blob::ReadBlob(store, weights.blob(), kMaxManifestBytes));
  return Manifest::Decode(bytes);
}

absl::StatusOr<NamedTensors> LoadWeights(const digest::WeightsDigest& weights,
                                         blob::BlobStore* store) {
  ASSIGN_OR_RETURN(const Manifest manifest, LoadManifest(weights, store));
  std::map<digest::BlobDigest, std::string> blobs;
  return UnpackWeights(
      manifest,
      [store, &blobs](const digest::BlobDigest& digest) -> absl::StatusOr<std::string_view> {
        ASSIGN_OR_RETURN(std::string bytes, blob::ReadBlob(store, digest, kMaxTotalBytes));
        return blobs[digest] = std::move(bytes);
      });
}

absl::StatusOr<std::int64_t> CopyWeights(const digest::WeightsDigest& weights,
                                         blob::BlobStore* from, blob::BlobStore* to) {
  ASSIGN_OR_RETURN(const Manifest manifest, LoadManifest(weights, from));
  std::vector<digest::BlobDigest> blobs = manifest.Blobs();
  blobs.push_back(weights.blob());
  std::int64_t bytes = 0;
  for (const digest::BlobDigest& blob : blobs) {
    RETURN_IF_ERROR(blob::CopyBlob(from, to, blob));
    bytes += static_cast<std::int64_t>(blob.size_bytes());
  }
  return bytes;
}

}  // namespace graft::weights
