#include "absl/strings/str_cat.h"
#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// Positions of the operands.
enum { kIds, kTable };

absl::Status ExpectIds(const ValueType& ids) {
  if (ids.dtype == tensor::DType::kInt32 && ids.shape.rank() <= 1) return absl::OkStatus();
  return absl::InvalidArgumentError("operand ids must be int32 of shape [T] or [], got " +
                                    ToString(ids));
}

// ids: int32 [T] or [], table: [V, D] -> [T, D] or [D]
absl::StatusOr<ValueType> Infer(const Attributes&, std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectIds(operands[kIds]));
  const ValueType& table = operands[kTable];
  if (table.dtype != tensor::DType::kFloat32 || table.shape.rank() != 2) {
    return absl::InvalidArgumentError("operand table must be float32 of shape [V,D], got " +
                                      ToString(table));
  }
  if (operands[kIds].shape.rank() == 0) return Features({table.shape.dim(1)});
  return Features({operands[kIds].shape.dim(0), table.shape.dim(1)});
}

absl::StatusOr<std::vector<ParameterRequest>> Expand(const Attributes& construction,
                                                     std::span<const ValueType> data, Attributes&) {
  RETURN_IF_ERROR(ExpectIds(data[kIds]));
  ASSIGN_OR_RETURN(const tensor::Shape table,
                   tensor::Shape::Create(std::vector<std::int64_t>{
                       GetInt(construction, "vocabulary"), GetInt(construction, "units")}));
  return std::vector<ParameterRequest>{{kTable, table}};
}

}  // namespace

OperatorSpec Embedding() {
  return {
      .name = "embedding",
      .summary = "The table's rows with the numbers `ids`: int32 [T] -> [T,D], [] -> [D]",
      .operands = {{.name = "ids"},
                   {.name = "table",
                    .kind = OperandSpec::Kind::kParameter,
                    .axes = {AxisRole::kFree, AxisRole::kOutputChannel},
                    .initializer = Initializer::kHeNormal}},
      .channels = ChannelBehaviour::kAbsorb,
      .infer = Infer,
      .construction_attributes = {{.name = "vocabulary",
                                   .type = AttributeType::kInt,
                                   .summary = "rows of the table: ids are below it",
                                   .minimum = 1,
                                   .maximum = 1 << 28},
                                  {.name = "units",
                                   .type = AttributeType::kInt,
                                   .summary = "features of a row",
                                   .minimum = 1,
                                   .maximum = 1 << 20}},
      .expand = Expand,
  };
}

}  // namespace graft::arch::operators
