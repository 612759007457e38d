#include "common/engine/cpu/memory_traits.h"

#include <functional>
#include <map>
#include <string>

namespace graft::engine::cpu {
namespace {

// Moves elements, or sums them up.
constexpr MemoryTraits kReadsNothing = {.reads_operands = false};
// Changes each element by what it keeps itself, or not at all.
constexpr MemoryTraits kInPlace = {
    .reads_operands = false, .result_over_operand = true, .gradient_over_gradient = true};
// Each element's derivative is a function of the result.
constexpr MemoryTraits kByResult = {.reads_operands = false,
                                    .reads_result = true,
                                    .result_over_operand = true,
                                    .gradient_over_gradient = true};
// Each element's derivative is a function of the operand: in place where there is no backward.
constexpr MemoryTraits kByOperand = {.result_over_operand = true, .gradient_over_gradient = true};

const MemoryTraits* Find(const std::string& op) {
  static const auto* const traits = new std::map<std::string, MemoryTraits>{
      {"add", kInPlace},
      {"average_pool", kReadsNothing},
      {"batch_norm", {.gradient_over_operand = true}},
      {"concat", kReadsNothing},
      {"drop_path", kInPlace},
      {"dropout", kInPlace},
      {"feature_map", kInPlace},
      {"flatten", kReadsNothing},
      {"gelu", kByOperand},
      {"global_average_pool", kReadsNothing},
      {"global_max_pool", kReadsNothing},
      {"hard_swish", kByOperand},
      {"leaky_relu", kByResult},  // its slope is not below 0
      {"max_pool", kReadsNothing},
      {"pad", kReadsNothing},
      {"power_of_two", kReadsNothing},
      {"relu", kByResult},
      {"relu6", kByResult},
      {"sigmoid", kByOperand},
      {"silu", kByOperand},
      {"slice", kReadsNothing},
      {"softmax", {.reads_operands = false, .reads_result = true}},
      {"tanh", kByResult},
      {"tokens", kInPlace},
      {"transpose", kReadsNothing},
      {"upsample", kReadsNothing},
  };
  const auto position = traits->find(op);
  return position == traits->end() ? nullptr : &position->second;
}

}  // namespace

MemoryTraits MemoryTraitsOf(const arch::Node& node) {
  const MemoryTraits* const traits = Find(node.op->name);
  return traits == nullptr ? MemoryTraits() : *traits;
}

}  // namespace graft::engine::cpu
