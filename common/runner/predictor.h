// Predictor: what a trained network says of images.
#ifndef GRAFT_COMMON_RUNNER_PREDICTOR_H_
#define GRAFT_COMMON_RUNNER_PREDICTOR_H_

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/engine/backend.h"
#include "common/engine/parameters.h"
#include "common/runner/examples.h"
#include "common/runner/probe.h"

namespace graft::runner {

// An image classifier in inference. Not thread-safe.
class Predictor {
 public:
  // Takes up to `batch` images at once. INVALID_ARGUMENT: weights that do not fit.
  static absl::StatusOr<Predictor> Create(engine::Backend& backend, const WeightedNetwork& network,
                                          std::int64_t batch);

  // The logits, [count, K]. `images` are normalised, as many as `batch` at most.
  absl::StatusOr<std::vector<float>> Logits(const ImageBatch& images);

 private:
  Predictor(std::unique_ptr<engine::Plan> plan, engine::ParameterVector parameters)
      : plan_(std::move(plan)), parameters_(std::move(parameters)) {}

  std::unique_ptr<engine::Plan> plan_;
  engine::ParameterVector parameters_;
};

// exp(x) over the sum of the same; in doubles.
std::vector<double> Softmax(std::span<const float> logits);

}  // namespace graft::runner

#endif  // GRAFT_COMMON_RUNNER_PREDICTOR_H_
