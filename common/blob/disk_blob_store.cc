#include "common/blob/disk_blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/digest/sha256.h"

namespace graft::blob {
namespace {

namespace fs = std::filesystem;

constexpr size_t kChunkBytes = 256 << 10;
constexpr mode_t kBlobMode = 0444;
constexpr std::string_view kAnonymousPrefix = "anonymous-";
constexpr std::string_view kUploadPrefix = "upload-";

// "cdef...-SIZE", the name in the folder "ab".
std::string FileName(const digest::BlobDigest& digest) {
  return absl::StrCat(digest.sha256().ToHex().substr(2), "-", digest.size_bytes());
}

// The inverse of folder and file name; none for a file that is not of this store.
std::optional<digest::BlobDigest> ParseFileName(const std::string& folder,
                                                const std::string& name) {
  const size_t separator = name.find('-');
  if (separator == std::string::npos) return std::nullopt;
  absl::StatusOr<digest::BlobDigest> digest = digest::BlobDigest::Parse(
      absl::StrCat(folder, name.substr(0, separator), "/", name.substr(separator + 1)));
  if (!digest.ok()) return std::nullopt;
  return *digest;
}

// The file names in a folder, in no order.
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return base::PosixError(error.value(), absl::StrCat("list the folder ", path));
  return names;
}

// Feeds the whole file to `hasher` and returns its size.
absl::StatusOr<uint64_t> HashFile(int fd, const std::string& path, digest::Sha256Hasher* hasher) {
  std::vector<char> buffer(kChunkBytes);
  uint64_t offset = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t count,
                     base::ReadAt(fd, offset, buffer, absl::StrCat("read ", path)));
    if (count == 0) return offset;
    hasher->Update({buffer.data(), count});
    offset += count;
  }
}

// Bytes of a file that was verified and is of mode 0444; it stays readable after a delete.
class Reader final : public BlobReader {
 public:
  Reader(base::UniqueFd fd, const digest::BlobDigest& digest, uint64_t offset)
      : fd_(std::move(fd)), digest_(digest), offset_(offset) {}

  absl::StatusOr<size_t> Read(std::span<char> buffer) override {
    const uint64_t left = digest_.size_bytes() - offset_;
    const size_t wanted = std::min<uint64_t>(left, buffer.size());
    ASSIGN_OR_RETURN(const size_t count,
                     base::ReadAt(fd_.get(), offset_, buffer.first(wanted),
                                  absl::StrCat("read blob ", digest_.ToString())));
    if (count < wanted) {
      return absl::DataLossError(absl::StrCat("blob ", digest_.ToString(), " shrank while read"));
    }
    offset_ += count;
    return count;
  }

 private:
  const base::UniqueFd fd_;
  const digest::BlobDigest digest_;
  uint64_t offset_;
};

}  // namespace

// Hashes bytes on their way into a temporary file.
class DiskBlobStore::Writer final : public BlobWriter {
 public:
  Writer(DiskBlobStore* store, const WriteOptions& options, base::UniqueFd fd, std::string path)
      : store_(store), options_(options), fd_(std::move(fd)), path_(std::move(path)) {}

  ~Writer() override {
    const bool resumable = !options_.upload_id.empty() && !spent_;
    if (!resumable && !path_.empty()) unlink(path_.c_str());
    // Only now may another writer take the file.
    if (!options_.upload_id.empty()) store_->ReleaseUpload(options_.upload_id);
  }

  // Takes over the bytes that an interrupted upload has left.
  absl::Status Resume() {
    ASSIGN_OR_RETURN(size_bytes_, HashFile(fd_.get(), path_, &hasher_));
    if (lseek(fd_.get(), static_cast<off_t>(size_bytes_), SEEK_SET) < 0) {
      return base::PosixError(errno, absl::StrCat("seek ", path_));
    }
    return absl::OkStatus();
  }

