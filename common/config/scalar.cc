#include "common/config/scalar.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/config/suggest.h"

namespace graft::config::internal {
namespace {

using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::EnumValueDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

// Whole numbers beyond this are not exact as a double.
constexpr double kMaxExactDouble = 9007199254740992.0;  // 2^53

absl::Status Expected(std::string_view what, const std::string& text) {
  return absl::InvalidArgumentError(
      absl::StrCat("expected ", base::ToAbsl(what), ", got ", Quoted(text)));
}

absl::Status OutOfRange(const std::string& text, const std::string& low, const std::string& high) {
  return absl::InvalidArgumentError(
      absl::StrCat("expected a whole number from ", low, " to ", high, ", got ", Quoted(text)));
}

bool IsDigits(absl::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c); });
}

bool IsWholeNumber(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "-")) absl::ConsumePrefix(&text, "+");
  return IsDigits(text);
}

// Whole numbers of type Wide in the range of type Narrow: "64", "-1", "4e6".
template <typename Narrow, typename Wide>
absl::StatusOr<Scalar> ParseInteger(const std::string& text) {
  using Limits = std::numeric_limits<Narrow>;
  Wide value = 0;
  if (IsWholeNumber(text)) {
    if (!absl::SimpleAtoi(text, &value) || value < Limits::min() || value > Limits::max()) {
      return OutOfRange(text, absl::StrCat(Limits::min()), absl::StrCat(Limits::max()));
    }
    return Scalar(value);
  }
  double number = 0;
  if (!ParseNumber(text, &number) || number != std::floor(number)) {
    return Expected("a whole number", text);
  }
  const bool representable = std::fabs(number) <= kMaxExactDouble &&
                             number >= static_cast<double>(Limits::min()) &&
                             number <= static_cast<double>(Limits::max());
  if (!representable) {
    return OutOfRange(text, absl::StrCat(Limits::min()), absl::StrCat(Limits::max()));
  }
  return Scalar(static_cast<Wide>(number));
}

absl::StatusOr<Scalar> ParseFloatingPoint(const std::string& text, double largest) {
  double value = 0;
  if (!ParseNumber(text, &value)) return Expected("a number", text);
  if (!std::isfinite(value) || std::fabs(value) > largest) {
    return Expected("a finite number", text);
  }
  return Scalar(value);
}

absl::StatusOr<Scalar> ParseBool(const std::string& text, bool quoted) {
  if (quoted) return Expected("true or false without quotes", text);
  if (text == "true") return Scalar(true);
  if (text == "false") return Scalar(false);
  return Expected("true or false", text);
}

absl::StatusOr<Scalar> ParseBytes(const std::string& text) {
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes) && !absl::WebSafeBase64Unescape(text, &bytes)) {
    return Expected("base64", text);
  }
  return Scalar(std::move(bytes));
}

absl::StatusOr<Scalar> ParseEnum(const EnumDescriptor& type, const std::string& text) {
  for (int i = 0; i < type.value_count(); ++i) {
    const EnumValueDescriptor* value = type.value(i);
    if (value->name() == text || ShortEnumName(*value) == text) return Scalar(value);
  }
  const std::vector<std::string> choices = EnumChoices(type);
  return absl::InvalidArgumentError(absl::StrCat("expected one of ", absl::StrJoin(choices, ", "),
                                                 "; got ", Quoted(text),
                                                 DidYouMean(text, choices)));
}

// "EpisodeStart" -> "EPISODE_START_"
std::string EnumPrefix(const std::string& type_name) {
  std::string prefix;
  for (const char c : type_name) {
    if (absl::ascii_isupper(c) && !prefix.empty()) prefix.push_back('_');
    prefix.push_back(absl::ascii_toupper(c));
  }
  return prefix + "_";
}

}  // namespace

