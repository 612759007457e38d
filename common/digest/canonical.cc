#include "common/digest/canonical.h"

#include <bit>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::digest {
namespace {

enum Tag : uint8_t {
  kTagU64 = 0x01,
  kTagI64 = 0x02,
  kTagF64 = 0x03,
  kTagBool = 0x04,
  kTagBytes = 0x05,
  kTagString = 0x06,
  kTagList = 0x07,
};

constexpr uint64_t kTagSize = 1;
constexpr uint64_t kFixedSize = 8;
// The smallest value: a tag and a bool.
constexpr uint64_t kMinValueSize = 2;

uint64_t LoadFixed64(std::string_view bytes) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

bool IsNegativeZero(double value) { return value == 0.0 && std::signbit(value); }

}  // namespace

void CanonicalEncoder::AppendTag(uint8_t tag) { bytes_.push_back(static_cast<char>(tag)); }

void CanonicalEncoder::AppendFixed64(uint64_t value) {
  for (int i = 0; i < 8; ++i) bytes_.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

CanonicalEncoder& CanonicalEncoder::U64(uint64_t value) {
  AppendTag(kTagU64);
  AppendFixed64(value);
  return *this;
}

CanonicalEncoder& CanonicalEncoder::I64(int64_t value) {
  AppendTag(kTagI64);
  AppendFixed64(static_cast<uint64_t>(value));
  return *this;
}

CanonicalEncoder& CanonicalEncoder::F64(double value) {
  if (std::isnan(value) && status_.ok()) {
    status_ = absl::InvalidArgumentError("NaN has no canonical encoding");
  }
  AppendTag(kTagF64);
  AppendFixed64(std::bit_cast<uint64_t>(IsNegativeZero(value) ? 0.0 : value));
  return *this;
}

CanonicalEncoder& CanonicalEncoder::Bool(bool value) {
  AppendTag(kTagBool);
  bytes_.push_back(value ? 1 : 0);
  return *this;
}

CanonicalEncoder& CanonicalEncoder::Bytes(std::string_view value) {
  AppendTag(kTagBytes);
  AppendFixed64(value.size());
  bytes_.append(value);
  return *this;
}

CanonicalEncoder& CanonicalEncoder::String(std::string_view value) {
  if (!base::IsValidUtf8(value) && status_.ok()) {
    status_ = absl::InvalidArgumentError(
        absl::StrCat("not UTF-8: ", base::JsonQuote(value.substr(0, 80))));
  }
  AppendTag(kTagString);
  AppendFixed64(value.size());
  bytes_.append(value);
  return *this;
}

CanonicalEncoder& CanonicalEncoder::List(uint64_t count) {
  AppendTag(kTagList);
  AppendFixed64(count);
  return *this;
}

absl::StatusOr<std::string> CanonicalEncoder::Finish() && {
  RETURN_IF_ERROR(status_);
  return std::move(bytes_);
}

absl::StatusOr<Sha256Digest> CanonicalDigest(CanonicalEncoder encoder) {
  ASSIGN_OR_RETURN(const std::string bytes, std::move(encoder).Finish());
  return Sha256(bytes);
}

absl::Status CanonicalDecoder::Error(std::string_view problem) const {
  return absl::InvalidArgumentError(
      absl::StrCat("canonical encoding, byte ", position_, ": ", base::ToAbsl(problem)));
}

absl::StatusOr<std::string_view> CanonicalDecoder::PeekBody(uint8_t tag, std::string_view type,
                                                            uint64_t body_size) const {
  const std::string_view rest = bytes_.substr(position_);
  if (rest.empty()) {
    return Error(absl::StrCat("expected ", base::ToAbsl(type), ", found the end"));
  }
  if (static_cast<uint8_t>(rest[0]) != tag) {
    return Error(absl::StrFormat("expected %s (tag 0x%02x), found tag 0x%02x", std::string(type),
                                 tag, static_cast<uint8_t>(rest[0])));
  }
  if (rest.size() - kTagSize < body_size) {
    return Error(absl::StrCat(base::ToAbsl(type), " cut short: ", rest.size() - kTagSize, " of ",
                              body_size, " bytes"));
  }
  return rest.substr(kTagSize, body_size);
}

absl::StatusOr<uint64_t> CanonicalDecoder::U64() {
  ASSIGN_OR_RETURN(const std::string_view body, PeekBody(kTagU64, "u64", kFixedSize));
  position_ += kTagSize + kFixedSize;
  return LoadFixed64(body);
}

absl::StatusOr<int64_t> CanonicalDecoder::I64() {
  ASSIGN_OR_RETURN(const std::string_view body, PeekBody(kTagI64, "i64", kFixedSize));
  position_ += kTagSize + kFixedSize;
  return static_cast<int64_t>(LoadFixed64(body));
}

absl::StatusOr<double> CanonicalDecoder::F64() {
  ASSIGN_OR_RETURN(const std::string_view body, PeekBody(kTagF64, "f64", kFixedSize));
  const double value = std::bit_cast<double>(LoadFixed64(body));
  if (std::isnan(value)) return Error("NaN is not canonical");
  if (IsNegativeZero(value)) return Error("-0.0 is not canonical");
  position_ += kTagSize + kFixedSize;
  return value;
}

absl::StatusOr<bool> CanonicalDecoder::Bool() {
  ASSIGN_OR_RETURN(const std::string_view body, PeekBody(kTagBool, "bool", 1));
  if (body[0] != 0 && body[0] != 1) return Error("a bool is 0 or 1");
  position_ += kTagSize + 1;
  return body[0] == 1;
}

absl::StatusOr<std::string_view> CanonicalDecoder::LengthPrefixed(uint8_t tag,
                                                                  std::string_view type) {
  ASSIGN_OR_RETURN(const std::string_view prefix, PeekBody(tag, type, kFixedSize));
  const uint64_t length = LoadFixed64(prefix);
  const std::string_view rest = bytes_.substr(position_ + kTagSize + kFixedSize);
  if (length > rest.size()) {
    return Error(
        absl::StrCat(base::ToAbsl(type), " cut short: ", rest.size(), " of ", length, " bytes"));
  }
  return rest.substr(0, length);
}

absl::StatusOr<std::string_view> CanonicalDecoder::Bytes() {
  ASSIGN_OR_RETURN(const std::string_view value, LengthPrefixed(kTagBytes, "bytes"));
  position_ += kTagSize + kFixedSize + value.size();
  return value;
}

absl::StatusOr<std::string_view> CanonicalDecoder::String() {
  ASSIGN_OR_RETURN(const std::string_view value, LengthPrefixed(kTagString, "string"));
  if (!base::IsValidUtf8(value)) return Error("a string is not UTF-8");
  position_ += kTagSize + kFixedSize + value.size();
  return value;
}

absl::StatusOr<uint64_t> CanonicalDecoder::List(uint64_t limit) {
  ASSIGN_OR_RETURN(const std::string_view body, PeekBody(kTagList, "list", kFixedSize));
  const uint64_t count = LoadFixed64(body);
  const uint64_t room = (bytes_.size() - position_ - kTagSize - kFixedSize) / kMinValueSize;
  if (count > limit) {
    return Error(absl::StrCat("a list of ", count, " elements, the limit is ", limit));
  }
  if (count > room) return Error(absl::StrCat("a list of ", count, " elements is cut short"));
  position_ += kTagSize + kFixedSize;
  return count;
}

absl::Status CanonicalDecoder::ExpectEnd() const {
  if (position_ == bytes_.size()) return absl::OkStatus();
  return Error(absl::StrCat("expected the end, ", bytes_.size() - position_, " bytes follow"));
}

}  // namespace graft::digest
