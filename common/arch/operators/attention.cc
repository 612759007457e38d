#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/arch/operators/checks.h"
#include "common/arch/operators/operators.h"
#include "common/base/status_macros.h"

namespace graft::arch::operators {
namespace {

// Positions of the operands.
enum { kA, kB };
enum { kQuery, kKey, kValue };

absl::Status Mismatch(absl::string_view operand, const ValueType& type,
                      absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("operand ", operand, " must be ", expected, ", got ", ToString(type)));
}

// a: [T, K], b: [K, M], or [M, K] to be transposed -> [T, M]
absl::StatusOr<ValueType> InferMatmul(const Attributes& attributes,
                                      std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectTokens("a", operands[kA]));
  RETURN_IF_ERROR(ExpectTokens("b", operands[kB]));
  const bool transpose = GetBool(attributes, "transpose_b");
  const std::int64_t inner = operands[kA].shape.dim(1);
  if (operands[kB].shape.dim(transpose ? 1 : 0) != inner) {
    return Mismatch("b", operands[kB],
                    transpose ? absl::StrCat("[M,", inner, "]") : absl::StrCat("[", inner, ",M]"));
  }
  if (operands[kA].batched != operands[kB].batched) {
    return Mismatch("b", operands[kB], "batched exactly where a is");
  }
  return WithShape(operands[kA],
                   std::vector<std::int64_t>{operands[kA].shape.dim(0),
                                             operands[kB].shape.dim(transpose ? 0 : 1)});
}

OperatorCost MatmulCost(const Attributes&, std::span<const ValueType> operands,
                        const ValueType& result) {
  return {.macs = SaturatingProduct({result.shape.ElementCount(), operands[kA].shape.dim(1)})};
}

// query: [Tq, D], key: [Tk, D], value: [Tk, Dv] -> [Tq, Dv]
absl::StatusOr<ValueType> InferAttention(const Attributes& attributes,
                                         std::span<const ValueType> operands) {
  RETURN_IF_ERROR(ExpectTokens("query", operands[kQuery]));
  RETURN_IF_ERROR(ExpectTokens("key", operands[kKey]));
  RETURN_IF_ERROR(ExpectTokens("value", operands[kValue]));
  const tensor::Shape& query = operands[kQuery].shape;
  const tensor::Shape& key = operands[kKey].shape;
  const tensor::Shape& value = operands[kValue].shape;
  if (key.dim(1) != query.dim(1)) {
    return Mismatch("key", operands[kKey], absl::StrCat("[Tk,", query.dim(1), "] as the query"));
  }
  if (value.dim(0) != key.dim(0)) {
    return Mismatch("value", operands[kValue], absl::StrCat("[", key.dim(0), ",Dv] as the key"));
  }
  const std::int64_t heads = GetInt(attributes, "heads");
  if (query.dim(1) % heads != 0 || value.dim(1) % heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat("attribute heads must divide the query's ",
                                                   query.dim(1), " and the value's ", value.dim(1),
                                                   " features, got ", heads));
  }
  return Features({query.dim(0), value.dim(1)});
}

// One MAC a pair of tokens and feature, of the scores and of the result; masked pairs count, too.
OperatorCost AttentionCost(const Attributes&, std::span<const ValueType> operands,
                           const ValueType& result) {
  const tensor::Shape& query = operands[kQuery].shape;
  return {.macs = SaturatingProduct(
              {query.dim(0), operands[kKey].shape.dim(0), query.dim(1) + result.shape.dim(1)})};
}

AttributeSpec HeadsAttribute() {
  return {.name = "heads",
          .type = AttributeType::kInt,
          .summary = "parts into which the features are cut, each with an attention of its own",
          .default_value = std::int64_t{1},
          .minimum = 1,
          .maximum = 1 << 16};
}

// The scale is written down once, from the width that the layer begins with: a wider copy of the
// layer keeps it.
absl::StatusOr<std::vector<ParameterRequest>> ExpandAttention(const Attributes&,
                                                              std::span<const ValueType> data,
                                                              Attributes& attributes) {
  RETURN_IF_ERROR(ExpectTokens("query", data[kQuery]));
  const auto heads = std::get<std::int64_t>(ValueOrDefault(HeadsAttribute(), attributes));
  const double width = static_cast<double>(data[kQuery].shape.dim(1)) / static_cast<double>(heads);
  attributes.try_emplace("scale", 1.0 / std::sqrt(width));
  return std::vector<ParameterRequest>();
}

}  // namespace

OperatorSpec Matmul() {
  return {
      .name = "matmul",
      .summary = "Matrix product of two values: [T,K], [K,M] -> [T,M]",
      .attributes = {{.name = "transpose_b",
                      .type = AttributeType::kBool,
                      .summary = "whether b is [M,K]",
                      .default_value = false}},
      .operands = {{.name = "a", .unbatched = true}, {.name = "b", .unbatched = true}},
      .channels = ChannelBehaviour::kBarrier,
      .barrier_reason = "both of its operands are computed",
      .infer = InferMatmul,
      .cost = MatmulCost,
  };
}

OperatorSpec Attention() {
  return {
      .name = "attention",
      .summary =
          "softmax(scale query key^T) value, head by head: [Tq,D], [Tk,D], [Tk,Dv] -> "
          "[Tq,Dv]",
      .attributes = {HeadsAttribute(),
                     {.name = "scale",
                      .type = AttributeType::kDouble,
                      .summary = "of the scores; the short form takes 1 / sqrt(D / heads)",
                      .minimum = 0,
                      .maximum = 1e6},
                     {.name = "causal",
                      .type = AttributeType::kBool,
                      .summary = "whether token i takes none of the keys behind i",
                      .default_value = false}},
      .operands = {{.name = "query"}, {.name = "key"}, {.name = "value"}},
      .channels = ChannelBehaviour::kBarrier,
      .barrier_reason = "its features are cut into heads",
      .infer = InferAttention,
      .cost = AttentionCost,
      .expand = ExpandAttention,
  };
}

}  // namespace graft::arch::operators
