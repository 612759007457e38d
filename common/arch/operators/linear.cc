#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// Positions of the operands.
enum { kX, kWeight, kBias };

// x: [F], weight: [O, F], bias: [O] -> [O]
absl::StatusOr<ValueType> Infer(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectVector("x", operands[kX]));
  const std::int64_t features = operands[kX].shape.dim(0);
  const tensor::Shape& weight = operands[kWeight].shape;
  if (weight.rank() != 2 || weight.dim(1) != features) {
    return absl::InvalidArgumentError("operand weight must be float32 of shape [O," +
                                      std::to_string(features) + "], got " +
                                      ToString(operands[kWeight]));
  }
  if (operands.size() > kBias) {
    RETURN_IF_ERROR(ExpectShape("bias", operands[kBias], {weight.dim(0)}));
  }
  return Features({weight.dim(0)});
}

// One MAC a weight.
OperatorCost CostOf(const Attributes&, std::span<const ValueType> operands, const ValueType&) {
  return {.macs = operands[kWeight].shape.ElementCount()};
}

absl::StatusOr<std::vector<ParameterRequest>> Expand(const Attributes& construction,
                                                     std::span<const ValueType> data, Attributes&) {
  RETURN_IF_ERROR(ExpectVector("x", data[kX]));
  const std::int64_t units = GetInt(construction, "units");
  ASSIGN_OR_RETURN(const tensor::Shape weight,
                   tensor::Shape::Create(std::vector<std::int64_t>{units, data[kX].shape.dim(0)}));
  std::vector<ParameterRequest> requests = {{kWeight, weight}};
  if (GetBool(construction, "bias")) requests.push_back({kBias, tensor::Shape({units})});
  return requests;
}

}  // namespace

OperatorSpec Linear() {
  return {
      .name = "linear",
      .summary = "Matrix product: [F] -> [O]",
      .operands = {{.name = "x"},
                   {.name = "weight",
                    .kind = OperandSpec::Kind::kParameter,
                    .axes = {AxisRole::kOutputChannel, AxisRole::kInputChannel},
                    .initializer = Initializer::kXavierUniform},
                   {.name = "bias",
                    .kind = OperandSpec::Kind::kParameter,
                    .optional = true,
                    .axes = {AxisRole::kOutputChannel},
                    .initializer = Initializer::kZeros}},
      .channels = ChannelBehaviour::kAbsorb,
      .infer = Infer,
      .cost = CostOf,
      .construction_attributes = {{.name = "units",
                                   .type = AttributeType::kInt,
                                   .summary = "output features",
                                   .minimum = 1,
                                   .maximum = 1 << 20},
                                  {.name = "bias",
                                   .type = AttributeType::kBool,
                                   .summary = "whether a bias is added",
                                   .default_value = true}},
      .expand = Expand,
  };
}

}  // namespace graft::arch::operators
