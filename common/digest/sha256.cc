#include "common/digest/sha256.h"

#include <openssl/evp.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/strings.h"

namespace graft::digest {

absl::StatusOr<Sha256Digest> Sha256Digest::FromBytes(std::string_view bytes) {
  if (bytes.size() != kSizeBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a SHA-256 digest has 32 bytes, not ", bytes.size()));
  }
  Bytes value;
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(value.data()));
  return Sha256Digest(value);
}

absl::StatusOr<Sha256Digest> Sha256Digest::Parse(std::string_view hex) {
  const absl::StatusOr<std::string> bytes = base::HexDecode(hex);
  if (!bytes.ok() || bytes->size() != kSizeBytes) {
    // The text is not repeated whole: it may be long and come from a peer.
    return absl::InvalidArgumentError(
        absl::StrCat("expected a SHA-256 digest of 64 lower-case hexadecimal digits, got ",
                     base::JsonQuote(hex.substr(0, 80))));
  }
  return FromBytes(*bytes);
}

std::string Sha256Digest::ToHex() const { return base::HexEncode(bytes_); }

struct Sha256Hasher::Context {
  Context() : evp(EVP_MD_CTX_new()) {
    GRAFT_CHECK(evp != nullptr);
    Start();
  }
  ~Context() { EVP_MD_CTX_free(evp); }
  void Start() { GRAFT_CHECK(EVP_DigestInit_ex(evp, EVP_sha256(), nullptr) == 1); }

  EVP_MD_CTX* const evp;
};

Sha256Hasher::Sha256Hasher() : context_(std::make_unique<Context>()) {}
Sha256Hasher::Sha256Hasher(Sha256Hasher&&) noexcept = default;
Sha256Hasher& Sha256Hasher::operator=(Sha256Hasher&&) noexcept = default;
Sha256Hasher::~Sha256Hasher() = default;

void Sha256Hasher::Update(std::string_view bytes) {
  GRAFT_CHECK(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1);
}

Sha256Digest Sha256Hasher::Finish() {
  Sha256Digest::Bytes bytes;
  unsigned size = 0;
  GRAFT_CHECK(EVP_DigestFinal_ex(context_->evp, bytes.data(), &size) == 1);
  GRAFT_CHECK(size == bytes.size());
  context_->Start();
  return Sha256Digest(bytes);
}

Sha256Digest Sha256(std::string_view bytes) {
  Sha256Hasher hasher;
  hasher.Update(bytes);
  return hasher.Finish();
}

}  // namespace graft::digest
