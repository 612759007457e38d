// Gradients at and next to the kinks of ReLU and maximum. Operands are exact in float32, so that
// the side is known however near the kink they lie.
#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/reference/reference_backend.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Layer;

using Ints = std::vector<std::int64_t>;
using Rows = std::vector<std::vector<double>>;

constexpr std::int64_t kClasses = 3;
constexpr float kUlp = FLT_EPSILON;

// Zeros and what is next to them.
const std::vector<float> kNearZero = {0.0F,  -0.0F,  FLT_MIN, -FLT_MIN, 1e-30F, -1e-30F,
                                      1e-8F, -1e-8F, 6e-8F,   -6e-8F,   1e-6F,  -1e-6F};
const auto kFeatures = static_cast<std::int64_t>(kNearZero.size());

// One step of a classifier whose first layer is `stem` and whose last is linear without bias.
class KinksTest : public ::testing::TestWithParam<Backend*> {
 protected:
  void Prepare(const tensor::Shape& input, std::vector<arch::LayerDef> layers, std::int64_t batch,
               const std::string& fetch = "") {
    layers.push_back(Layer("linear", {{"units", kClasses}, {"bias", false}}, {}, "classifier"));
    architecture_ = std::make_unique<arch::Architecture>(
        testing::WithLoss(testing::Network(input, std::move(layers))));
    PlanOptions options{.batch = batch};
    if (!fetch.empty()) options.fetch = {*architecture_->FindNode(fetch)};
    auto plan = GetParam()->Compile(*architecture_, options);
    ASSERT_TRUE(plan.ok()) << plan.status();
    plan_ = *std::move(plan);
    parameters_ = InitializeParameters(*architecture_, plan_->layout(), 1);
    for (std::int64_t n = 0; n < batch; ++n) labels_.push_back(static_cast<std::int32_t>(n));
  }

  const ParameterLayout::Slot& Slot(const std::string& id) const {
    return plan_->layout().slot(*architecture_->FindNode(id));
  }
  std::span<float> Parameter(const std::string& id) { return parameters_.slice(Slot(id)); }

  std::vector<float> Gradient(const std::vector<float>& images, const std::string& id) {
    const Feed feed{.count = static_cast<std::int64_t>(labels_.size()),
                    .inputs = {images.data(), labels_.data()}};
    EXPECT_TRUE(plan_->Forward(Mode::kTraining, feed, parameters_).ok());
    ParameterVector gradients(plan_->layout().size());
    EXPECT_TRUE(plan_->Backward(feed, parameters_, gradients).ok());
    const auto gradient = gradients.slice(Slot(id));
    return {gradient.begin(), gradient.end()};
  }

  // Gradient of the loss with respect to what the classifier takes, y: [examples, features].
  Rows GradientBehindKinks(const Rows& y) {
    const std::span<const float> weight = Parameter("classifier.weight");
    Rows gradients;
    for (std::size_t n = 0; n < y.size(); ++n) {
      const std::size_t features = y[n].size();
      std::vector<double> share(kClasses);
      double sum = 0;
      for (std::int64_t k = 0; k < kClasses; ++k) {
        double logit = 0;
        for (std::size_t j = 0; j < features; ++j) logit += weight[k * features + j] * y[n][j];
        share[k] = std::exp(logit);
        sum += share[k];
      }
      std::vector<double> gradient(features);
      for (std::int64_t k = 0; k < kClasses; ++k) {
        const double miss = (share[k] / sum - (k == labels_[n] ? 1 : 0)) / y.size();
        for (std::size_t j = 0; j < features; ++j) gradient[j] += miss * weight[k * features + j];
      }
      gradients.push_back(std::move(gradient));
    }
    return gradients;
  }

  std::unique_ptr<arch::Architecture> architecture_;
  std::unique_ptr<Plan> plan_;
  ParameterVector parameters_{0};
  std::vector<std::int32_t> labels_;
};

void SetIdentity(std::span<float> weight, std::int64_t size) {
  for (std::int64_t i = 0; i < size * size; ++i) weight[i] = i % (size + 1) == 0 ? 1.0F : 0.0F;
}

TEST_P(KinksTest, ReluPassesGradientsWhereItsOperandIsAboveZero) {
  Prepare({kFeatures}, {Layer("linear", {{"units", kFeatures}}, {}, "stem"), Layer("relu")}, 1);
  SetIdentity(Parameter("stem.weight"), kFeatures);
  const std::vector<float> gradient = Gradient(kNearZero, "stem.bias");
  Rows y = {{kNearZero.begin(), kNearZero.end()}};
  for (double& value : y[0]) value = std::max(value, 0.0);
  const std::vector<double> behind = GradientBehindKinks(y)[0];
  for (std::int64_t j = 0; j < kFeatures; ++j) {
    ASSERT_GT(std::abs(behind[j]), 1e-3) << "a gradient too small to tell";
    EXPECT_NEAR(gradient[j], kNearZero[j] > 0 ? behind[j] : 0, 1e-6) << kNearZero[j];
  }
}

