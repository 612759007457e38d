// TrialFiles: the folder of one attempt, and moving weights and data sets between it and the store.
#ifndef GRAFT_SERVICES_WORKER_TRIAL_FILES_H_
#define GRAFT_SERVICES_WORKER_TRIAL_FILES_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>

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

// A data set as a file of its own, removed when this is destroyed.
class DatasetFile {
 public:
  // Copies the blob out of `store`, verified, into a fresh folder below `parent`.
  static absl::StatusOr<DatasetFile> Create(const std::string& parent,
                                            const digest::BlobDigest& digest,
                                            blob::BlobStore* store);

  const digest::BlobDigest& digest() const { return digest_; }
  // Its name is that of the content.
  std::string path() const { return folder_.Join(digest_.sha256().ToHex()); }

 private:
  DatasetFile(base::TempDir folder, const digest::BlobDigest& digest)
      : folder_(std::move(folder)), digest_(digest) {}

  base::TempDir folder_;
  digest::BlobDigest digest_;
};

// The data sets that trials use, as files for the trainer: those in use and the last two.
// Thread-safe.
class DatasetFiles {
 public:
  // Keeps files below `directory`, an existing folder.
  explicit DatasetFiles(std::string directory) : directory_(std::move(directory)) {}

  // The file stays for as long as it is held. Adds what was copied to `bytes`. Errors of BlobStore.
  absl::StatusOr<std::shared_ptr<const DatasetFile>> Fetch(const digest::BlobDigest& digest,
                                                           blob::BlobStore* store,
                                                           std::int64_t* bytes);

 private:
  const std::string directory_;
  base::Mutex mutex_;  // held while copying: a second trial waits for the first one's copy
  std::list<std::shared_ptr<const DatasetFile>> files_ ABSL_GUARDED_BY(mutex_);  // latest first
};

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_TRIAL_FILES_H_
