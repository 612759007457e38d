#include "services/cli/network_export.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/weights/safetensors.h"
#include "common/weights/weights.h"
#include "services/cli/output.h"

namespace graft::cli {

absl::Status ExportNetwork(ClusterClient& client, const std::string& name,
                           const std::string& directory) {
  ASSIGN_OR_RETURN(const v1::Network network, client.GetNetwork(name));
  ASSIGN_OR_RETURN(const digest::WeightsDigest digest,
                   digest::WeightsDigest::Parse(network.weights()));
  ASSIGN_OR_RETURN(const std::unique_ptr<blob::BlobStore> store, client.OpenWeightStore());
  ASSIGN_OR_RETURN(tensor::NamedTensors tensors, weights::LoadWeights(digest, store.get()));

  RETURN_IF_ERROR(base::CreateDirectories(directory));
  const auto write = [&](const char* file, const std::string& contents) {
    return base::WriteFileDurably(absl::StrCat(directory, "/", file), contents);
  };
  ASSIGN_OR_RETURN(
      const std::string safetensors,
      weights::EncodeSafetensors({.tensors = std::move(tensors),
                                  .metadata = {{"format", "graft"},
                                               {"network", network.name()},
                                               {"fingerprint", network.fingerprint()}}}));
  RETURN_IF_ERROR(write("weights.safetensors", safetensors));
  RETURN_IF_ERROR(write("architecture.json", ToJson(network.architecture())));
  RETURN_IF_ERROR(write("network.json", ToJson(network)));
  // Its search may be gone, or it was imported.
  const absl::StatusOr<v1::Trial> trial =
      network.trial().empty() ? absl::NotFoundError("") : client.GetTrial(network.trial());
  if (absl::IsNotFound(trial.status())) return absl::OkStatus();
  RETURN_IF_ERROR(trial.status());
  return write("trial.json", ToJson(*trial));
}

}  // namespace graft::cli