// Examples -1, 0 and 1 in each channel have the mean 0, so that the middle one becomes the shift.
TEST_P(KinksTest, ReluBehindBatchNormPassesGradientsWhereItsOperandIsAboveZero) {
  constexpr int kExamples = 3;
  std::vector<float> images;
  for (const float x : {-1.0F, 0.0F, 1.0F}) images.insert(images.end(), kFeatures, x);
  // The CPU backend computes the two at once, unless the batch norm's own value is wanted.
  for (const std::string fetch : {"", "norm"}) {
    labels_.clear();
    Prepare({kFeatures},
            {Layer("linear", {{"units", kFeatures}, {"bias", false}}, {}, "stem"),
             Layer("batch_norm", {}, {}, "norm"), Layer("relu")},
            kExamples, fetch);
    SetIdentity(Parameter("stem.weight"), kFeatures);
    std::ranges::copy(kNearZero, Parameter("norm.shift").begin());
    const std::vector<float> gradient = Gradient(images, "norm.shift");
    const double deviation = std::sqrt(2.0 / 3 + 1e-5);
    Rows y;
    for (const double x : {-1.0, 0.0, 1.0}) {
      y.emplace_back();
      for (const float shift : kNearZero) y.back().push_back(std::max(x / deviation + shift, 0.0));
    }
    const Rows behind = GradientBehindKinks(y);
    for (std::int64_t j = 0; j < kFeatures; ++j) {
      ASSERT_GT(std::abs(behind[1][j]), 1e-3) << "a gradient too small to tell";
      EXPECT_NEAR(gradient[j], behind[2][j] + (kNearZero[j] > 0 ? behind[1][j] : 0), 1e-6)
          << kNearZero[j];
    }
  }
}

// A picture whose every pixel is told by a second channel, which the stem multiplies by 0: the
// gradient of that weight is the sum of the numbers of the pixels that the maxima chose.
struct Picture {
  std::int64_t height, width;
  std::vector<float> pixels;
  Ints chosen;  // position, row-major, in each window
};

// Windows of 2 x 2 side by side.
Picture Tiles() {
  struct Tile {
    std::vector<float> pixels;
    std::int64_t chosen;
  };
  const std::vector<Tile> tiles = {{{1, 1, 1, 1}, 0},
                                   {{1, 1 + kUlp, 1, 1}, 1},
                                   {{1 - kUlp, 1 - kUlp, 1, 1 - kUlp}, 2},
                                   {{1, 1, 1 + kUlp, 1 + kUlp}, 2},
                                   {{-1, -1, -1, -1 + kUlp}, 3},
                                   {{0.0F, -0.0F, -0.0F, 0.0F}, 0},
                                   {{-0.0F, 0.0F, FLT_MIN, 1e-30F}, 3},
                                   {{-FLT_MIN, -0.0F, 0.0F, -1}, 1}};
  const auto count = static_cast<std::int64_t>(tiles.size());
  Picture picture{.height = 2, .width = 2 * count};
  picture.pixels.resize(4 * count);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t first = 2 * i;
    const Ints window = {first, first + 1, picture.width + first, picture.width + first + 1};
    for (int k = 0; k < 4; ++k) picture.pixels[window[k]] = tiles[i].pixels[k];
    picture.chosen.push_back(window[tiles[i].chosen]);
  }
  return picture;
}

// One window; the largest stands in two places.
Picture Whole() {
  return {
      .height = 3, .width = 3, .pixels = {1, 1, 1, 1 + kUlp, 1, 1, 1 + kUlp, 1, 1}, .chosen = {3}};
}

TEST_P(KinksTest, MaximumPassesGradientsToTheFirstOfTheLargest) {
  constexpr std::int64_t kChannels = 3;
  struct Case {
    arch::LayerDef pool;
    Picture picture;
  };
  for (const auto& [pool, picture] :
       {Case{Layer("max_pool", {{"kernel", std::int64_t{2}}}), Tiles()},
        Case{Layer("global_max_pool"), Whole()}}) {
    SCOPED_TRACE(pool.op);
    labels_.clear();
    std::vector<arch::LayerDef> layers = {
        Layer("convolution", {{"filters", kChannels}, {"kernel", std::int64_t{1}}, {"bias", false}},
              {}, "stem"),
        pool};
    if (pool.op == "max_pool") layers.push_back(Layer("flatten"));
    Prepare({2, picture.height, picture.width}, layers, 1);
    std::vector<float> images = picture.pixels;
    for (std::size_t i = 0; i < picture.pixels.size(); ++i) {
      images.push_back(static_cast<float>(i + 1));
    }
    const std::span<float> weight = Parameter("stem.weight");
    for (std::int64_t c = 0; c < kChannels; ++c) {
      weight[2 * c] = 1;
      weight[2 * c + 1] = 0;
    }
    const std::vector<float> gradient = Gradient(images, "stem.weight");
    const std::size_t windows = picture.chosen.size();
    Rows y(1);
    for (std::int64_t c = 0; c < kChannels; ++c) {
      for (const std::int64_t pixel : picture.chosen) y[0].push_back(picture.pixels[pixel]);
    }
    const std::vector<double> behind = GradientBehindKinks(y)[0];
    for (std::int64_t c = 0; c < kChannels; ++c) {
      double expected = 0;
      for (std::size_t i = 0; i < windows; ++i) {
        expected += behind[c * windows + i] * static_cast<double>(picture.chosen[i] + 1);
      }
      EXPECT_NEAR(gradient[2 * c + 1], expected, 1e-5) << c;
    }
  }
}

reference::ReferenceBackend reference_backend;
cpu::CpuBackend cpu_backend;
INSTANTIATE_TEST_SUITE_P(Both, KinksTest,
                         ::testing::Values<Backend*>(&reference_backend, &cpu_backend),
                         [](const auto& test) { return test.param->name(); });

}  // namespace
}  // namespace graft::engine
