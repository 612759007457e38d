// The operators that exist, by name.
#ifndef GRAFT_COMMON_ARCH_OPERATOR_REGISTRY_H_
#define GRAFT_COMMON_ARCH_OPERATOR_REGISTRY_H_

#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/arch/operator_spec.h"

namespace graft::arch {

// Null if there is no such operator. Specs live for ever and are immutable: safe from any thread.
const OperatorSpec* FindOperator(std::string_view name);

// As above; INVALID_ARGUMENT names the operator and lists those that exist.
absl::StatusOr<const OperatorSpec*> GetOperator(std::string_view name);

// All operators, ordered by name. One parameterised test suite visits each.
std::span<const OperatorSpec* const> AllOperators();

}  // namespace graft::arch

#endif  // GRAFT_COMMON_ARCH_OPERATOR_REGISTRY_H_
