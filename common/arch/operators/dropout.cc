#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"

namespace graft::arch::operators {
namespace {

OperatorSpec Dropping(std::string name, std::string summary) {
  return {
      .name = std::move(name),
      .summary = std::move(summary),
      .attributes = {{.name = "rate",
                      .type = AttributeType::kDouble,
                      .summary = "probability of a zero",
                      .minimum = 0,
                      .maximum = 0.99}},
      .operands = {{.name = "x"}},
      .channels = ChannelBehaviour::kPass,
      .infer = InferElementwise,
  };
}

}  // namespace

OperatorSpec Dropout() {
  return Dropping("dropout",
                  "In training each element is zero with probability `rate`, else divided by 1 - "
                  "rate");
}

OperatorSpec DropPath() {
  return Dropping("drop_path",
                  "In training all of an example is zero with probability `rate`, else divided by "
                  "1 - rate");
}

}  // namespace graft::arch::operators
