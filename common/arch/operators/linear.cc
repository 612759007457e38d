#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// Positions of the operands.
enum { kX, kWeight, kBias };

// x: [F] or [T, F], weight: [O, F], bias: [O] -> [O] or [T, O]
absl::StatusOr<ValueType> Infer(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectFeatureRows("x", operands[kX]));
  const tensor::Shape& x = operands[kX].shape;
  const std::int64_t features = x.dim(ChannelAxis(x));
  const tensor::Shape& weight = operands[kWeight].shape;
  if (weight.rank() != 2 || weight.dim(1) != features) {
    return absl::InvalidArgumentError("operand weight must be float32 of shape [O," +
                                      std::to_string(features) + "], got " +
                                      ToString(operands[kWeight]));
  }
  if (operands.size() > kBias) {
    RETURN_IF_ERROR(ExpectShape("bias", operands[kBias], {weight.dim(0)}));
  }
  if (x.rank() == 1) return Features({weight.dim(0)});
  return Features({x.dim(0), weight.dim(0)});
}

// One MAC a weight and token.
OperatorCost CostOf(const Attributes&, std::span<const ValueType> operands, const ValueType&) {
  const tensor::Shape& x = operands[kX].shape;
  return {.macs = SaturatingProduct(
              {operands[kWeight].shape.ElementCount(), x.rank() == 2 ? x.dim(0) : 1})};
}

absl::StatusOr<std::vector<ParameterRequest>> Expand(const Attributes& construction,
                                                     std::span<const ValueType> data, Attributes&) {
  RETURN_IF_ERROR(ExpectFeatureRows("x", data[kX]));
  const std::int64_t units = GetInt(construction, "units");
  const tensor::Shape& x = data[kX].shape;
  ASSIGN_OR_RETURN(const tensor::Shape weight,
                   tensor::Shape::Create(std::vector<std::int64_t>{units, x.dim(ChannelAxis(x))}));
  std::vector<ParameterRequest> requests = {{kWeight, weight}};
  if (GetBool(construction, "bias")) requests.push_back({kBias, tensor::Shape({units})});
  return requests;
}

}  // namespace

OperatorSpec Linear() {
  return {
      .name = "linear",
      .summary = "Matrix product along the last axis: [F] -> [O], [T,F] -> [T,O]",
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
