#include "services/weight_store/core/quota_blob_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace graft::weight_store {

class QuotaBlobStore::Writer final : public blob::BlobWriter {
 public:
  Writer(QuotaBlobStore* store, std::unique_ptr<blob::BlobWriter> writer, uint64_t reserved)
      : store_(store), writer_(std::move(writer)), reserved_(reserved) {}
  ~Writer() override { store_->Release(reserved_); }

  absl::Status Append(std::string_view bytes) override {
    RETURN_IF_ERROR(store_->Reserve(bytes.size()));
    reserved_ += bytes.size();
    return writer_->Append(bytes);
  }

  absl::StatusOr<digest::BlobDigest> Commit() override {
    absl::StatusOr<digest::BlobDigest> digest = writer_->Commit();
    // From now on the store itself counts them.
    store_->Release(std::exchange(reserved_, 0));
    return digest;
  }

  uint64_t committed_size() const override { return writer_->committed_size(); }

 private:
  QuotaBlobStore* const store_;
  const std::unique_ptr<blob::BlobWriter> writer_;
  uint64_t reserved_;
};

absl::StatusOr<std::unique_ptr<blob::BlobWriter>> QuotaBlobStore::OpenWriter(
    const blob::WriteOptions& options) {
  if (options.expected.has_value()) {
    // Known to be too large before a byte is sent.
    RETURN_IF_ERROR(Reserve(options.expected->size_bytes()));
    Release(options.expected->size_bytes());
  }
  ASSIGN_OR_RETURN(std::unique_ptr<blob::BlobWriter> writer, store_->OpenWriter(options));
  const uint64_t resumed = writer->committed_size();
  RETURN_IF_ERROR(Reserve(resumed));
  return std::make_unique<Writer>(this, std::move(writer), resumed);
}

absl::Status QuotaBlobStore::Reserve(uint64_t bytes) {
  base::MutexLock lock(&mutex_);
  const uint64_t used = store_->Stats().size_bytes + reserved_bytes_;
  const bool fits = used <= quota_bytes_ && bytes <= quota_bytes_ - used;
  if (quota_bytes_ != 0 && !fits) {
    return absl::ResourceExhaustedError(absl::StrCat("the store's quota of ", quota_bytes_,
                                                     " bytes is used up: ", used, " are taken and ",
                                                     bytes, " were to be added"));
  }
  reserved_bytes_ += bytes;
  return absl::OkStatus();
}

void QuotaBlobStore::Release(uint64_t bytes) {
  base::MutexLock lock(&mutex_);
  reserved_bytes_ -= bytes;
}

}  // namespace graft::weight_store
