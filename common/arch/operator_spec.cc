#include "common/arch/operator_spec.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::arch {
namespace {

constexpr Initializer kInitializers[] = {Initializer::kZeros, Initializer::kOnes,
                                         Initializer::kHeNormal, Initializer::kXavierUniform};

}  // namespace

std::string ToString(const ValueType& type) {
  std::string dims = absl::StrJoin(type.shape.dims(), ",");
  if (type.batched) dims = dims.empty() ? "N" : absl::StrCat("N,", dims);
  return absl::StrCat(base::ToAbsl(tensor::Name(type.dtype)), "[", dims, "]");
}

int ChannelAxis(const tensor::Shape& shape) { return shape.rank() == 2 ? 1 : 0; }

absl::StatusOr<Attributes> CheckAttributes(const OperatorSpec& op, const Attributes& given) {
  ASSIGN_OR_RETURN(Attributes checked, CheckAttributes(op.attributes, given));
  if (op.complete != nullptr) op.complete(checked);
  return checked;
}

int DataOperandCount(const OperatorSpec& op) {
  int count = 0;
  for (const OperandSpec& operand : op.operands) {
    if (operand.kind == OperandSpec::Kind::kData) ++count;
  }
  return count;
}

const OperandSpec& OperandAt(const OperatorSpec& op, int position, int operand_count) {
  GRAFT_CHECK(position >= 0 && position < operand_count) << op.name << " operand " << position;
  const int declared = static_cast<int>(op.operands.size());
  // A variadic operand takes as many positions as the declared ones leave over.
  const int surplus = operand_count > declared ? operand_count - declared : 0;
  int next = 0;
  for (const OperandSpec& operand : op.operands) {
    next += 1 + (operand.variadic ? surplus : 0);
    if (position < next) return operand;
  }
  GRAFT_CHECK(false) << op.name << " takes no operand " << position;
  return op.operands.front();
}

std::string_view Name(Initializer initializer) {
  switch (initializer) {
    case Initializer::kZeros:
      return "zeros";
    case Initializer::kOnes:
      return "ones";
    case Initializer::kHeNormal:
      return "he_normal";
    case Initializer::kXavierUniform:
      return "xavier_uniform";
  }
  return "unknown";
}

absl::StatusOr<Initializer> ParseInitializer(std::string_view name) {
  for (const Initializer initializer : kInitializers) {
    if (Name(initializer) == name) return initializer;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown initializer \"", base::ToAbsl(name), "\""));
}

}  // namespace graft::arch