absl::StatusOr<Scalar> ParseScalar(const FieldDescriptor& field, const std::string& text,
                                   bool quoted) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return ParseInteger<int32_t, int64_t>(text);
    case FieldDescriptor::CPPTYPE_INT64:
      return ParseInteger<int64_t, int64_t>(text);
    case FieldDescriptor::CPPTYPE_UINT32:
      return ParseInteger<uint32_t, uint64_t>(text);
    case FieldDescriptor::CPPTYPE_UINT64:
      return ParseInteger<uint64_t, uint64_t>(text);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return ParseFloatingPoint(text, std::numeric_limits<double>::max());
    case FieldDescriptor::CPPTYPE_FLOAT:
      return ParseFloatingPoint(text, std::numeric_limits<float>::max());
    case FieldDescriptor::CPPTYPE_BOOL:
      return ParseBool(text, quoted);
    case FieldDescriptor::CPPTYPE_ENUM:
      return ParseEnum(*field.enum_type(), text);
    case FieldDescriptor::CPPTYPE_STRING:
      if (field.type() == FieldDescriptor::TYPE_BYTES) return ParseBytes(text);
      return Scalar(text);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return absl::InternalError(absl::StrCat(field.full_name(), " is a message"));
}

void StoreScalar(const FieldDescriptor& field, const Scalar& value, Message* message) {
  const Reflection& reflection = *message->GetReflection();
  const bool add = field.is_repeated();
#define GRAFT_STORE(Type, stored)                            \
  return add ? reflection.Add##Type(message, &field, stored) \
             : reflection.Set##Type(message, &field, stored)
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      GRAFT_STORE(Int32, static_cast<int32_t>(std::get<int64_t>(value)));
    case FieldDescriptor::CPPTYPE_INT64:
      GRAFT_STORE(Int64, std::get<int64_t>(value));
    case FieldDescriptor::CPPTYPE_UINT32:
      GRAFT_STORE(UInt32, static_cast<uint32_t>(std::get<uint64_t>(value)));
    case FieldDescriptor::CPPTYPE_UINT64:
      GRAFT_STORE(UInt64, std::get<uint64_t>(value));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      GRAFT_STORE(Double, std::get<double>(value));
    case FieldDescriptor::CPPTYPE_FLOAT:
      GRAFT_STORE(Float, static_cast<float>(std::get<double>(value)));
    case FieldDescriptor::CPPTYPE_BOOL:
      GRAFT_STORE(Bool, std::get<bool>(value));
    case FieldDescriptor::CPPTYPE_ENUM:
      GRAFT_STORE(Enum, std::get<const EnumValueDescriptor*>(value));
    case FieldDescriptor::CPPTYPE_STRING:
      GRAFT_STORE(String, std::get<std::string>(value));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return;
  }
#undef GRAFT_STORE
}

std::string ShortEnumName(const EnumValueDescriptor& value) {
  const std::string prefix = EnumPrefix(value.type()->name());
  if (!absl::StartsWith(value.name(), prefix)) return value.name();
  return absl::AsciiStrToLower(value.name().substr(prefix.size()));
}

std::vector<std::string> EnumChoices(const EnumDescriptor& type) {
  std::vector<std::string> choices;
  for (int i = 0; i < type.value_count(); ++i) {
    const EnumValueDescriptor& value = *type.value(i);
    if (value.number() == 0 && absl::EndsWith(value.name(), "_UNSPECIFIED")) continue;
    choices.push_back(ShortEnumName(value));
  }
  return choices;
}

bool ParseNumber(std::string_view text, double* value) {
  // SimpleAtod also takes "inf", "nan" and blanks around the number.
  const auto allowed = [](char c) {
    return absl::ascii_isdigit(c) || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
  };
  if (!std::any_of(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c); }) ||
      !std::all_of(text.begin(), text.end(), allowed)) {
    return false;
  }
  return absl::SimpleAtod(base::ToAbsl(text), value);
}

std::string Quoted(std::string_view text) {
  constexpr size_t kLongest = 60;
  if (text.size() <= kLongest) return base::JsonQuote(text);
  return absl::StrCat(base::JsonQuote(text.substr(0, kLongest)), "...");
}

}  // namespace graft::config::internal
