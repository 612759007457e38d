#include "services/cli/dataset_upload.h"

#include <memory>

#include "common/base/status_macros.h"
#include "common/blob/blob_io.h"
#include "common/data/dataset_format.h"
#include "common/data/idx.h"
#include "services/cli/resource_name.h"

namespace graft::cli {
namespace {

std::vector<std::string> IdxClassNames(const std::string& name) {
  return name == "fashion_mnist" ? data::FashionMnistClassNames() : std::vector<std::string>();
}

}  // namespace

absl::StatusOr<v1::Dataset> UploadDataset(ClusterClient& client, const std::string& name,
                                          const std::string& path, data::ImportOptions options) {
  options.idx_class_names = IdxClassNames(name);
  ASSIGN_OR_RETURN(const data::Dataset dataset, data::ImportDataset(path, options));
  ASSIGN_OR_RETURN(const std::unique_ptr<blob::BlobStore> store, client.OpenWeightStore());
  ASSIGN_OR_RETURN(const digest::BlobDigest digest,
                   blob::PutResumably(store.get(), data::EncodeDataset(dataset)));
  v1::Dataset request;
  request.set_name(DatasetName(name));
  request.set_digest(digest.ToString());
  return client.CreateDataset(request);
}

}  // namespace graft::cli
