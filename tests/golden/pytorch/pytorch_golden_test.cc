// Whole networks against values that PyTorch computed (pytorch_golden.py writes them).
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/optimizer.h"
#include "common/engine/reference/reference_backend.h"
#include "tests/golden/pytorch/golden_file.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

using testing::Layer;
using testing::RelativeDifference;
using Ints = std::vector<std::int64_t>;

arch::LayerDef Conv(std::string id, std::int64_t filters, std::int64_t kernel, bool bias,
                    arch::Attributes more = {}, std::vector<std::string> operands = {}) {
  more.insert({{"filters", filters}, {"kernel", kernel}, {"bias", bias}});
  return Layer("convolution", std::move(more), std::move(operands), std::move(id));
}

arch::LayerDef Norm(std::string id) { return Layer("batch_norm", {}, {}, std::move(id)); }

arch::LayerDef Linear(std::string id, std::int64_t units, bool bias = true) {
  return Layer("linear", {{"units", units}, {"bias", bias}}, {}, std::move(id));
}

arch::Architecture Demo() {
  std::vector<arch::LayerDef> layers;
  for (int block = 1; block <= 4; ++block) {
    layers.push_back(Conv("conv" + std::to_string(block), 4, 3, false));
    layers.push_back(Norm("norm" + std::to_string(block)));
    layers.push_back(Layer("relu"));
    layers.push_back(block < 4 ? Layer("max_pool", {{"kernel", std::int64_t{2}}})
                               : Layer("average_pool", {{"kernel", std::int64_t{3}}}));
  }
  layers.push_back(Layer("flatten"));
  layers.push_back(Linear("hidden", 8, /*bias=*/false));
  layers.push_back(Norm("norm5"));
  layers.push_back(Layer("relu"));
  layers.push_back(Linear("last", 10));
  return testing::WithLoss(testing::Network({1, 28, 28}, layers));
}

arch::Architecture Branched() {
  return testing::WithLoss(testing::Network(
      {3, 11, 10}, {Conv("conv1", 6, 3, false), Norm("norm1"), Layer("relu", {}, {}, "trunk"),
                    Conv("a", 5, 1, true, {}, {"trunk"}), Conv("b", 5, 5, false, {}, {"trunk"}),
                    Layer("add", {}, {"a", "b"}), Layer("relu", {}, {}, "sum"),
                    Layer("concat", {}, {"sum", "trunk"}), Layer("dropout", {{"rate", 0.0}}),
                    Layer("average_pool", {{"kernel", std::int64_t{3}},
                                           {"strides", std::int64_t{2}},
                                           {"padding", std::int64_t{1}}}),
                    Conv("conv2", 12, 3, false), Norm("norm2"), Layer("relu"),
                    Layer("global_max_pool"), Linear("last", 7)}));
}

arch::Architecture Strided() {
  return testing::WithLoss(
      testing::Network(
          {3, 15, 14},
          {Conv("conv1", 9, 3, true, {{"strides", std::int64_t{2}}, {"padding", Ints{0, 1, 1, 0}}}),
           Layer("relu"), Conv("conv2", 17, 4, false, {{"padding", Ints{2, 1, 1, 2}}}),
           Norm("norm1"), Layer("relu"),
           Layer("max_pool", {{"kernel", std::int64_t{3}},
                              {"strides", std::int64_t{2}},
                              {"padding", std::int64_t{1}}}),
           Conv("conv3", 20, 1, false,
                {{"strides", std::int64_t{2}}, {"padding", Ints{0, 0, 0, 0}}}),
           Layer("global_average_pool"), Linear("last", 5)}),
      /*label_smoothing=*/0.1);
}

reference::ReferenceBackend reference_backend;
cpu::CpuBackend cpu_backend;

struct Case {
  std::string network;
  arch::Architecture (*build)();
  Backend* backend;
};

