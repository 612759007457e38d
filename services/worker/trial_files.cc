#include "services/worker/trial_files.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "common/base/status_macros.h"
#include "common/blob/blob_io.h"
#include "common/blob/disk_blob_store.h"
#include "common/weights/weights.h"

namespace graft::worker {
namespace {

absl::StatusOr<std::unique_ptr<blob::DiskBlobStore>> OpenScratch(const std::string& directory) {
  return blob::DiskBlobStore::Open({.directory = directory, .sync_writes = false});
}

absl::Status CopyCounted(blob::BlobStore* from, blob::BlobStore* to,
                         const digest::BlobDigest& digest, std::int64_t* bytes) {
  RETURN_IF_ERROR(blob::CopyBlob(from, to, digest));
  *bytes += static_cast<std::int64_t>(digest.size_bytes());
  return absl::OkStatus();
}

// Blobs first, then the manifest: one that is there names blobs that are.
absl::Status CopyWeights(const digest::WeightsDigest& weights, blob::BlobStore* from,
                         blob::BlobStore* to, std::int64_t* bytes) {
  ASSIGN_OR_RETURN(const weights::Manifest manifest, weights::LoadManifest(weights, from));
  for (const digest::BlobDigest& blob : manifest.Blobs()) {
    RETURN_IF_ERROR(CopyCounted(from, to, blob, bytes));
  }
  return CopyCounted(from, to, weights.blob(), bytes);
}

}  // namespace

absl::StatusOr<TrialFiles> TrialFiles::Create(const std::string& parent) {
  ASSIGN_OR_RETURN(base::TempDir folder, base::TempDir::CreateIn(parent, "trial-"));
  return TrialFiles(std::move(folder));
}

absl::Status TrialFiles::FetchWeights(const digest::WeightsDigest& weights, blob::BlobStore* store,
                                      std::int64_t* bytes) {
  ASSIGN_OR_RETURN(const auto inputs, OpenScratch(inputs_path()));
  return CopyWeights(weights, store, inputs.get(), bytes);
}

absl::Status TrialFiles::UploadWeights(const digest::WeightsDigest& weights, blob::BlobStore* store,
                                       rpc::RemoteBlobStore* remote, std::int64_t* bytes) {
  {
    ASSIGN_OR_RETURN(const auto outputs, OpenScratch(outputs_path()));
    RETURN_IF_ERROR(CopyWeights(weights, outputs.get(), store, bytes));
  }
  return remote->CommitManifest(weights);
}

absl::StatusOr<std::string> DatasetFiles::Fetch(const digest::BlobDigest& digest,
                                                blob::BlobStore* store, std::int64_t* bytes) {
  const std::string path = absl::StrCat(directory_, "/", digest.sha256().ToHex());
  const base::MutexLock lock(&mutex_);
  if (std::filesystem::exists(path)) return path;
  // Under another name first: a process that is killed meanwhile leaves no part of a data set
  // under its own.
  const std::string partial = path + ".partial";
  std::error_code error;
  std::filesystem::remove(partial, error);
  RETURN_IF_ERROR(blob::ReadBlobToFile(store, digest, partial));
  std::filesystem::rename(partial, path, error);
  if (error) return base::PosixError(error.value(), absl::StrCat("rename ", partial));
  *bytes += static_cast<std::int64_t>(digest.size_bytes());
  return path;
}

}  // namespace graft::worker
