#include "common/wire/attributes_wire.h"

#include <cmath>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"

namespace graft::wire {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;

double ToNumber(std::int64_t integer) {
  const auto number = static_cast<double>(integer);
  GRAFT_CHECK(std::abs(number) <= arch::kMaxInteger) << integer << " is no attribute value";
  return number;
}

Value ToValue(const arch::AttributeValue& attribute) {
  Value value;
  std::visit(
      [&value](const auto& held) {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, bool>) {
          value.set_bool_value(held);
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          value.set_number_value(ToNumber(held));
        } else if constexpr (std::is_same_v<T, double>) {
          value.set_number_value(held);
        } else if constexpr (std::is_same_v<T, std::string>) {
          value.set_string_value(held);
        } else {
          ListValue* list = value.mutable_list_value();
          for (const std::int64_t element : held) {
            list->add_values()->set_number_value(ToNumber(element));
          }
        }
      },
      attribute);
  return value;
}

std::optional<std::int64_t> AsInteger(double number) {
  // Written so that NaN fails.
  if (!(std::abs(number) <= arch::kMaxInteger) || std::trunc(number) != number) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(number);
}

absl::StatusOr<arch::AttributeValue> FromList(const std::string& name, const ListValue& list) {
  if (static_cast<std::size_t>(list.values_size()) > arch::kMaxListLength) {
    return base::InvalidFieldError(name, absl::StrCat("must have at most ", arch::kMaxListLength,
                                                      " elements, got ", list.values_size()));
  }
  std::vector<std::int64_t> ints;
  ints.reserve(list.values_size());
  for (const Value& element : list.values()) {
    const std::optional<std::int64_t> integer = element.kind_case() == Value::kNumberValue
                                                    ? AsInteger(element.number_value())
                                                    : std::nullopt;
    if (!integer.has_value()) {
      return base::InvalidFieldError(absl::StrCat(name, "[", ints.size(), "]"),
                                     "must be an integer below 2^53");
    }
    ints.push_back(*integer);
  }
  return arch::AttributeValue(std::move(ints));
}

absl::StatusOr<arch::AttributeValue> FromValue(const std::string& name, const Value& value) {
  switch (value.kind_case()) {
    case Value::kBoolValue:
      return arch::AttributeValue(value.bool_value());
    case Value::kNumberValue: {
      if (const auto integer = AsInteger(value.number_value())) {
        return arch::AttributeValue(*integer);
      }
      if (!std::isfinite(value.number_value())) {
        return base::InvalidFieldError(name, "must be a finite number");
      }
      return arch::AttributeValue(value.number_value());
    }
    case Value::kStringValue:
      if (value.string_value().size() > arch::kMaxStringLength) {
        return base::InvalidFieldError(
            name, absl::StrCat("must be at most ", arch::kMaxStringLength, " bytes long"));
      }
      return arch::AttributeValue(value.string_value());
    case Value::kListValue:
      return FromList(name, value.list_value());
    case Value::kNullValue:
    case Value::kStructValue:
    case Value::KIND_NOT_SET:
      break;
  }
  return base::InvalidFieldError(name,
                                 "must be true or false, a number, a string or a list of integers");
}

}  // namespace

Struct ToProto(const arch::Attributes& attributes) {
  Struct proto;
  for (const auto& [name, value] : attributes) (*proto.mutable_fields())[name] = ToValue(value);
  return proto;
}

absl::StatusOr<arch::Attributes> FromProto(const Struct& proto) {
  if (proto.fields_size() > kMaxAttributes) {
    return base::InvalidFieldError(
        "", absl::StrCat("must be at most ", kMaxAttributes, ", got ", proto.fields_size()));
  }
  arch::Attributes attributes;
  for (const auto& [name, value] : proto.fields()) {
    const std::string shown = name.substr(0, arch::kMaxStringLength);
    if (name.size() > arch::kMaxStringLength) {
      return base::InvalidFieldError(shown, "is too long a name");
    }
    ASSIGN_OR_RETURN(arch::AttributeValue attribute, FromValue(name, value));
    attributes.emplace(name, std::move(attribute));
  }
  return attributes;
}

}  // namespace graft::wire
