#include "common/blob/caching_blob_store.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/logging.h"
#include "common/base/status_macros.h"

namespace graft::blob {

// One copy in progress, shared by those who wait for it. Guarded by the store's mutex.
struct CachingBlobStore::Fetch {
  base::CondVar finished;
  std::optional<absl::StatusOr<bool>> result;
};

// Writes to the remote store, and to the local one for as long as that works.
class CachingBlobStore::TeeWriter final : public BlobWriter {
 public:
  TeeWriter(CachingBlobStore* store, std::unique_ptr<BlobWriter> remote,
            std::unique_ptr<BlobWriter> local)
      : store_(store), remote_(std::move(remote)), local_(std::move(local)) {}

  absl::Status Append(std::string_view bytes) override {
    RETURN_IF_ERROR(remote_->Append(bytes));
    const bool fits = remote_->committed_size() <= store_->options_.limit_bytes;
    if (local_ != nullptr && (!fits || !local_->Append(bytes).ok())) local_ = nullptr;
    return absl::OkStatus();
  }

  absl::StatusOr<digest::BlobDigest> Commit() override {
    ASSIGN_OR_RETURN(const digest::BlobDigest digest, remote_->Commit());
    if (local_ != nullptr && local_->Commit().ok()) store_->UpdateBooks(digest);
    return digest;
  }

  uint64_t committed_size() const override { return remote_->committed_size(); }

 private:
  CachingBlobStore* const store_;
  const std::unique_ptr<BlobWriter> remote_;
  std::unique_ptr<BlobWriter> local_;  // null once it has failed
};

absl::StatusOr<std::unique_ptr<CachingBlobStore>> CachingBlobStore::Create(LocalBlobStore* local,
                                                                           BlobStore* remote,
                                                                           const Options& options) {
  std::unique_ptr<CachingBlobStore> store(new CachingBlobStore(local, remote, options));
  ASSIGN_OR_RETURN(const std::vector<digest::BlobDigest> digests, local->List());
  for (const digest::BlobDigest& digest : digests) store->UpdateBooks(digest);
  return store;
}

absl::StatusOr<std::vector<digest::BlobDigest>> CachingBlobStore::FindMissing(
    std::span<const digest::BlobDigest> digests) {
  return remote_->FindMissing(digests);
}

absl::StatusOr<std::unique_ptr<BlobReader>> CachingBlobStore::OpenReader(
    const digest::BlobDigest& digest, uint64_t offset) {
  absl::StatusOr<std::unique_ptr<BlobReader>> reader = local_->OpenReader(digest, offset);
  UpdateBooks(digest);
  const bool hit = reader.ok() || absl::IsOutOfRange(reader.status());
  {
    base::MutexLock lock(&mutex_);
    ++(hit ? stats_.hits : stats_.misses);
  }
  if (hit) return reader;
  if (digest.size_bytes() > options_.limit_bytes) return remote_->OpenReader(digest, offset);

  ASSIGN_OR_RETURN(const bool fetched, FetchOnce(digest));
  if (fetched) {
    reader = local_->OpenReader(digest, offset);
    if (reader.ok() || absl::IsOutOfRange(reader.status())) return reader;
  }
  // The local store is full or broken, or other blobs have driven this one out already.
  base::LogWarning("blob read past the cache",
                   {{"blob", digest.ToString()}, {"error", reader.status()}});
  return remote_->OpenReader(digest, offset);
}

absl::StatusOr<bool> CachingBlobStore::FetchOnce(const digest::BlobDigest& digest) {
  std::shared_ptr<Fetch> fetch;
  {
    base::MutexLock lock(&mutex_);
    const auto [position, is_first] = fetches_.try_emplace(digest);
    if (is_first) position->second = std::make_shared<Fetch>();
    fetch = position->second;
    if (!is_first) {
      while (!fetch->result) fetch->finished.Wait(&mutex_);
      return *fetch->result;
    }
  }
  const absl::StatusOr<bool> result = Copy(digest);
  UpdateBooks(digest);
  base::MutexLock lock(&mutex_);
  fetch->result = result;
  fetch->finished.SignalAll();
  fetches_.erase(digest);
  return result;
}

absl::StatusOr<bool> CachingBlobStore::Copy(const digest::BlobDigest& digest) {
  constexpr size_t kChunkBytes = 256 << 10;
  // A fetch may have ended between the caller's look at the local store and its turn.
  if (const absl::StatusOr<bool> is_here = local_->Contains(digest); is_here.ok() && *is_here) {
    return true;
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> reader, remote_->OpenReader(digest, 0));
  const absl::StatusOr<std::unique_ptr<BlobWriter>> writer =
      local_->OpenWriter({.expected = digest});
  if (!writer.ok()) return false;
  std::vector<char> buffer(kChunkBytes);
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, reader->Read(buffer));
    if (count == 0) break;
    if (!(*writer)->Append({buffer.data(), count}).ok()) return false;
  }
  if (!(*writer)->Commit().ok()) return false;
  base::MutexLock lock(&mutex_);
  ++stats_.fetches;
  return true;
}

absl::StatusOr<std::unique_ptr<BlobWriter>> CachingBlobStore::OpenWriter(
    const WriteOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<BlobWriter> remote, remote_->OpenWriter(options));
  // The front of a resumed upload has not passed through here.
  std::unique_ptr<BlobWriter> local;
  if (options.upload_id.empty()) {
    absl::StatusOr<std::unique_ptr<BlobWriter>> opened = local_->OpenWriter(options);
    if (opened.ok()) local = *std::move(opened);
  }
  return std::make_unique<TeeWriter>(this, std::move(remote), std::move(local));
}

void CachingBlobStore::UpdateBooks(const digest::BlobDigest& digest) {
  base::MutexLock lock(&mutex_);
  const absl::StatusOr<bool> is_here = local_->Contains(digest);
  if (!is_here.ok()) return;
  const auto position = positions_.find(digest);
  const bool is_known = position != positions_.end();
  if (*is_here && is_known) {
    order_.splice(order_.end(), order_, position->second);
  } else if (*is_here) {
    positions_.emplace(digest, order_.insert(order_.end(), digest));
    stats_.size_bytes += digest.size_bytes();
    EvictBeyondLimit();
  } else if (is_known) {
    order_.erase(position->second);
    positions_.erase(position);
    stats_.size_bytes -= digest.size_bytes();
  }
}

void CachingBlobStore::EvictBeyondLimit() {
  while (stats_.size_bytes > options_.limit_bytes) {
    const digest::BlobDigest victim = order_.front();
    order_.pop_front();
    positions_.erase(victim);
    stats_.size_bytes -= victim.size_bytes();
    ++stats_.evictions;
    if (const absl::Status status = local_->Delete(victim); !status.ok()) {
      base::LogWarning("cached blob not removed", {{"blob", victim.ToString()}, {"error", status}});
    }
  }
}

BlobCacheStats CachingBlobStore::Stats() const {
  base::MutexLock lock(&mutex_);
  return stats_;
}

std::vector<digest::BlobDigest> CachingBlobStore::CachedDigests() const {
  base::MutexLock lock(&mutex_);
  return {order_.begin(), order_.end()};
}

}  // namespace graft::blob
