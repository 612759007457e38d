// The reference backend: every operator in clear loops over float64, for tests.
#ifndef GRAFT_COMMON_ENGINE_REFERENCE_REFERENCE_BACKEND_H_
#define GRAFT_COMMON_ENGINE_REFERENCE_REFERENCE_BACKEND_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/engine/backend.h"

namespace graft::engine::reference {

// A plan whose values are also readable before they are rounded to float32, and can be pinned. Not
// thread-safe.
class ReferencePlan : public Plan {
 public:
  // As Value, of any float32 node.
  virtual std::span<const double> PreciseValue(arch::NodeIndex node) = 0;
  // Gradient of output 0 with respect to a node's value, after Backward.
  virtual std::span<const double> PreciseGradient(arch::NodeIndex node) = 0;
  // From the next Forward on, element `element` of a node's value is `value`, whatever its kernel
  // computes; gradients pass as if it had been computed. Puts an element on the side of a kink on
  // which another implementation's rounding put it.
  virtual void Pin(arch::NodeIndex node, std::int64_t element, double value) = 0;
};

// Executes nodes in canonical order, and their gradients in reverse. Slow; PlanOptions::exact has
// no effect. Thread-safe.
class ReferenceBackend final : public Backend {
 public:
  absl::StatusOr<std::unique_ptr<Plan>> Compile(const arch::Architecture& architecture,
                                                const PlanOptions& options) override;
  absl::StatusOr<std::unique_ptr<ReferencePlan>> CompileReference(
      const arch::Architecture& architecture, const PlanOptions& options);
  std::string name() const override { return "reference"; }
  // The number is raised with changes that no other backend's results show.
  std::string numerics() const override { return "float64-2"; }
};

// Whether the operator has a kernel here: in float32 alone, which is computed in float64.
bool HasKernel(std::string_view op, recipe::Precision precision = recipe::Precision::kFloat32);

}  // namespace graft::engine::reference

#endif  // GRAFT_COMMON_ENGINE_REFERENCE_REFERENCE_BACKEND_H_
