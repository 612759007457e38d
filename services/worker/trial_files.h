// TrialFiles: the folder of one attempt, and moving weights and data sets between it and the store.
#ifndef GRAFT_SERVICES_WORKER_TRIAL_FILES_H_
#define GRAFT_SERVICES_WORKER_TRIAL_FILES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/file.h"
#include "common/base/mutex.h"
#include "common/blob/blob_store.h"
#include "common/digest/typed_digest.h"
#include "common/rpc/remote_blob_store.h"

namespace graft::worker {

// Folder of an attempt: `inputs` and `outputs`, each in the layout of a disk blob store, removed
// with its contents when this is destroyed. Not thread-safe.
class TrialFiles {
 public:
  // `parent` is an existing folder.
  static absl::StatusOr<TrialFiles> Create(const std::string& parent);

  std::string inputs_path() const { return folder_.Join("inputs"); }
  std::string outputs_path() const { return folder_.Join("outputs"); }

  // Copies a weights' manifest and the blobs it names from `store` into the inputs. Adds what was
  // copied to `bytes`. NOT_FOUND, DATA_LOSS as of BlobStore.
  absl::Status FetchWeights(const digest::WeightsDigest& weights, blob::BlobStore* store,
                            std::int64_t* bytes);

  // Copies a weights' blobs and then its manifest from the outputs into `store`, which is in front
  // of `remote`, and commits the manifest there. Adds what was copied to `bytes`.
  absl::Status UploadWeights(const digest::WeightsDigest& weights, blob::BlobStore* store,
                             rpc::RemoteBlobStore* remote, std::int64_t* bytes);

 private:
  explicit TrialFiles(base::TempDir folder) : folder_(std::move(folder)) {}
  base::TempDir folder_;
};

// Data sets as files, fetched once. Thread-safe.
class DatasetFiles {
 public:
  // Keeps files below `directory`, an existing folder.
  explicit DatasetFiles(std::string directory) : directory_(std::move(directory)) {}

  // Path of a file with the blob's verified bytes. Adds what was fetched to `bytes`.
  absl::StatusOr<std::string> Fetch(const digest::BlobDigest& digest, blob::BlobStore* store,
                                    std::int64_t* bytes);

 private:
  const std::string directory_;
  base::Mutex mutex_;  // held while fetching: a second trial waits for the first one's download
};

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_TRIAL_FILES_H_
