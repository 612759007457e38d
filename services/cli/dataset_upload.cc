#include "services/cli/dataset_upload.h"

#include <memory>

#include "common/base/status_macros.h"
#include "common/data/dataset_format.h"
#include "common/data/idx.h"
#include "services/cli/resource_name.h"

namespace graft::cli {
namespace {

std::vector<std::string> IdxClassNames(const std::string& name) {
  return name == "fashion_mnist" ? data::FashionMnistClassNames() : std::vector<std::string>();
}

// Sends nothing if the store has the bytes, and goes on where a broken connection stopped.
absl::StatusOr<digest::BlobDigest> PutResumably(blob::BlobStore* store, std::string_view bytes) {
  const digest::BlobDigest digest = digest::BlobDigest::Of(bytes);
  ASSIGN_OR_RETURN(const bool stored, store->Contains(digest));
  if (stored) return digest;
  ASSIGN_OR_RETURN(const std::unique_ptr<blob::BlobWriter> writer,
                   store->OpenWriter({.expected = digest, .upload_id = digest.sha256().ToHex()}));
  RETURN_IF_ERROR(writer->Append(bytes.substr(writer->committed_size())));
  return writer->Commit();
}

}  // namespace

absl::StatusOr<v1::Dataset> UploadDataset(ClusterClient& client, const std::string& name,
                                          const std::string& path, data::ImportOptions options) {
  options.idx_class_names = IdxClassNames(name);
  ASSIGN_OR_RETURN(const data::Dataset dataset, data::ImportDataset(path, options));
  ASSIGN_OR_RETURN(const std::unique_ptr<blob::BlobStore> store, client.OpenWeightStore());
  ASSIGN_OR_RETURN(const digest::BlobDigest digest,
                   PutResumably(store.get(), data::EncodeDataset(dataset)));
  v1::Dataset request;
  request.set_name(DatasetName(name));
  request.set_digest(digest.ToString());
  return client.CreateDataset(request);
}

}  // namespace graft::cli
