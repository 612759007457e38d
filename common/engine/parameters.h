// ParameterLayout and ParameterVector: all parameters of an architecture in one buffer.
#ifndef GRAFT_COMMON_ENGINE_PARAMETERS_H_
#define GRAFT_COMMON_ENGINE_PARAMETERS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/base/rng.h"
#include "common/tensor/named_tensors.h"
#include "common/tensor/tensor.h"

namespace graft::engine {

// Where each parameter of an architecture lies in one float32 buffer: trainable parameters first,
// then statistics, each in canonical order, each starting at a multiple of 16 elements (64 bytes).
// An optimiser is one pass over [0, trainable_size). Immutable: thread-safe.
class ParameterLayout {
 public:
  struct Slot {
    arch::NodeIndex node = 0;
    std::int64_t offset = 0;  // elements
    std::int64_t count = 0;   // elements
    bool trainable = true;
  };

  // Those in `frozen` count as statistics.
  explicit ParameterLayout(const arch::Architecture& architecture,
                           std::span<const arch::NodeIndex> frozen = {});

  std::span<const Slot> slots() const { return slots_; }
  // Slot of a parameter node; crashes if the node is not a parameter.
  const Slot& slot(arch::NodeIndex node) const;
  std::int64_t trainable_size() const { return trainable_size_; }  // elements, padding included
  std::int64_t size() const { return size_; }                      // elements, padding included

 private:
  std::vector<Slot> slots_;
  std::vector<int> slot_of_node_;  // -1: not a parameter
  std::int64_t trainable_size_ = 0;
  std::int64_t size_ = 0;
};

// The parameters whose TensorName one of the patterns matches (* and ? as in a shell).
// INVALID_ARGUMENT names a pattern that matches none.
absl::StatusOr<std::vector<arch::NodeIndex>> FrozenParameters(
    const arch::Architecture& architecture, std::span<const std::string> patterns);

// Values (or gradients, or momenta) in that layout; plain row-major tensors; padding is zero.
// A value type. Not synchronised.
class ParameterVector {
 public:
  explicit ParameterVector(std::int64_t size);

  std::span<float> values() { return buffer_.mutable_floats(); }
  std::span<const float> values() const { return buffer_.floats(); }
  std::span<float> slice(const ParameterLayout::Slot& slot) {
    return values().subspan(slot.offset, slot.count);
  }
  std::span<const float> slice(const ParameterLayout::Slot& slot) const {
    return values().subspan(slot.offset, slot.count);
  }

 private:
  tensor::Tensor buffer_;
};

// Fresh parameters by each parameter node's initializer. Parameter i draws from stream i of `seed`,
// so that its values do not depend on the other parameters.
ParameterVector InitializeParameters(const arch::Architecture& architecture,
                                     const ParameterLayout& layout, std::uint64_t seed);

// Tensors named by Architecture::TensorName <-> the buffer. INVALID_ARGUMENT names the first tensor
// that is missing, superfluous, of another type or another shape.
absl::StatusOr<ParameterVector> FromTensors(const arch::Architecture& architecture,
                                            const ParameterLayout& layout,
                                            const tensor::NamedTensors& tensors);
tensor::NamedTensors ToTensors(const arch::Architecture& architecture,
                               const ParameterLayout& layout, const ParameterVector& parameters);

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_PARAMETERS_H_
