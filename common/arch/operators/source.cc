#include "absl/strings/str_cat.h"
#include "common/arch/architecture.h"
#include "common/arch/operators/operators.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

AttributeSpec ShapeAttribute(std::string summary) {
  return {.name = "shape",
          .type = AttributeType::kInts,
          .summary = std::move(summary),
          .minimum = 1,
          .maximum = 1e15};
}

absl::StatusOr<tensor::Shape> ShapeOf(const Attributes& attributes) {
  absl::StatusOr<tensor::Shape> shape = tensor::Shape::Create(GetInts(attributes, "shape"));
  if (shape.ok()) return shape;
  return base::InvalidFieldError(
      "attributes.shape", {shape.status().message().data(), shape.status().message().size()});
}

absl::StatusOr<ValueType> InferInput(const Attributes& attributes, std::span<const ValueType>) {
  ASSIGN_OR_RETURN(const tensor::Shape shape, ShapeOf(attributes));
  ASSIGN_OR_RETURN(const tensor::DType dtype, tensor::ParseDType(GetString(attributes, "dtype")));
  return ValueType{dtype, GetBool(attributes, "batched"), shape};
}

absl::StatusOr<ValueType> InferParameter(const Attributes& attributes, std::span<const ValueType>) {
  if (!IsValidId(GetString(attributes, "name"))) {
    return base::InvalidFieldError("attributes.name",
                                   "must be letters, digits, '_', '-' and '.' alone");
  }
  ASSIGN_OR_RETURN(const tensor::Shape shape, ShapeOf(attributes));
  return ValueType{tensor::DType::kFloat32, false, shape};
}

}  // namespace

OperatorSpec Input() {
  return {
      .name = "input",
      .summary = "A value that is fed at each run",
      .attributes = {{.name = "index",
                      .type = AttributeType::kInt,
                      .summary = "position among the inputs, from 0 without gaps",
                      .default_value = std::int64_t{0},
                      .minimum = 0,
                      .maximum = 1023},
                     ShapeAttribute("shape without the batch"),
                     {.name = "dtype",
                      .type = AttributeType::kString,
                      .summary = "type of the elements",
                      .default_value = std::string("float32"),
                      .choices = {"float32", "int32"}},
                     {.name = "batched",
                      .type = AttributeType::kBool,
                      .summary = "whether there is one value an example",
                      .default_value = true}},
      .channels = ChannelBehaviour::kSource,
      .infer = InferInput,
  };
}

OperatorSpec Parameter() {
  std::vector<std::string> initializers;
  for (const Initializer initializer : {Initializer::kZeros, Initializer::kOnes,
                                        Initializer::kHeNormal, Initializer::kXavierUniform}) {
    initializers.emplace_back(Name(initializer));
  }
  return {
      .name = "parameter",
      .summary = "Weights or statistics: float32, not batched",
      .attributes = {{.name = "name",
                      .type = AttributeType::kString,
                      .summary = "name of the tensor, for example weight"},
                     ShapeAttribute("shape of the tensor"),
                     {.name = "initializer",
                      .type = AttributeType::kString,
                      .summary = "how the values begin",
                      .choices = std::move(initializers)},
                     {.name = "trainable",
                      .type = AttributeType::kBool,
                      .summary = "whether the optimiser changes it; statistics are not trainable",
                      .default_value = true}},
      .channels = ChannelBehaviour::kSource,
      .infer = InferParameter,
  };
}

}  // namespace graft::arch::operators
