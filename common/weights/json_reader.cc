#include "common/weights/json_reader.h"

#include <charconv>
#include <limits>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::weights {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendUtf8(uint32_t code_point, std::string* out) {
  const auto append = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    append(code_point);
  } else if (code_point < 0x800) {
    append(0xC0 | code_point >> 6);
    append(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    append(0xE0 | code_point >> 12);
    append(0x80 | (code_point >> 6 & 0x3F));
    append(0x80 | (code_point & 0x3F));
  } else {
    append(0xF0 | code_point >> 18);
    append(0x80 | (code_point >> 12 & 0x3F));
    append(0x80 | (code_point >> 6 & 0x3F));
    append(0x80 | (code_point & 0x3F));
  }
}

}  // namespace

absl::Status JsonReader::Error(std::string_view problem) const {
  return absl::InvalidArgumentError(
      absl::StrCat("JSON, byte ", position_, ": ", base::ToAbsl(problem)));
}

void JsonReader::SkipWhiteSpace() {
  const size_t next = text_.find_first_not_of(" \t\r\n", position_);
  position_ = next == std::string_view::npos ? text_.size() : next;
}

bool JsonReader::TryTake(char c) {
  SkipWhiteSpace();
  if (position_ == text_.size() || text_[position_] != c) return false;
  ++position_;
  return true;
}

absl::Status JsonReader::Expect(char c) {
  if (TryTake(c)) return absl::OkStatus();
  return Error(absl::StrCat("expected '", std::string(1, c), "'"));
}

absl::Status JsonReader::ExpectEnd() {
  SkipWhiteSpace();
  return position_ == text_.size() ? absl::OkStatus() : Error("expected the end");
}

absl::StatusOr<uint32_t> JsonReader::HexQuad() {
  uint32_t value = 0;
  const std::string_view digits = text_.substr(position_, 4);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() < 4 || error != std::errc() || end != digits.data() + 4) {
    return Error("expected four hexadecimal digits");
  }
  position_ += 4;
  return value;
}

absl::Status JsonReader::AppendEscape(std::string* out) {
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (position_ == text_.size()) return Error("the string does not end");
  const char c = text_[position_++];
  if (const size_t index = kEscapes.find(c); index != std::string_view::npos) {
    out->push_back(kMeanings[index]);
    return absl::OkStatus();
  }
  if (c != 'u') return Error("unknown escape");
  ASSIGN_OR_RETURN(uint32_t code_point, HexQuad());
  if (code_point >= 0xD800 && code_point < 0xDC00) {
    // The first half of a surrogate pair.
    if (text_.substr(position_, 2) != "\\u") return Error("half a surrogate pair");
    position_ += 2;
    ASSIGN_OR_RETURN(const uint32_t low, HexQuad());
    if (low < 0xDC00 || low > 0xDFFF) return Error("half a surrogate pair");
    code_point = 0x10000 + ((code_point - 0xD800) << 10) + (low - 0xDC00);
  } else if (code_point >= 0xDC00 && code_point <= 0xDFFF) {
    return Error("half a surrogate pair");
  }
  AppendUtf8(code_point, out);
  return absl::OkStatus();
}

absl::StatusOr<std::string> JsonReader::String() {
  RETURN_IF_ERROR(Expect('"'));
  std::string value;
  while (true) {
    if (position_ == text_.size()) return Error("the string does not end");
    const char c = text_[position_++];
    if (c == '"') break;
    if (c == '\\') {
      RETURN_IF_ERROR(AppendEscape(&value));
    } else if (static_cast<uint8_t>(c) < 0x20) {
      return Error("a control character in a string");
    } else {
      value.push_back(c);
    }
  }
  if (!base::IsValidUtf8(value)) return Error("a string is not UTF-8");
  return value;
}

absl::StatusOr<uint64_t> JsonReader::UnsignedInteger() {
  SkipWhiteSpace();
  size_t end = position_;
  while (end < text_.size() && IsDigit(text_[end])) ++end;
  const std::string_view digits = text_.substr(position_, end - position_);
  uint64_t value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) {
    return Error("expected an unsigned integer");
  }
  if (result.ec != std::errc() || value > uint64_t{std::numeric_limits<int64_t>::max()}) {
    return Error("the integer is too large");
  }
  position_ = end;
  return value;
}

}  // namespace graft::weights
