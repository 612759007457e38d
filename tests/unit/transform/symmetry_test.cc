// Copies of a channel must learn apart (design.md, foundation 5): with an even split they get equal
// gradients for ever, with an uneven one they do not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/engine/optimizer.h"
#include "common/engine/parameters.h"
#include "common/engine/reference/reference_backend.h"
#include "common/transform/widen_layer.h"
#include "tests/unit/transform/test_network.h"

namespace graft::transform {
namespace {

using arch::Architecture;
using testing::TestNetwork;
using testing::Widen;

constexpr int kInputs = 12;
constexpr int kOldWidth = 3;
constexpr int kNewWidth = 9;
constexpr int kClasses = 5;
constexpr int kExamples = 32;
constexpr std::uint64_t kSeed = 21;

Architecture Perceptron() {
  return testing::MakeArchitecture(
      {{"hidden", "linear", {{"units", std::int64_t{kOldWidth}}, {"bias", false}}, {}},
       {"relu", "relu", {}, {}},
       {"classifier", "linear", {{"units", std::int64_t{kClasses}}}, {}}},
      {kInputs});
}

// The network with its loss as output 0; the nodes of the network keep their indices.
Architecture WithLoss(const Architecture& network) {
  std::vector<arch::LayerDef> layers = network.ToLayers();
  layers.push_back({"labels",
                    "input",
                    {{"index", std::int64_t{1}},
                     {"shape", std::vector<std::int64_t>{}},
                     {"dtype", std::string("int32")}},
                    {}});
  const std::string logits = network.node(network.outputs()[0].node).id;
  layers.push_back({"loss", "softmax_cross_entropy", {}, {logits, "labels"}});
  auto with_loss = Architecture::Create(layers, {{"loss", "loss"}});
  EXPECT_TRUE(with_loss.ok()) << with_loss.status();
  return *with_loss;
}

void Train(TestNetwork& network, const tensor::Tensor& images, int steps) {
  std::vector<std::int32_t> labels(kExamples);
  base::Rng rng(kSeed);
  for (std::int32_t& label : labels) label = static_cast<std::int32_t>(rng.UniformInt(kClasses));
  const Architecture with_loss = WithLoss(network.architecture);
  const engine::ParameterLayout layout(with_loss);
  engine::ParameterVector parameters = *engine::FromTensors(with_loss, layout, network.weights);
  engine::ParameterVector gradients(layout.size());
  engine::reference::ReferenceBackend backend;
  const auto plan = backend.Compile(with_loss, {.batch = kExamples});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const engine::Feed feed = {.count = kExamples, .inputs = {images.floats().data(), labels.data()}};
  const auto sgd = engine::MakeOptimizer(
      recipe::SgdOptions{},
      engine::TrainableSegments(with_loss, layout, recipe::WeightDecayMask::kAll),
      layout.trainable_size());
  for (int step = 0; step < steps; ++step) {
    ASSERT_TRUE((*plan)->Forward(engine::Mode::kTraining, feed, parameters).ok());
    ASSERT_TRUE((*plan)->Backward(feed, parameters, gradients).ok());
    sgd->Step(/*learning_rate=*/0.1F, gradients.values(), parameters.values(),
              /*gradient_scale=*/1);
  }
  network.weights = engine::ToTensors(with_loss, layout, parameters);
}

// Numerical rank of rows of kInputs: Gram-Schmidt with the longest remaining row first.
int Rank(std::vector<std::vector<double>> rows) {
  const auto square = [](const std::vector<double>& row) {
    double sum = 0;
    for (const double value : row) sum += value * value;
    return sum;
  };
  const auto shorter = [&](const auto& a, const auto& b) { return square(a) < square(b); };
  const double largest = square(*std::ranges::max_element(rows, shorter));
  int rank = 0;
  while (!rows.empty()) {
    const auto pivot = std::ranges::max_element(rows, shorter);
    const std::vector<double> axis = *pivot;
    if (square(axis) <= 1e-8 * largest) break;
    rows.erase(pivot);
    ++rank;
    for (std::vector<double>& row : rows) {
      double product = 0;
      for (int i = 0; i < kInputs; ++i) product += row[i] * axis[i];
      for (int i = 0; i < kInputs; ++i) row[i] -= product / square(axis) * axis[i];
    }
  }
  return rank;
}

class SymmetryTest : public ::testing::Test {
 protected:
  // The hidden layer's rows after widening and 100 steps of training.
  std::vector<std::vector<double>> TrainedRows(const std::string& split) {
    const Architecture start = Perceptron();
    const tensor::Tensor images = testing::RandomImages(start, kExamples, 1);
    const TestNetwork parent = testing::Settle(start, images, 2);
    const std::vector<Edit> edits = {Widen("hidden", kNewWidth, split)};
    TestNetwork child = testing::Derive(parent, edits, kSeed, images).network;
    Train(child, images, /*steps=*/100);
    const auto weight = testing::WeightsOf(child, "hidden.weight").floats();
    std::vector<std::vector<double>> rows;
    for (int j = 0; j < kNewWidth; ++j) {
      const auto row = weight.subspan(j * kInputs, kInputs);
      rows.emplace_back(row.begin(), row.end());
    }
    return rows;
  }

  const std::vector<int> source_ =
      RandomWidening(kOldWidth, kNewWidth, WidenSplit::kUneven, EditSeed(kSeed, 0)).source;
};

double LargestDifference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(a[i] - b[i]));
  return largest;
}

TEST_F(SymmetryTest, UnevenCopiesLearnApart) {
  const auto rows = TrainedRows("uneven");
  for (int j = kOldWidth; j < kNewWidth; ++j) {
    for (int i = 0; i < j; ++i) {
      if (source_[i] == source_[j]) {
        EXPECT_GT(LargestDifference(rows[i], rows[j]), 1e-2) << i << " and " << j;
      }
    }
  }
  EXPECT_EQ(Rank(rows), kNewWidth);
}

TEST_F(SymmetryTest, EvenCopiesStayEqual) {
  const auto rows = TrainedRows("even");
  for (int j = kOldWidth; j < kNewWidth; ++j) {
    EXPECT_LT(LargestDifference(rows[source_[j]], rows[j]), 1e-6) << j;
  }
  EXPECT_EQ(Rank(rows), kOldWidth);
}

}  // namespace
}  // namespace graft::transform
