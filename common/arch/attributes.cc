#include "common/arch/attributes.h"

#include <charconv>
#include <cmath>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::arch {
namespace {

std::string ToText(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  GRAFT_CHECK(error == std::errc());
  return std::string(buffer, end);
}

std::optional<std::int64_t> AsInt(const AttributeValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* real = std::get_if<double>(&value)) {
    if (std::abs(*real) <= kMaxInteger && std::trunc(*real) == *real) {
      return static_cast<std::int64_t>(*real);
    }
  }
  return std::nullopt;
}

std::optional<double> AsDouble(const AttributeValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    return static_cast<double>(*integer);
  }
  return std::nullopt;
}

std::optional<std::vector<std::int64_t>> AsInts(const AttributeSpec& spec,
                                                const AttributeValue& value) {
  std::vector<std::int64_t> ints;
  if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) {
    ints = *list;
  } else if (const auto single = AsInt(value); single.has_value() && spec.length > 0) {
    ints = {*single};
  } else {
    return std::nullopt;
  }
  if (spec.length > 0 && ints.size() == 1) ints.assign(spec.length, ints.front());
  return ints;
}

absl::Status TypeError(const AttributeSpec& spec, const AttributeValue& value) {
  return base::InvalidFieldError(spec.name, absl::StrCat("must be ", base::ToAbsl(Name(spec.type)),
                                                         ", got ", ToString(value)));
}

absl::Status CheckBounds(const AttributeSpec& spec, double value) {
  // Written so that NaN fails.
  if (value >= spec.minimum && value <= spec.maximum) return absl::OkStatus();
  return base::InvalidFieldError(
      spec.name, absl::StrCat("must be from ", ToText(spec.minimum), " to ", ToText(spec.maximum),
                              ", got ", ToText(value)));
}

absl::Status CheckText(const AttributeSpec& spec, const std::string& text) {
  if (text.size() > kMaxStringLength || !base::IsValidUtf8(text)) {
    return base::InvalidFieldError(
        spec.name, absl::StrCat("must be UTF-8 text of at most ", kMaxStringLength, " bytes"));
  }
  if (spec.choices.empty()) return absl::OkStatus();
  for (const std::string& choice : spec.choices) {
    if (choice == text) return absl::OkStatus();
  }
  return base::InvalidFieldError(
      spec.name,
      absl::StrCat("must be one of ", absl::StrJoin(spec.choices, ", "), ", got \"", text, "\""));
}

absl::Status CheckInts(const AttributeSpec& spec, const std::vector<std::int64_t>& ints) {
  if (spec.length > 0 && ints.size() != static_cast<std::size_t>(spec.length)) {
    return base::InvalidFieldError(
        spec.name, absl::StrCat("must have ", spec.length, " elements, got ", ints.size()));
  }
  if (ints.size() > kMaxListLength) {
    return base::InvalidFieldError(spec.name,
                                   absl::StrCat("must have at most ", kMaxListLength, " elements"));
  }
  for (const std::int64_t element : ints) {
    RETURN_IF_ERROR(CheckBounds(spec, static_cast<double>(element)));
  }
  return absl::OkStatus();
}

// `value` as the type that the spec declares, in bounds.
absl::StatusOr<AttributeValue> CheckValue(const AttributeSpec& spec, const AttributeValue& value) {
  switch (spec.type) {
    case AttributeType::kBool:
      if (!std::holds_alternative<bool>(value)) return TypeError(spec, value);
      return value;
    case AttributeType::kInt: {
      const auto integer = AsInt(value);
      if (!integer.has_value()) return TypeError(spec, value);
      RETURN_IF_ERROR(CheckBounds(spec, static_cast<double>(*integer)));
      return AttributeValue(*integer);
    }
    case AttributeType::kDouble: {
      const auto real = AsDouble(value);
      if (!real.has_value()) return TypeError(spec, value);
      RETURN_IF_ERROR(CheckBounds(spec, *real));
      return AttributeValue(*real + 0.0);  // -0.0 becomes +0.0: one form for one value
    }
    case AttributeType::kString: {
      const auto* text = std::get_if<std::string>(&value);
      if (text == nullptr) return TypeError(spec, value);
      RETURN_IF_ERROR(CheckText(spec, *text));
      return value;
    }
    case AttributeType::kInts: {
      auto ints = AsInts(spec, value);
      if (!ints.has_value()) return TypeError(spec, value);
      RETURN_IF_ERROR(CheckInts(spec, *ints));
      return AttributeValue(*std::move(ints));
    }
  }
  return TypeError(spec, value);
}

const AttributeSpec* FindSpec(const std::vector<AttributeSpec>& specs, std::string_view name) {
  for (const AttributeSpec& spec : specs) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

template <typename T>
const T& Get(const Attributes& attributes, std::string_view name) {
  const auto found = attributes.find(name);
  GRAFT_CHECK(found != attributes.end()) << "no attribute \"" << name << "\"";
  const T* value = std::get_if<T>(&found->second);
  GRAFT_CHECK(value != nullptr) << "attribute \"" << name << "\" has another type";
  return *value;
}

void EncodeValue(const AttributeValue& value, digest::CanonicalEncoder& encoder) {
  std::visit(
      [&encoder](const auto& held) {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, bool>) {
          encoder.Bool(held);
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          encoder.I64(held);
        } else if constexpr (std::is_same_v<T, double>) {
          encoder.F64(held);
        } else if constexpr (std::is_same_v<T, std::string>) {
          encoder.String(held);
        } else {
          encoder.List(held.size());
          for (const std::int64_t element : held) encoder.I64(element);
        }
      },
      value);
}

