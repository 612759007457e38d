// Checks that every backend makes. Internal to common/engine.
#ifndef GRAFT_COMMON_ENGINE_GRAPH_CHECKS_H_
#define GRAFT_COMMON_ENGINE_GRAPH_CHECKS_H_

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/arch/architecture.h"
#include "common/engine/backend.h"

namespace graft::engine {

// Whether an architecture can be compiled with these options, apart from missing kernels.
// INVALID_ARGUMENT: a batch below 1; gradients are wanted and output 0 is not a float32 scalar; a
// fetched node is none, a parameter, an input or not float32. UNIMPLEMENTED: a data operand that is
// not batched, or a parameter operand that is.
absl::Status CheckCompilable(const arch::Architecture& architecture, const PlanOptions& options);

// Whether every layer has a kernel. UNIMPLEMENTED names the first that has none, with its operator,
// the precision and the backend.
absl::Status CheckKernels(const arch::Architecture& architecture, recipe::Precision precision,
                          std::string_view backend,
                          bool (*has_kernel)(std::string_view op, recipe::Precision precision));

// Whether a run fits its plan. INVALID_ARGUMENT: the count, the number of inputs, a null input, the
// size of `parameters`, a label that is no class, an id that is no row of its table, or a batch
// norm in training over a single element a channel.
absl::Status CheckRun(const arch::Architecture& architecture, const PlanOptions& options, Mode mode,
                      const Feed& feed, const ParameterLayout& layout,
                      const ParameterVector& parameters);

// For each node: whether the loss (output 0) depends on it and it depends on a parameter that
// learns, so that its gradient has to be computed.
std::vector<bool> NodesWithGradient(const arch::Architecture& architecture,
                                    const PlanOptions& options);

// The first float32 input of a run that fits its plan and holds a NaN or an infinity.
std::optional<arch::NodeIndex> NonFiniteInput(const arch::Architecture& architecture,
                                              const Feed& feed);

// Whether the node is an output or fetched.
bool IsWanted(const arch::Architecture& architecture, const PlanOptions& options,
              arch::NodeIndex node);

// Whether a batch norm uses its statistics in training, too: one of them is frozen.
bool HasFrozenStatistics(const arch::Node& batch_norm, const PlanOptions& options);

// "layer conv1 (convolution)", for messages.
std::string Describe(const arch::Node& node);

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_GRAPH_CHECKS_H_
