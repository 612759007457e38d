#include "services/cli/network_import.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/arch/architecture.h"
#include "common/arch/parameter_fit.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/blob/blob_io.h"
#include "common/config/yaml.h"
#include "common/weights/safetensors.h"
#include "common/weights/weights.h"
#include "common/wire/architecture_wire.h"

namespace graft::cli {
namespace {

absl::StatusOr<arch::Architecture> ReadArchitecture(const std::string& path) {
  v1::Architecture proto;
  ASSIGN_OR_RETURN(const config::YamlSource source, config::LoadYamlFile(path, &proto));
  absl::StatusOr<arch::Architecture> architecture = wire::ExpandFromProto(proto, {});
  if (!architecture.ok()) return source.Explain(architecture.status(), "");
  return architecture;
}

// The tensors under the names that the store knows them by.
tensor::NamedTensors Rename(const arch::Architecture& architecture, tensor::NamedTensors tensors) {
  for (const arch::NodeIndex parameter : architecture.parameters()) {
    const std::string& id = architecture.node(parameter).id;
    const tensor::Tensor* tensor = tensors.Find(id);
    if (tensor == nullptr) continue;
    tensors.Set(architecture.TensorName(parameter), *tensor);
    tensors.Erase(id);
  }
  return tensors;
}

absl::StatusOr<tensor::NamedTensors> ReadWeights(const std::string& path,
                                                 const arch::Architecture& architecture) {
  ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path));
  absl::StatusOr<weights::Safetensors> read = weights::DecodeSafetensors(bytes);
  if (!read.ok()) return base::Annotate(read.status(), path);
  tensor::NamedTensors tensors = Rename(architecture, std::move(read->tensors));
  std::vector<arch::StoredTensor> stored;
  for (const auto& [name, tensor] : tensors) {
    stored.push_back({.name = name, .dtype = tensor.dtype(), .shape = tensor.shape()});
  }
  RETURN_IF_ERROR(base::Annotate(arch::CheckParameterFit(architecture, stored), path));
  return tensors;
}

// As weights::SaveWeights, but an import that was interrupted goes on where it stopped.
absl::StatusOr<digest::WeightsDigest> Upload(const tensor::NamedTensors& tensors,
                                             blob::BlobStore* store) {
  ASSIGN_OR_RETURN(const weights::PackedWeights packed, weights::PackWeights(tensors));
  if (!packed.manifest.entries().empty()) {
    RETURN_IF_ERROR(blob::PutResumably(store, packed.blob).status());
  }
  ASSIGN_OR_RETURN(const digest::BlobDigest manifest,
                   blob::PutResumably(store, packed.manifest.Encode()));
  return digest::WeightsDigest(manifest);
}

}  // namespace

absl::StatusOr<v1::Network> ImportNetwork(ClusterClient& client, const ImportFiles& files) {
  ASSIGN_OR_RETURN(const arch::Architecture architecture, ReadArchitecture(files.architecture));
  ASSIGN_OR_RETURN(const tensor::NamedTensors tensors, ReadWeights(files.weights, architecture));
  ASSIGN_OR_RETURN(const std::unique_ptr<blob::BlobStore> store, client.OpenWeightStore());
  ASSIGN_OR_RETURN(const digest::WeightsDigest weights, Upload(tensors, store.get()));
  v1::ImportNetworkRequest request;
  *request.mutable_architecture() = wire::ToProto(architecture);
  request.set_weights(weights.ToString());
  request.set_description(files.description);
  return client.ImportNetwork(request);
}

}  // namespace graft::cli
