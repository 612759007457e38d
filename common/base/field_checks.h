// Bounds of fields that users give.
#ifndef GRAFT_COMMON_BASE_FIELD_CHECKS_H_
#define GRAFT_COMMON_BASE_FIELD_CHECKS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace graft::base {

// INVALID_ARGUMENT naming the field: "is 7, expected 1 to 5".
absl::Status CheckRange(std::string_view field, std::int64_t value, std::int64_t low,
                        std::int64_t high);

// INVALID_ARGUMENT naming the field, unless `fits` and the value is finite: "is 2, expected
// `expected`".
absl::Status CheckNumber(std::string_view field, double value, bool fits,
                         std::string_view expected);

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_FIELD_CHECKS_H_
