#include "services/weight_store/core/manifests.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/blob/blob_io.h"

namespace graft::weight_store {
namespace {

// In the names of what an interrupted base::WriteFileDurably leaves behind.
constexpr char kUnfinishedMark[] = ".tmp.";

// "<hex>/<size>" as a file's name.
std::string FileName(const digest::WeightsDigest& manifest) {
  return absl::StrReplaceAll(manifest.ToString(), {{"/", "-"}});
}

absl::StatusOr<digest::WeightsDigest> ParseFileName(const std::string& name) {
  return digest::WeightsDigest::Parse(absl::StrReplaceAll(name, {{"-", "/"}}));
}

}  // namespace

Manifests::Manifests(std::string folder, blob::BlobStore* store, ManifestReader reader)
    : folder_(std::move(folder)), store_(store), reader_(std::move(reader)) {}

absl::StatusOr<std::unique_ptr<Manifests>> Manifests::Open(const std::string& folder,
                                                           blob::BlobStore* store,
                                                           ManifestReader reader) {
  RETURN_IF_ERROR(base::CreateDirectories(folder));
  std::unique_ptr<Manifests> manifests(new Manifests(folder, store, std::move(reader)));
  RETURN_IF_ERROR(manifests->Load());
  return manifests;
}

absl::Status Manifests::Load() {
  base::MutexLock lock(&mutex_);
  std::error_code error;
  std::filesystem::directory_iterator entries(folder_, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename();
    if (name.find(kUnfinishedMark) != std::string::npos) {
      std::error_code ignored;
      std::filesystem::remove(entries->path(), ignored);
      continue;
    }
    absl::StatusOr<digest::WeightsDigest> manifest = ParseFileName(name);
    if (!manifest.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat(folder_, "/", name, " is not the name of a manifest; move it away"));
    }
    committed_.insert(*manifest);
  }
  if (error) return base::PosixError(error.value(), absl::StrCat("read ", folder_));
  return absl::OkStatus();
}

absl::Status Manifests::Commit(const digest::WeightsDigest& manifest) {
  {
    base::MutexLock lock(&mutex_);
    if (committed_.contains(manifest)) return absl::OkStatus();
  }
  RETURN_IF_ERROR(Check(manifest));
  RETURN_IF_ERROR(base::WriteFileDurably(absl::StrCat(folder_, "/", FileName(manifest)), ""));
  base::MutexLock lock(&mutex_);
  committed_.insert(manifest);
  return absl::OkStatus();
}

absl::Status Manifests::Check(const digest::WeightsDigest& manifest) const {
  if (manifest.blob().size_bytes() > kMaxManifestBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a manifest has at most ", kMaxManifestBytes,
                                                   " bytes; this is ", manifest.ToString()));
  }
  ASSIGN_OR_RETURN(const std::string bytes,
                   blob::ReadBlob(store_, manifest.blob(), kMaxManifestBytes));
  ASSIGN_OR_RETURN(const std::vector<digest::BlobDigest> blobs, reader_(bytes));
  ASSIGN_OR_RETURN(const std::vector<digest::BlobDigest> missing, store_->FindMissing(blobs));
  if (missing.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("manifest ", manifest.ToString(), " refers to ", missing.size(),
                   " blobs that are not stored, the first is ", missing.front().ToString()));
}

absl::StatusOr<Manifests::Page> Manifests::List(size_t page_size,
                                                const std::string& page_token) const {
  base::MutexLock lock(&mutex_);
  auto next = committed_.begin();
  if (!page_token.empty()) {
    // The token is the last manifest of the page before.
    ASSIGN_OR_RETURN(const digest::WeightsDigest last, digest::WeightsDigest::Parse(page_token));
    next = committed_.upper_bound(last);
  }
  Page page;
  for (; next != committed_.end() && page.manifests.size() < page_size; ++next) {
    page.manifests.push_back(*next);
  }
  if (next != committed_.end()) page.next_page_token = page.manifests.back().ToString();
  return page;
}

size_t Manifests::Count() const {
  base::MutexLock lock(&mutex_);
  return committed_.size();
}

}  // namespace graft::weight_store
