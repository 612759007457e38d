#ifndef GRAFT_SERVICES_WEIGHT_STORE_CORE_UPLOADS_H_
#define GRAFT_SERVICES_WEIGHT_STORE_CORE_UPLOADS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/blob/blob_store.h"

namespace graft::weight_store {

class Upload;

// The uploads into a store: what WriteBlob and QueryWriteStatus mean, without gRPC. Thread-safe.
class Uploads {
 public:
  // `store` must outlive this.
  explicit Uploads(blob::BlobStore* store) : store_(store) {}

  // Opens an upload, or finds that the store has the blob. `digest` empty: not known yet;
  // `upload_id` empty: cannot be resumed. INVALID_ARGUMENT if either is malformed, ABORTED if the
  // id is in use, RESOURCE_EXHAUSTED. The upload must not outlive this.
  absl::StatusOr<std::unique_ptr<Upload>> Open(const std::string& digest,
                                               const std::string& upload_id);

  // What has arrived of an upload, in progress or interrupted. NOT_FOUND if nothing has;
  // INVALID_ARGUMENT for a malformed id.
  absl::StatusOr<uint64_t> CommittedSize(const std::string& upload_id);

 private:
  friend class Upload;
  void Progress(const std::string& upload_id, uint64_t committed_size);
  void End(const std::string& upload_id);

  blob::BlobStore* const store_;
  base::Mutex mutex_;
  // Bytes of the uploads in progress, by id.
  std::map<std::string, uint64_t> in_progress_ ABSL_GUARDED_BY(mutex_);
};

// One upload: Append until the bytes are complete, then Commit. Destroying it earlier, or after an
// error, leaves what a later upload of the same id may continue. Not thread-safe.
class Upload {
 public:
  // `writer` null: the store has the blob `stored` already.
  Upload(Uploads* uploads, std::string upload_id, std::unique_ptr<blob::BlobWriter> writer,
         std::optional<digest::BlobDigest> stored);
  ~Upload();

  // Adds a chunk. OUT_OF_RANGE unless `offset` is committed_size(); INVALID_ARGUMENT for more than
  // kMaxChunkBytes or bytes beyond the blob's size; RESOURCE_EXHAUSTED.
  absl::Status Append(int64_t offset, std::string_view data);

  // Stores the blob. INVALID_ARGUMENT if the bytes do not match the digest. Once it returns,
  // another upload may use the id.
  absl::Status Commit();

  // Set once the blob is stored.
  const std::optional<digest::BlobDigest>& stored() const { return stored_; }
  uint64_t committed_size() const;

 private:
  void Close();

  Uploads* const uploads_;
  const std::string upload_id_;
  std::unique_ptr<blob::BlobWriter> writer_;
  std::optional<digest::BlobDigest> stored_;
};

inline constexpr size_t kMaxChunkBytes = 1 << 20;

}  // namespace graft::weight_store

#endif  // GRAFT_SERVICES_WEIGHT_STORE_CORE_UPLOADS_H_