class PyTorchGoldenTest : public ::testing::TestWithParam<Case> {
 protected:
  PyTorchGoldenTest()
      : architecture_(GetParam().build()),
        golden_(ReadGolden(GetParam().network)),
        labels_(golden_["labels"].begin(), golden_["labels"].end()),
        plan_(*GetParam().backend->Compile(architecture_, {.batch = 8})),
        parameters_(InitializeParameters(architecture_, plan_->layout(), 0)) {
    for (const ParameterLayout::Slot& slot : plan_->layout().slots()) {
      if (!slot.trainable) continue;  // statistics start at 0 and 1 there, too
      const std::vector<float>& values = golden_["p." + architecture_.node(slot.node).id];
      EXPECT_EQ(static_cast<std::int64_t>(values.size()), slot.count);
      std::ranges::copy(values, parameters_.slice(slot).begin());
    }
  }

  Feed feed() const {
    return {.count = static_cast<std::int64_t>(labels_.size()),
            .inputs = {golden_.at("x").data(), labels_.data()}};
  }

  void ExpectGolden(std::span<const float> actual, const std::string& name, double bound,
                    double floor = 1e-30) const {
    ASSERT_TRUE(golden_.contains(name)) << name;
    EXPECT_LE(RelativeDifference(actual, golden_.at(name), floor), bound) << name;
  }

  const arch::Architecture architecture_;
  std::map<std::string, std::vector<float>> golden_;
  const std::vector<std::int32_t> labels_;
  const std::unique_ptr<Plan> plan_;
  ParameterVector parameters_;
};

TEST_P(PyTorchGoldenTest, InferenceAgrees) {
  ASSERT_TRUE(plan_->Forward(Mode::kInference, feed(), parameters_).ok());
  ExpectGolden(plan_->Output(1), "logits_eval", 1e-5);
  ExpectGolden(plan_->Output(0), "loss_eval", 1e-5);
}

TEST_P(PyTorchGoldenTest, TrainingLossGradientsAndStatisticsAgree) {
  ASSERT_TRUE(plan_->Forward(Mode::kTraining, feed(), parameters_).ok());
  ExpectGolden(plan_->Output(1), "logits_train", 1e-5);
  ExpectGolden(plan_->Output(0), "loss_train", 1e-5);
  ParameterVector gradients(plan_->layout().size());
  ASSERT_TRUE(plan_->Backward(feed(), parameters_, gradients).ok());
  for (const ParameterLayout::Slot& slot : plan_->layout().slots()) {
    const std::string& id = architecture_.node(slot.node).id;
    if (slot.trainable) {
      ExpectGolden(gradients.slice(slot), "g." + id, 1e-4, /*floor=*/1e-3);
    } else {
      ExpectGolden(parameters_.slice(slot), "s." + id, 1e-5);
    }
  }
}

TEST_P(PyTorchGoldenTest, FiveStepsOfNesterovAgree) {
  const auto sgd = MakeOptimizer(
      recipe::SgdOptions{.momentum = 0.9, .nesterov = true, .weight_decay = 1e-4},
      TrainableSegments(plan_->architecture(), plan_->layout(), recipe::WeightDecayMask::kAll),
      plan_->layout().trainable_size());
  ParameterVector gradients(plan_->layout().size());
  std::vector<float> losses;
  for (int step = 0; step < 5; ++step) {
    ASSERT_TRUE(plan_->Forward(Mode::kTraining, feed(), parameters_).ok());
    losses.push_back(plan_->Output(0)[0]);
    ASSERT_TRUE(plan_->Backward(feed(), parameters_, gradients).ok());
    sgd->Step(0.05F, gradients.values(), parameters_.values(), /*gradient_scale=*/1);
  }
  ExpectGolden(losses, "losses", 1e-3);
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (Backend* backend : std::initializer_list<Backend*>{&reference_backend, &cpu_backend}) {
    cases.push_back({"demo", Demo, backend});
    cases.push_back({"branched", Branched, backend});
    cases.push_back({"strided", Strided, backend});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Networks, PyTorchGoldenTest, ::testing::ValuesIn(Cases()),
                         [](const auto& test) {
                           return test.param.network + "_" + test.param.backend->name();
                         });

TEST(DemoTest, StartNetworkHas638Parameters) { EXPECT_EQ(Demo().cost().parameters, 638); }

}  // namespace
}  // namespace graft::engine
