#include "common/digest/blob_digest.h"

#include <charconv>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/strings.h"

namespace graft::digest {
namespace {

constexpr size_t kHexSize = 2 * Sha256Digest::kSizeBytes;

absl::Status MalformedError(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("expected a blob digest like <64 hexadecimal digits>/<size in bytes>, got ",
                   base::JsonQuote(text.substr(0, 100))));
}

}  // namespace

absl::StatusOr<BlobDigest> BlobDigest::Create(const Sha256Digest& sha256, uint64_t size_bytes) {
  if (size_bytes > kMaxSizeBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a blob of ", size_bytes, " bytes is above the limit of 2^63 - 1"));
  }
  return BlobDigest(sha256, size_bytes);
}

absl::StatusOr<BlobDigest> BlobDigest::Parse(std::string_view text) {
  if (text.size() < kHexSize + 2 || text[kHexSize] != '/') return MalformedError(text);
  const absl::StatusOr<Sha256Digest> sha256 = Sha256Digest::Parse(text.substr(0, kHexSize));
  if (!sha256.ok()) return MalformedError(text);
  const std::string_view digits = text.substr(kHexSize + 1);
  uint64_t size_bytes = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), size_bytes);
  const bool canonical = digits.size() == 1 || digits.front() != '0';
  if (error != std::errc() || end != digits.data() + digits.size() || !canonical) {
    return MalformedError(text);
  }
  return Create(*sha256, size_bytes);
}

BlobDigest BlobDigest::Of(std::string_view bytes) { return {Sha256(bytes), bytes.size()}; }

std::string BlobDigest::ToString() const { return absl::StrCat(sha256_.ToHex(), "/", size_bytes_); }

}  // namespace graft::digest
