// Optimisers over a flat parameter buffer, one pass each; recipe/optimizer_options.h has the
// equations.
//
// Divisions, roots and products are of single floats, sums over a tensor are of doubles in order:
// results do not depend on the processor.
#ifndef GRAFT_COMMON_ENGINE_OPTIMIZER_H_
#define GRAFT_COMMON_ENGINE_OPTIMIZER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/arch/architecture.h"
#include "common/engine/parameters.h"
#include "common/recipe/optimizer_options.h"

namespace graft::engine {

// A tensor in the buffer.
struct ParameterSegment {
  std::int64_t offset = 0;  // elements
  std::int64_t count = 0;   // elements
  // Of the tensor as a matrix [rows, count / rows], output features by what they are made of; 0: a
  // vector (bias, scale, shift).
  std::int64_t rows = 0;
  bool decays = true;  // whether weight decay applies
};

// The trainable tensors of a layout, by offset.
std::vector<ParameterSegment> TrainableSegments(const arch::Architecture& architecture,
                                                const ParameterLayout& layout,
                                                recipe::WeightDecayMask mask);

// Moves parameters. Starts with all of its state zero; padding between segments is not touched.
// Allocates nothing after it is made. Not thread-safe.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // Moves the segments of `parameters` by those of `gradients`, which are multiplied by
  // `gradient_scale` first.
  virtual void Step(float learning_rate, std::span<const float> gradients,
                    std::span<float> parameters, float gradient_scale) = 0;
};

// `segments` lie within a buffer of `size` elements.
std::unique_ptr<Optimizer> MakeOptimizer(const recipe::OptimizerOptions& options,
                                         std::vector<ParameterSegment> segments, std::int64_t size);

// The factor that brings the norm over all segments' gradients down to `max_norm`: 1 if it is not
// above it (R. Pascanu et al., "On the difficulty of training recurrent neural networks", ICML
// 2013). NaN for gradients that are not finite.
float ClippingScale(std::span<const ParameterSegment> segments, std::span<const float> gradients,
                    float max_norm);

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_OPTIMIZER_H_
