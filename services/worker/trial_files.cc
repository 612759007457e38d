#include "services/worker/trial_files.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>

#include "common/base/status_macros.h"
#include "common/blob/blob_io.h"
#include "common/blob/disk_blob_store.h"
#include "common/weights/weights.h"

namespace graft::worker {
namespace {

// What a search uses, and what the next one does: as many as the trainer keeps in memory.
constexpr std::size_t kDatasetsKept = 2;

absl::StatusOr<std::unique_ptr<blob::DiskBlobStore>> OpenScratch(const std::string& directory) {
  return blob::DiskBlobStore::Open({.directory = directory, .sync_writes = false});
}

}  // namespace

absl::StatusOr<TrialFiles> TrialFiles::Create(const std::string& parent) {
  ASSIGN_OR_RETURN(base::TempDir folder, base::TempDir::CreateIn(parent, "trial-"));
  return TrialFiles(std::move(folder));
}

absl::Status TrialFiles::FetchWeights(const digest::WeightsDigest& weights, blob::BlobStore* store,
                                      std::int64_t* bytes) {
  ASSIGN_OR_RETURN(const auto inputs, OpenScratch(inputs_path()));
  ASSIGN_OR_RETURN(const std::int64_t copied, weights::CopyWeights(weights, store, inputs.get()));
  *bytes += copied;
  return absl::OkStatus();
}

absl::Status TrialFiles::UploadWeights(const digest::WeightsDigest& weights, blob::BlobStore* store,
                                       rpc::RemoteBlobStore* remote, std::int64_t* bytes) {
  {
    ASSIGN_OR_RETURN(const auto outputs, OpenScratch(outputs_path()));
    ASSIGN_OR_RETURN(const std::int64_t copied,
                     weights::CopyWeights(weights, outputs.get(), store));
    *bytes += copied;
  }
  return remote->CommitManifest(weights);
}

absl::StatusOr<DatasetFile> DatasetFile::Create(const std::string& parent,
                                                const digest::BlobDigest& digest,
                                                blob::BlobStore* store) {
  ASSIGN_OR_RETURN(base::TempDir folder, base::TempDir::CreateIn(parent, "dataset-"));
  DatasetFile file(std::move(folder), digest);
  RETURN_IF_ERROR(blob::ReadBlobToFile(store, digest, file.path()));
  return file;
}

absl::StatusOr<std::shared_ptr<const DatasetFile>> DatasetFiles::Fetch(
    const digest::BlobDigest& digest, blob::BlobStore* store, std::int64_t* bytes) {
  const base::MutexLock lock(&mutex_);
  const auto found = std::find_if(files_.begin(), files_.end(),
                                  [&](const auto& file) { return file->digest() == digest; });
  if (found != files_.end()) {
    files_.splice(files_.begin(), files_, found);
    return files_.front();
  }
  ASSIGN_OR_RETURN(DatasetFile file, DatasetFile::Create(directory_, digest, store));
  *bytes += static_cast<std::int64_t>(digest.size_bytes());
  files_.push_front(std::make_shared<const DatasetFile>(std::move(file)));
  // Nobody but this list can hand out another reference: a count of one stays one.
  for (auto old = std::next(files_.begin(), std::min(kDatasetsKept, files_.size()));
       old != files_.end();) {
    old = old->use_count() == 1 ? files_.erase(old) : std::next(old);
  }
  return files_.front();
}

}  // namespace graft::worker
