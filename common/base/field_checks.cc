#include "common/base/field_checks.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/strings.h"

namespace graft::base {

absl::Status CheckRange(std::string_view field, std::int64_t value, std::int64_t low,
                        std::int64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return InvalidFieldError(field, absl::StrCat("is ", value, ", expected ", low, " to ", high));
}

absl::Status CheckNumber(std::string_view field, double value, bool fits,
                         std::string_view expected) {
  if (std::isfinite(value) && fits) return absl::OkStatus();
  return InvalidFieldError(field, absl::StrCat("is ", value, ", expected ", ToAbsl(expected)));
}

}  // namespace graft::base