// The value's tag says its type; a read of another type leaves the decoder where it was.
absl::StatusOr<AttributeValue> DecodeValue(digest::CanonicalDecoder& decoder) {
  if (const auto value = decoder.I64(); value.ok()) return AttributeValue(*value);
  if (const auto value = decoder.String(); value.ok()) return AttributeValue(std::string(*value));
  if (const auto value = decoder.Bool(); value.ok()) return AttributeValue(*value);
  if (const auto value = decoder.F64(); value.ok()) return AttributeValue(*value);
  ASSIGN_OR_RETURN(const std::uint64_t count, decoder.List(kMaxListLength));
  std::vector<std::int64_t> ints(count);
  for (std::int64_t& element : ints) {
    ASSIGN_OR_RETURN(element, decoder.I64());
  }
  return AttributeValue(std::move(ints));
}

// No operator or transformation comes near so many.
constexpr std::uint64_t kMaxAttributes = 256;

}  // namespace

absl::StatusOr<Attributes> CheckAttributes(const std::vector<AttributeSpec>& specs,
                                           const Attributes& given) {
  for (const auto& [name, value] : given) {
    if (FindSpec(specs, name) != nullptr) continue;
    std::vector<std::string> known;
    for (const AttributeSpec& spec : specs) known.push_back(spec.name);
    return base::InvalidFieldError(
        name, known.empty() ? std::string("is unknown: there are no attributes here")
                            : absl::StrCat("is unknown; there are: ", absl::StrJoin(known, ", ")));
  }
  Attributes checked;
  for (const AttributeSpec& spec : specs) {
    const auto found = given.find(spec.name);
    if (found != given.end()) {
      ASSIGN_OR_RETURN(AttributeValue value, CheckValue(spec, found->second));
      checked.emplace(spec.name, std::move(value));
    } else if (spec.default_value.has_value()) {
      checked.emplace(spec.name, *spec.default_value);
    } else {
      return base::InvalidFieldError(
          spec.name, absl::StrCat("is missing: ", spec.summary.empty() ? "" : spec.summary + ", ",
                                  base::ToAbsl(Name(spec.type))));
    }
  }
  return checked;
}

Attributes WithoutNeutral(const std::vector<AttributeSpec>& specs, const Attributes& checked) {
  Attributes kept = checked;
  for (const AttributeSpec& spec : specs) {
    const auto found = kept.find(spec.name);
    if (spec.neutral_default && found != kept.end() && found->second == spec.default_value) {
      kept.erase(found);
    }
  }
  return kept;
}

AttributeValue ValueOrDefault(const AttributeSpec& spec, const Attributes& given) {
  const auto found = given.find(spec.name);
  if (found == given.end()) return *spec.default_value;
  absl::StatusOr<AttributeValue> value = CheckValue(spec, found->second);
  return value.ok() ? *std::move(value) : *spec.default_value;
}

bool GetBool(const Attributes& attributes, std::string_view name) {
  return Get<bool>(attributes, name);
}

std::int64_t GetInt(const Attributes& attributes, std::string_view name) {
  return Get<std::int64_t>(attributes, name);
}

double GetDouble(const Attributes& attributes, std::string_view name) {
  return Get<double>(attributes, name);
}

const std::string& GetString(const Attributes& attributes, std::string_view name) {
  return Get<std::string>(attributes, name);
}

const std::vector<std::int64_t>& GetInts(const Attributes& attributes, std::string_view name) {
  return Get<std::vector<std::int64_t>>(attributes, name);
}

std::string_view Name(AttributeType type) {
  switch (type) {
    case AttributeType::kBool:
      return "true or false";
    case AttributeType::kInt:
      return "an integer";
    case AttributeType::kDouble:
      return "a number";
    case AttributeType::kString:
      return "a string";
    case AttributeType::kInts:
      return "a list of integers";
  }
  return "of an unknown type";
}

std::string ToString(const AttributeValue& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, bool>) {
          return held ? "true" : "false";
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          return std::to_string(held);
        } else if constexpr (std::is_same_v<T, double>) {
          return ToText(held);
        } else if constexpr (std::is_same_v<T, std::string>) {
          return held;
        } else {
          return absl::StrCat("[", absl::StrJoin(held, ","), "]");
        }
      },
      value);
}

std::string ToString(const Attributes& attributes) {
  std::string text;
  for (const auto& [name, value] : attributes) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", name, "=", ToString(value));
  }
  return text;
}

void EncodeAttributes(const Attributes& attributes, digest::CanonicalEncoder& encoder) {
  encoder.List(2 * attributes.size());
  for (const auto& [name, value] : attributes) {
    encoder.String(name);
    EncodeValue(value, encoder);
  }
}

absl::StatusOr<Attributes> DecodeAttributes(digest::CanonicalDecoder& decoder) {
  ASSIGN_OR_RETURN(const std::uint64_t count, decoder.List(2 * kMaxAttributes));
  if (count % 2 != 0) {
    return absl::InvalidArgumentError("attributes: the number of names and values is odd");
  }
  Attributes attributes;
  for (std::uint64_t i = 0; i < count; i += 2) {
    ASSIGN_OR_RETURN(const std::string_view name, decoder.String());
    if (!attributes.empty() && name <= attributes.rbegin()->first) {
      return absl::InvalidArgumentError(
          absl::StrCat("attributes: \"", base::ToAbsl(name), "\" is not in ascending order"));
    }
    ASSIGN_OR_RETURN(AttributeValue value, DecodeValue(decoder));
    attributes.emplace_hint(attributes.end(), std::string(name), std::move(value));
  }
  return attributes;
}

}  // namespace graft::arch
