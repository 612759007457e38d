#include "services/controller/stored_weights.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/arch/parameter_fit.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/weights/weights.h"

namespace graft::controller {
namespace {

absl::Status NotUploaded(const digest::WeightsDigest& weights) {
  return absl::FailedPreconditionError(absl::StrCat("the weight store has not all of the weights ",
                                                    weights.ToString(), "; upload them first"));
}

}  // namespace

absl::Status CheckStoredWeights(blob::BlobStore& store, const arch::Architecture& architecture,
                                const digest::WeightsDigest& weights) {
  const absl::StatusOr<weights::Manifest> manifest = weights::LoadManifest(weights, &store);
  if (absl::IsNotFound(manifest.status())) return NotUploaded(weights);
  if (absl::IsInvalidArgument(manifest.status())) {
    return base::InvalidFieldError("weights", base::ToStd(manifest.status().message()));
  }
  if (!manifest.ok()) return base::Annotate(manifest.status(), "weight store");
  ASSIGN_OR_RETURN(const std::vector<digest::BlobDigest> missing,
                   store.FindMissing(manifest->Blobs()));
  if (!missing.empty()) return NotUploaded(weights);

  std::vector<arch::StoredTensor> tensors;
  for (const weights::TensorEntry& entry : manifest->entries()) {
    tensors.push_back({.name = entry.name, .dtype = entry.dtype, .shape = entry.shape});
  }
  const absl::Status fit = arch::CheckParameterFit(architecture, tensors);
  if (fit.ok()) return fit;
  return base::InvalidFieldError("weights", base::ToStd(fit.message()));
}

}  // namespace graft::controller
