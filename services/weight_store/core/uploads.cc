#include "services/weight_store/core/uploads.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::weight_store {

absl::StatusOr<std::unique_ptr<Upload>> Uploads::Open(const std::string& digest,
                                                      const std::string& upload_id) {
  blob::WriteOptions options;
  options.upload_id = upload_id;
  if (!digest.empty()) {
    const absl::StatusOr<digest::BlobDigest> parsed = digest::BlobDigest::Parse(digest);
    if (!parsed.ok()) {
      return base::InvalidFieldError("digest", base::ToStd(parsed.status().message()));
    }
    options.expected = *parsed;
    ASSIGN_OR_RETURN(const bool stored, store_->Contains(*parsed));
    if (stored) return std::make_unique<Upload>(this, "", nullptr, *parsed);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<blob::BlobWriter> writer, store_->OpenWriter(options));
  Progress(upload_id, writer->committed_size());
  return std::make_unique<Upload>(this, upload_id, std::move(writer), std::nullopt);
}

absl::StatusOr<uint64_t> Uploads::CommittedSize(const std::string& upload_id) {
  {
    base::MutexLock lock(&mutex_);
    const auto found = in_progress_.find(upload_id);
    if (found != in_progress_.end()) return found->second;
  }
  const absl::Status valid = blob::ValidateUploadId(upload_id);
  if (!valid.ok()) return base::InvalidFieldError("upload_id", base::ToStd(valid.message()));
  ASSIGN_OR_RETURN(const std::unique_ptr<blob::BlobWriter> writer,
                   store_->OpenWriter({.upload_id = upload_id}));
  if (writer->committed_size() > 0) return writer->committed_size();
  return absl::NotFoundError(absl::StrCat("nothing has arrived of upload ", upload_id));
}

void Uploads::Progress(const std::string& upload_id, uint64_t committed_size) {
  if (upload_id.empty()) return;
  base::MutexLock lock(&mutex_);
  in_progress_[upload_id] = committed_size;
}

void Uploads::End(const std::string& upload_id) {
  base::MutexLock lock(&mutex_);
  in_progress_.erase(upload_id);
}

Upload::Upload(Uploads* uploads, std::string upload_id, std::unique_ptr<blob::BlobWriter> writer,
               std::optional<digest::BlobDigest> stored)
    : uploads_(uploads),
      upload_id_(std::move(upload_id)),
      writer_(std::move(writer)),
      stored_(std::move(stored)) {}

Upload::~Upload() { Close(); }

uint64_t Upload::committed_size() const {
  if (stored_.has_value()) return stored_->size_bytes();
  return writer_ == nullptr ? 0 : writer_->committed_size();
}

absl::Status Upload::Append(int64_t offset, std::string_view data) {
  if (writer_ == nullptr) return absl::FailedPreconditionError("the upload has ended");
  if (data.size() > kMaxChunkBytes) {
    return base::InvalidFieldError("data", absl::StrCat("expected at most ", kMaxChunkBytes,
                                                        " bytes in a chunk, got ", data.size()));
  }
  if (offset < 0 || static_cast<uint64_t>(offset) != writer_->committed_size()) {
    return absl::OutOfRangeError(absl::StrCat("a chunk at offset ", offset, " where ",
                                              writer_->committed_size(), " bytes have arrived"));
  }
  RETURN_IF_ERROR(writer_->Append(data));
  uploads_->Progress(upload_id_, writer_->committed_size());
  return absl::OkStatus();
}

absl::Status Upload::Commit() {
  if (writer_ == nullptr) return absl::FailedPreconditionError("the upload has ended");
  absl::StatusOr<digest::BlobDigest> digest = writer_->Commit();
  Close();
  RETURN_IF_ERROR(digest.status());
  stored_ = *digest;
  return absl::OkStatus();
}

void Upload::Close() {
  if (writer_ == nullptr) return;
  // The store frees the id first: while it is listed here, nobody else can hold it.
  writer_ = nullptr;
  uploads_->End(upload_id_);
}

}  // namespace graft::weight_store
