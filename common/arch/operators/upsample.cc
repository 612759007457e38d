#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// x: [C, H, W] -> [C, fh H, fw W]
absl::StatusOr<ValueType> Infer(const Attributes& attributes, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectFeatureMap("x", operands[0]));
  const tensor::Shape& x = operands[0].shape;
  const std::vector<std::int64_t>& factors = GetInts(attributes, "factors");
  return Features({x.dim(0), SaturatingProduct({factors[0], x.dim(1)}),
                   SaturatingProduct({factors[1], x.dim(2)})});
}

}  // namespace

OperatorSpec Upsample() {
  return {
      .name = "upsample",
      .summary = "Rows and columns repeated or interpolated: [C,H,W] -> [C,fh*H,fw*W]",
      .attributes = {{.name = "factors",
                      .type = AttributeType::kInts,
                      .summary = "of height and width",
                      .minimum = 1,
                      .maximum = 1 << 16,
                      .length = 2},
                     {.name = "mode",
                      .type = AttributeType::kString,
                      .summary = "nearest, or bilinear between the pixels' centres",
                      .default_value = std::string("nearest"),
                      .choices = {"nearest", "bilinear"}}},
      .operands = {{.name = "x"}},
      .channels = ChannelBehaviour::kPass,
      .infer = Infer,
  };
}

}  // namespace graft::arch::operators
