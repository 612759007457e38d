// Transformation: an edit of an architecture with the rule that maps the parent's weights onto the
// child's.
//
// Applying an edit needs no weights: it yields the child's architecture and, for each of the
// child's parameters, a rule. Materialize() then turns the parent's weights into the child's. A
// policy or a controller applies edits to architectures alone; only the runner materialises.
#ifndef GRAFT_COMMON_TRANSFORM_TRANSFORMATION_H_
#define GRAFT_COMMON_TRANSFORM_TRANSFORMATION_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/tensor/named_tensors.h"
#include "common/transform/edit.h"

namespace graft::transform {

// What an edit promises of the child's function before training.
enum class Preservation {
  kExact,       // equal in inference and in training mode, up to rounding
  kCalibrated,  // equal in inference, given the recorded statistics
  kLossy,       // close: noise was added
};

// The weaker of two promises: a sequence of edits keeps the weakest.
Preservation Weakest(Preservation a, Preservation b);

// Largest admitted |child - parent| logit over the largest |parent logit| on the probe batch.
double PreservationBound(Preservation preservation);  // 1e-4, 1e-4, 0.1

// How one axis of a child's tensor is made from the parent's: new index j takes old index source[j]
// times share[j]. An empty source is the identity; an empty share is all ones; -1 as a source is
// zero.
struct AxisMap {
  int axis = 0;
  std::vector<int> source;
  std::vector<float> share;
};

// Gaussian noise relative to the standard deviation of the tensor's source: published as 0.01 on
// the replicated slice when widening, and 0.001 on the whole tensor when deepening.
struct Noise {
  float relative_stddev = 0;
  // Only indices >= first along `axis` are touched; axis -1: the whole tensor.
  int axis = -1;
  int first = 0;
};

// The parent's tensor, re-indexed along some axes. Without axes: a copy.
struct FromParent {
  arch::NodeIndex parameter = 0;  // in the parent
  std::vector<AxisMap> axes;
  Noise noise;
};

// Identity: [O, I, kh, kw] with the ones at the kernel's centre, or [O, I].
struct IdentityWeight {
  Noise noise;
};

// All elements equal.
struct Constant {
  float value = 0;
};

// A statistic of a value of the parent over the calibration batch, one a channel.
struct Statistic {
  enum class Kind {
    kMean,               // m
    kVariance,           // v, biased
    kStandardDeviation,  // sqrt(v + epsilon)
  };
  arch::NodeIndex value = 0;  // node of the parent
  Kind kind = Kind::kMean;
  float epsilon = 0;
};

using ParameterRule = std::variant<FromParent, IdentityWeight, Constant, Statistic>;

// Result of an edit.
struct Transformed {
  arch::Architecture child;
  // One rule for each of child.parameters(), in that order.
  std::vector<ParameterRule> rules;
  Preservation preservation = Preservation::kExact;
};

// How edits use the freedom that exactness leaves.
enum class WidenSplit { kUneven, kEven };

// A kind of edit. Stateless: thread-safe.
class Transformation {
 public:
  virtual ~Transformation() = default;
  virtual std::string_view name() const = 0;
  virtual const std::vector<arch::AttributeSpec>& attributes() const = 0;

  // `attributes` are checked. `seed` decides channel maps and splits: equal (parent, edit, seed)
  // give equal results everywhere. INVALID_ARGUMENT: the edit is not legal on this parent, with the
  // reason (no such layer; not a convolution or linear layer; a barrier in the way; the output is
  // fixed).
  virtual absl::StatusOr<Transformed> Apply(const arch::Architecture& parent,
                                            const arch::Attributes& attributes,
                                            std::uint64_t seed) const = 0;
};

// Null if there is no such transformation.
const Transformation* FindTransformation(std::string_view name);
std::span<const Transformation* const> AllTransformations();

// Checks the edit against the registry and applies it. INVALID_ARGUMENT as above.
absl::StatusOr<Transformed> Apply(const arch::Architecture& parent, const Edit& edit,
                                  std::uint64_t seed);

// The child's architecture after all edits; edit i uses EditSeed(edit_seed, i).
absl::StatusOr<arch::Architecture> ApplyAll(const arch::Architecture& parent,
                                            std::span<const Edit> edits, std::uint64_t edit_seed);
std::uint64_t EditSeed(std::uint64_t edit_seed, int index);

// Nodes of the parent whose statistics the rules need, ascending, each once.
std::vector<arch::NodeIndex> CalibrationNodes(const Transformed& transformed);

// Mean and biased variance of a value by channel.
struct ChannelStatistics {
  arch::NodeIndex value = 0;
  std::vector<float> mean;
  std::vector<float> variance;
};

// The child's weights. `statistics` holds an entry for each of CalibrationNodes(). `seed` decides
// the noise. INVALID_ARGUMENT: a parent tensor or a statistic is missing or does not fit.
absl::StatusOr<tensor::NamedTensors> Materialize(const arch::Architecture& parent,
                                                 const Transformed& transformed,
                                                 const tensor::NamedTensors& parent_weights,
                                                 std::span<const ChannelStatistics> statistics,
                                                 std::uint64_t seed);

}  // namespace graft::transform

#endif  // GRAFT_COMMON_TRANSFORM_TRANSFORMATION_H_
