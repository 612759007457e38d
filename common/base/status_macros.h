// Propagation of absl::Status, and context for it.
#ifndef GRAFT_COMMON_BASE_STATUS_MACROS_H_
#define GRAFT_COMMON_BASE_STATUS_MACROS_H_

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function when `expr`, an absl::Status, is not OK.
#define RETURN_IF_ERROR(expr)                                                        \
  do {                                                                               \
    if (absl::Status graft_status = (expr); !graft_status.ok()) return graft_status; \
  } while (false)

// Evaluates the second argument, an absl::StatusOr<T>: returns its status when it is not OK, else
// moves its value into the first, which may declare a variable:
//   ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
// Not a single statement: give it braces of its own below an `if`.
#define ASSIGN_OR_RETURN(lhs, ...) \
  GRAFT_ASSIGN_OR_RETURN_(GRAFT_CONCAT_(graft_status_or_, __LINE__), lhs, __VA_ARGS__)

#define GRAFT_ASSIGN_OR_RETURN_(temporary, lhs, ...)         \
  auto temporary = (__VA_ARGS__);                            \
  if (!temporary.ok()) return std::move(temporary).status(); \
  lhs = *std::move(temporary)

#define GRAFT_CONCAT_(a, b) GRAFT_CONCAT_INNER_(a, b)
#define GRAFT_CONCAT_INNER_(a, b) a##b

namespace graft::base {

// `status` with "`context`: " before its message; its code and payloads stay. OK stays OK.
absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_STATUS_MACROS_H_
