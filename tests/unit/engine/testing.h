// What the engine's tests share: small networks, random data, comparison.
#ifndef GRAFT_TESTS_UNIT_ENGINE_TESTING_H_
#define GRAFT_TESTS_UNIT_ENGINE_TESTING_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/arch/architecture.h"
#include "common/base/rng.h"
#include "common/engine/backend.h"
#include "common/engine/batch_source.h"

namespace graft::engine::testing {

// A layer in short form.
arch::LayerDef Layer(std::string op, arch::Attributes attributes = {},
                     std::vector<std::string> operands = {}, std::string id = "");

// Short-form layers over one input of that shape. Crashes if they are not valid.
arch::Architecture Network(const tensor::Shape& input, std::vector<arch::LayerDef> layers);

// As Network, with what brings the last layer's value to `classes` logits: tokens become a picture,
// then flatten, linear.
arch::Architecture Classifier(const tensor::Shape& input, std::vector<arch::LayerDef> layers,
                              std::int64_t classes = 3);

// The same graph with an input `labels` and the outputs `loss` and `logits`, from its one output.
arch::Architecture WithLoss(const arch::Architecture& architecture, double label_smoothing = 0);

// Random inputs of a network: N(0, 1), integers below what their user allows; targets of a loss are
// in (0, 1).
struct Examples {
  Examples(const arch::Architecture& architecture, std::int64_t count, std::uint64_t seed);
  // The first `count` of them.
  Feed feed(std::int64_t count, std::uint64_t step_seed = 7) const;
  Feed feed() const { return feed(count_); }

  // Of a classifier with its loss: inputs 0 and 1.
  std::vector<float> images;
  std::vector<std::int32_t> labels;

 private:
  // Inputs that are neither, by index.
  std::map<std::size_t, std::vector<float>> floats_;
  std::map<std::size_t, std::vector<std::int32_t>> integers_;
  std::size_t input_count_ = 0;
  std::int64_t count_ = 0;
};

// Fresh parameters whose ones and zeros (batch norm, biases) are moved a little, so that no
// gradient hides behind them; variances stay positive.
ParameterVector RandomParameters(const arch::Architecture& architecture,
                                 const ParameterLayout& layout, std::uint64_t seed);

// Largest |a - b| over the largest |b|, or over `floor` if that is larger (gradients that cancel to
// zero have no relative error); infinite if a value is not finite or the sizes differ.
double RelativeDifference(std::span<const float> a, std::span<const float> b, double floor = 1e-30);

// Examples in batches, the same in every epoch.
class FixedSource final : public BatchSource {
 public:
  // Borrows `examples`.
  FixedSource(const Examples& examples, std::int64_t batch) : examples_(examples), batch_(batch) {}
  absl::Status StartEpoch(int epoch) override;
  absl::StatusOr<Batch> Next() override;
  std::int64_t batches_per_epoch() const override;

  int epochs_started = 0;

 private:
  const Examples& examples_;
  const std::int64_t batch_;
  std::int64_t position_ = 0;
};

}  // namespace graft::engine::testing

#endif  // GRAFT_TESTS_UNIT_ENGINE_TESTING_H_
