#include "common/blob/blob_store.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::blob {
namespace {

constexpr size_t kMaxUploadIdSize = 64;

}  // namespace

absl::StatusOr<bool> BlobStore::Contains(const digest::BlobDigest& digest) {
  ASSIGN_OR_RETURN(const std::vector<digest::BlobDigest> missing, FindMissing({&digest, 1}));
  return missing.empty();
}

absl::Status ValidateUploadId(std::string_view upload_id) {
  const bool valid_characters =
      std::all_of(upload_id.begin(), upload_id.end(),
                  [](unsigned char c) { return absl::ascii_isalnum(c) || c == '-' || c == '_'; });
  if (!upload_id.empty() && upload_id.size() <= kMaxUploadIdSize && valid_characters) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("upload id ", base::JsonQuote(upload_id.substr(0, kMaxUploadIdSize)),
                   ": expected 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'"));
}

absl::Status BlobNotFoundError(const digest::BlobDigest& digest) {
  return absl::NotFoundError(absl::StrCat("no blob ", digest.ToString()));
}

absl::Status CheckReadOffset(const digest::BlobDigest& digest, uint64_t offset) {
  if (offset <= digest.size_bytes()) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("offset ", offset, " is beyond the end of blob ", digest.ToString()));
}

absl::Status CheckWriteSize(const WriteOptions& options, uint64_t size_bytes) {
  const uint64_t limit =
      options.expected ? options.expected->size_bytes() : digest::BlobDigest::kMaxSizeBytes;
  if (size_bytes <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the upload has more than the expected ", limit, " bytes"));
}

absl::Status CheckWrittenDigest(const WriteOptions& options, const digest::BlobDigest& actual) {
  if (!options.expected || *options.expected == actual) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the uploaded bytes are blob ", actual.ToString(),
                                                 ", expected ", options.expected->ToString()));
}

}  // namespace graft::blob