  absl::Status Append(std::string_view bytes) override {
    absl::Status status = CheckWriteSize(options_, size_bytes_ + bytes.size());
    if (status.ok()) {
      status = base::WriteFully(fd_.get(), bytes, absl::StrCat("write ", path_));
    }
    if (!status.ok()) {
      spent_ = true;
      return status;
    }
    hasher_.Update(bytes);
    size_bytes_ += bytes.size();
    return absl::OkStatus();
  }

  absl::StatusOr<digest::BlobDigest> Commit() override {
    spent_ = true;
    ASSIGN_OR_RETURN(const digest::BlobDigest digest,
                     digest::BlobDigest::Create(hasher_.Finish(), size_bytes_));
    RETURN_IF_ERROR(CheckWrittenDigest(options_, digest));
    if (fchmod(fd_.get(), kBlobMode) != 0) {
      return base::PosixError(errno, absl::StrCat("set the mode of ", path_));
    }
    if (store_->options_.sync_writes) {
      RETURN_IF_ERROR(base::SyncFile(fd_.get(), absl::StrCat("sync ", path_)));
    }
    RETURN_IF_ERROR(store_->Publish(path_, digest));
    path_.clear();
    return digest;
  }

  uint64_t committed_size() const override { return size_bytes_; }

 private:
  DiskBlobStore* const store_;
  const WriteOptions options_;
  const base::UniqueFd fd_;
  std::string path_;  // empty once the file has its final name
  digest::Sha256Hasher hasher_;
  uint64_t size_bytes_ = 0;
  bool spent_ = false;  // after Commit or an error: the file is of no further use
};

absl::StatusOr<std::unique_ptr<DiskBlobStore>> DiskBlobStore::Open(const Options& options) {
  RETURN_IF_ERROR(base::CreateDirectories(options.directory));
  ASSIGN_OR_RETURN(base::FileLock lock,
                   base::FileLock::TryAcquire(absl::StrCat(options.directory, "/LOCK")));
  std::unique_ptr<DiskBlobStore> store(new DiskBlobStore(options, std::move(lock)));
  RETURN_IF_ERROR(store->CreateFolders());
  RETURN_IF_ERROR(store->RemoveLeftovers());
  RETURN_IF_ERROR(store->CountBlobs());
  return store;
}

std::string DiskBlobStore::BlobsPath() const { return absl::StrCat(options_.directory, "/blobs"); }

std::string DiskBlobStore::FolderOf(const digest::BlobDigest& digest) const {
  return absl::StrCat(BlobsPath(), "/", digest.sha256().ToHex().substr(0, 2));
}

std::string DiskBlobStore::PathOf(const digest::BlobDigest& digest) const {
  return absl::StrCat(FolderOf(digest), "/", FileName(digest));
}

std::string DiskBlobStore::TemporaryPath(std::string_view name) const {
  return absl::StrCat(options_.directory, "/tmp/", base::ToAbsl(name));
}

absl::Status DiskBlobStore::CreateFolders() {
  RETURN_IF_ERROR(base::CreateDirectories(TemporaryPath("")));
  RETURN_IF_ERROR(base::CreateDirectories(absl::StrCat(options_.directory, "/quarantine")));
  RETURN_IF_ERROR(base::CreateDirectories(BlobsPath()));
  return options_.sync_writes ? base::SyncDirectory(options_.directory) : absl::OkStatus();
}

absl::Status DiskBlobStore::RemoveLeftovers() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(TemporaryPath("")));
  const absl::Time oldest_upload = options_.clock->Now() - options_.upload_retention;
  for (const std::string& name : names) {
    const std::string path = TemporaryPath(name);
    struct stat info;
    if (stat(path.c_str(), &info) != 0) continue;
    const bool keep =
        name.starts_with(kUploadPrefix) && absl::TimeFromTimespec(info.st_mtim) >= oldest_upload;
    if (!keep && unlink(path.c_str()) != 0) {
      return base::PosixError(errno, absl::StrCat("remove ", path));
    }
  }
  return absl::OkStatus();
}

