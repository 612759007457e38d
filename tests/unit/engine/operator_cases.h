// Small networks around each operator, for the suite that visits every one.
#ifndef GRAFT_TESTS_UNIT_ENGINE_OPERATOR_CASES_H_
#define GRAFT_TESTS_UNIT_ENGINE_OPERATOR_CASES_H_

#include <string>
#include <vector>

#include "common/arch/architecture.h"

namespace graft::engine::testing {

struct OperatorCase {
  std::string name;  // letters, digits and '_'
  std::string op;
  // With loss; the operator's operands depend on parameters, so that its whole backward shows.
  arch::Architecture architecture;
  // The operator's gradient is not its derivative: finite differences say nothing.
  bool straight_through = false;
};

// Those of one operator; none for an operator without cases.
std::vector<OperatorCase> CasesOf(const std::string& op);

// Those of all registered operators.
std::vector<OperatorCase> AllCases();

}  // namespace graft::engine::testing

#endif  // GRAFT_TESTS_UNIT_ENGINE_OPERATOR_CASES_H_