absl::Status DiskBlobStore::CountBlobs() {
  ASSIGN_OR_RETURN(const std::vector<digest::BlobDigest> digests, List());
  base::MutexLock lock(&mutex_);
  for (const digest::BlobDigest& digest : digests) {
    ++stats_.blob_count;
    stats_.size_bytes += digest.size_bytes();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<digest::BlobDigest>> DiskBlobStore::FindMissing(
    std::span<const digest::BlobDigest> digests) {
  std::vector<digest::BlobDigest> missing;
  for (const digest::BlobDigest& digest : digests) {
    struct stat info;
    if (stat(PathOf(digest).c_str(), &info) == 0) continue;
    if (errno != ENOENT) return base::PosixError(errno, absl::StrCat("stat ", PathOf(digest)));
    missing.push_back(digest);
  }
  return missing;
}

absl::StatusOr<std::unique_ptr<BlobReader>> DiskBlobStore::OpenReader(
    const digest::BlobDigest& digest, uint64_t offset) {
  const std::string path = PathOf(digest);
  absl::StatusOr<base::UniqueFd> fd = base::OpenFile(path, O_RDONLY);
  if (absl::IsNotFound(fd.status())) return BlobNotFoundError(digest);
  RETURN_IF_ERROR(fd.status());
  RETURN_IF_ERROR(CheckReadOffset(digest, offset));

  digest::Sha256Hasher hasher;
  ASSIGN_OR_RETURN(const uint64_t size_bytes, HashFile(fd->get(), path, &hasher));
  if (size_bytes != digest.size_bytes()) {
    return Quarantine(digest, fd->get(), absl::StrCat("has ", size_bytes, " bytes"));
  }
  if (const digest::Sha256Digest actual = hasher.Finish(); actual != digest.sha256()) {
    return Quarantine(digest, fd->get(), absl::StrCat("has the digest ", actual.ToHex()));
  }
  // Only the order of List depends on it.
  [[maybe_unused]] const int ignored = futimens(fd->get(), nullptr);
  return std::make_unique<Reader>(*std::move(fd), digest, offset);
}

absl::Status DiskBlobStore::Quarantine(const digest::BlobDigest& digest, int fd,
                                       const std::string& problem) {
  const std::string path = PathOf(digest);
  const absl::Status data_loss = absl::DataLossError(
      absl::StrCat("blob ", digest.ToString(), " is damaged: the file ", path, " ", problem));
  base::MutexLock lock(&mutex_);
  struct stat read_file;
  struct stat named_file;
  if (fstat(fd, &read_file) != 0 || stat(path.c_str(), &named_file) != 0 ||
      read_file.st_ino != named_file.st_ino) {
    return data_loss;
  }
  ++stats_.quarantined_count;
  const std::string target =
      absl::StrCat(options_.directory, "/quarantine/", digest.sha256().ToHex(), "-",
                   digest.size_bytes(), "-", stats_.quarantined_count);
  // Where it cannot be moved it stays, and every reader finds it damaged again.
  const bool moved = rename(path.c_str(), target.c_str()) == 0;
  if (moved) {
    --stats_.blob_count;
    stats_.size_bytes -= digest.size_bytes();
  }
  base::LogError("damaged blob", {{"blob", digest.ToString()},
                                  {"problem", problem},
                                  {"quarantine", target},
                                  {"moved", moved}});
  return data_loss;
}

absl::StatusOr<std::unique_ptr<BlobWriter>> DiskBlobStore::OpenWriter(const WriteOptions& options) {
  if (options.upload_id.empty()) {
    std::string path = TemporaryPath(absl::StrCat(base::ToAbsl(kAnonymousPrefix), "XXXXXX"));
    base::UniqueFd fd(mkostemp(path.data(), O_CLOEXEC));
    if (!fd.valid()) return base::PosixError(errno, absl::StrCat("create ", path));
    return std::make_unique<Writer>(this, options, std::move(fd), std::move(path));
  }
  RETURN_IF_ERROR(ValidateUploadId(options.upload_id));
  RETURN_IF_ERROR(ClaimUpload(options.upload_id));
  std::string path = TemporaryPath(absl::StrCat(base::ToAbsl(kUploadPrefix), options.upload_id));
  absl::StatusOr<base::UniqueFd> fd = base::OpenFile(path, O_RDWR | O_CREAT, 0600);
  if (!fd.ok()) {
    ReleaseUpload(options.upload_id);
    return fd.status();
  }
  // From here on the writer's destructor releases the id.
  auto writer = std::make_unique<Writer>(this, options, *std::move(fd), std::move(path));
  RETURN_IF_ERROR(writer->Resume());
  return writer;
}

absl::Status DiskBlobStore::CreateFolderOf(const digest::BlobDigest& digest) {
  const std::string folder = FolderOf(digest);
  if (mkdir(folder.c_str(), 0755) != 0) {
    if (errno == EEXIST) return absl::OkStatus();
    return base::PosixError(errno, absl::StrCat("create the folder ", folder));
  }
  return options_.sync_writes ? base::SyncDirectory(BlobsPath()) : absl::OkStatus();
}

absl::Status DiskBlobStore::Publish(const std::string& temporary,
                                    const digest::BlobDigest& digest) {
  const std::string path = PathOf(digest);
  RETURN_IF_ERROR(CreateFolderOf(digest));
  {
    base::MutexLock lock(&mutex_);
    struct stat info;
    const bool existed = stat(path.c_str(), &info) == 0;
    // Over an existing file, too: these bytes are known to be good, that file is not.
    if (rename(temporary.c_str(), path.c_str()) != 0) {
      return base::PosixError(errno, absl::StrCat("rename to ", path));
    }
    if (!existed) {
      ++stats_.blob_count;
      stats_.size_bytes += digest.size_bytes();
    }
  }
  return options_.sync_writes ? base::SyncDirectory(FolderOf(digest)) : absl::OkStatus();
}

absl::Status DiskBlobStore::ClaimUpload(const std::string& upload_id) {
  base::MutexLock lock(&mutex_);
  if (open_uploads_.insert(upload_id).second) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("upload ", upload_id, " is being written by another caller"));
}

void DiskBlobStore::ReleaseUpload(const std::string& upload_id) {
  base::MutexLock lock(&mutex_);
  open_uploads_.erase(upload_id);
}

absl::Status DiskBlobStore::Delete(const digest::BlobDigest& digest) {
  const std::string path = PathOf(digest);
  base::MutexLock lock(&mutex_);
  if (unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return BlobNotFoundError(digest);
    return base::PosixError(errno, absl::StrCat("remove ", path));
  }
  --stats_.blob_count;
  stats_.size_bytes -= digest.size_bytes();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<digest::BlobDigest>> DiskBlobStore::List() {
  std::vector<std::pair<absl::Time, digest::BlobDigest>> blobs;
  ASSIGN_OR_RETURN(const std::vector<std::string> folders, ListFolder(BlobsPath()));
  for (const std::string& folder : folders) {
    const std::string folder_path = absl::StrCat(BlobsPath(), "/", folder);
    ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(folder_path));
    for (const std::string& name : names) {
      const std::optional<digest::BlobDigest> digest = ParseFileName(folder, name);
      struct stat info;
      if (!digest || stat(absl::StrCat(folder_path, "/", name).c_str(), &info) != 0) continue;
      blobs.emplace_back(absl::TimeFromTimespec(info.st_mtim), *digest);
    }
  }
  std::sort(blobs.begin(), blobs.end());
  std::vector<digest::BlobDigest> digests;
  for (const auto& [time, digest] : blobs) digests.push_back(digest);
  return digests;
}

BlobStoreStats DiskBlobStore::Stats() const {
  base::MutexLock lock(&mutex_);
  return stats_;
}

}  // namespace graft::blob
