#include "tests/unit/transform/test_network.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/engine/channel_statistics.h"
#include "common/engine/parameters.h"
#include "common/engine/reference/reference_backend.h"

namespace graft::testing {
namespace {

using arch::Architecture;
using arch::LayerDef;
using arch::NodeIndex;

template <typename T>
T Value(absl::StatusOr<T> result) {
  GRAFT_CHECK_OK(result.status());
  return *std::move(result);
}

// A chain of hidden layers without biases, each with batch norm and ReLU.
class Chain {
 public:
  void Convolution(const std::string& id, std::int64_t filters) {
    layers_.push_back({id, "convolution", {{"filters", filters}, {"kernel", std::int64_t{3}}}, {}});
    Normalize(id);
  }
  void Pool(const std::string& op, arch::Attributes attributes = {}) {
    layers_.push_back({"", op, std::move(attributes), {}});
  }
  void Hidden(const std::string& id, std::int64_t units) {
    layers_.push_back({id, "linear", {{"units", units}, {"bias", false}}, {}});
    Normalize(id);
  }
  Architecture Finish(const tensor::Shape& input_shape) {
    layers_.push_back({"classifier", "linear", {{"units", std::int64_t{10}}}, {}});
    return MakeArchitecture(std::move(layers_), input_shape);
  }

 private:
  void Normalize(const std::string& id) {
    layers_.push_back({id + "_bn", "batch_norm", {}, {}});
    layers_.push_back({id + "_relu", "relu", {}, {}});
  }

  std::vector<LayerDef> layers_;
};

Architecture StartNetwork(std::initializer_list<std::int64_t> filters, std::int64_t units,
                          const tensor::Shape& input_shape) {
  Chain chain;
  int number = 0;
  for (const std::int64_t width : filters) {
    if (number > 0) chain.Pool("max_pool", {{"kernel", std::int64_t{2}}});
    chain.Convolution("conv" + std::to_string(++number), width);
  }
  chain.Pool("global_average_pool");
  chain.Hidden("fc1", units);
  return chain.Finish(input_shape);
}

engine::ParameterVector Parameters(const TestNetwork& network) {
  const engine::ParameterLayout layout(network.architecture);
  return Value(engine::FromTensors(network.architecture, layout, network.weights));
}

std::unique_ptr<engine::Plan> Compile(engine::Backend& backend, const Architecture& architecture,
                                      const tensor::Tensor& images,
                                      std::span<const NodeIndex> fetch = {}) {
  engine::PlanOptions options;
  options.batch = images.shape().dim(0);
  options.gradients = false;
  options.exact = true;
  options.fetch.assign(fetch.begin(), fetch.end());
  return Value(backend.Compile(architecture, options));
}

engine::Feed FeedOf(const tensor::Tensor& images) {
  return {.count = images.shape().dim(0), .inputs = {images.floats().data()}};
}

// Scales, shifts and biases as training leaves them.
void Unsettle(const Architecture& architecture, tensor::NamedTensors& weights, base::Rng& rng) {
  for (const NodeIndex parameter : architecture.parameters()) {
    const std::string& name = arch::GetString(architecture.node(parameter).attributes, "name");
    tensor::Tensor& tensor = *weights.FindMutable(architecture.TensorName(parameter));
    for (float& value : tensor.mutable_floats()) {
      if (name == "scale") value = rng.Uniform(0.5F, 1.5F);
      if (name == "shift" || name == "bias") value = 0.3F * rng.Normal();
    }
  }
}

// The same network, whose batch norms take over the statistics of a single batch.
Architecture WithMomentumOne(const Architecture& architecture) {
  std::vector<LayerDef> layers = architecture.ToLayers();
  for (LayerDef& layer : layers) {
    if (layer.op == "batch_norm") layer.attributes["momentum"] = 1.0;
  }
  return Value(Architecture::Create(layers, architecture.ToOutputs()));
}

}  // namespace

Architecture MakeArchitecture(std::vector<LayerDef> layers, const tensor::Shape& input_shape,
                              std::vector<arch::OutputDef> outputs) {
  return Value(arch::Expand(std::move(layers), std::move(outputs), {.input_shape = input_shape}));
}

Architecture DemoStart() { return StartNetwork({4, 4, 4, 4}, 8, {1, 28, 28}); }

Architecture EasStart() { return StartNetwork({16, 32, 64, 128}, 256, {3, 32, 32}); }

tensor::Tensor RandomImages(const Architecture& architecture, int count, std::uint64_t seed) {
  const tensor::Shape& image = architecture.node(architecture.inputs()[0]).type.shape;
  std::vector<std::int64_t> dims = {count};
  dims.insert(dims.end(), image.dims().begin(), image.dims().end());
  tensor::Tensor images =
      tensor::Tensor::Zeros(tensor::DType::kFloat32, Value(tensor::Shape::Create(dims)));
  base::Rng rng(seed);
  for (float& value : images.mutable_floats()) value = rng.Normal();
  return images;
}

engine::Backend& ReferenceBackend() {
  static engine::reference::ReferenceBackend backend;
  return backend;
}

TestNetwork Settle(const Architecture& architecture, const tensor::Tensor& images,
                   std::uint64_t seed) {
  const engine::ParameterLayout layout(architecture);
  engine::ParameterVector parameters = engine::InitializeParameters(architecture, layout, seed);
  TestNetwork network = {architecture, engine::ToTensors(architecture, layout, parameters)};
  base::Rng rng(seed, /*stream=*/1);
  Unsettle(architecture, network.weights, rng);
  parameters = Parameters(network);
  const std::unique_ptr<engine::Plan> plan =
      Compile(ReferenceBackend(), WithMomentumOne(architecture), images);
  GRAFT_CHECK_OK(plan->Forward(engine::Mode::kTraining, FeedOf(images), parameters));
  network.weights = engine::ToTensors(architecture, layout, parameters);
  return network;
}

std::vector<float> Logits(const TestNetwork& network, const tensor::Tensor& images,
                          engine::Mode mode, engine::Backend& backend) {
  const std::unique_ptr<engine::Plan> plan = Compile(backend, network.architecture, images);
  engine::ParameterVector parameters = Parameters(network);
  GRAFT_CHECK_OK(plan->Forward(mode, FeedOf(images), parameters));
  const std::span<const float> logits = plan->Output(0);
  return {logits.begin(), logits.end()};
}

std::vector<transform::ChannelStatistics> Calibrate(const TestNetwork& network,
                                                    std::span<const NodeIndex> nodes,
                                                    const tensor::Tensor& images,
                                                    engine::Backend& backend) {
  std::vector<transform::ChannelStatistics> statistics;
  if (nodes.empty()) return statistics;
  const std::unique_ptr<engine::Plan> plan = Compile(backend, network.architecture, images, nodes);
  engine::ParameterVector parameters = Parameters(network);
  for (engine::ChannelStatistics& each :
       Value(engine::CollectChannelStatistics(*plan, parameters, FeedOf(images), nodes))) {
    statistics.push_back({each.node, std::move(each.mean), std::move(each.variance)});
  }
  return statistics;
}

TestNetwork Inherit(const TestNetwork& parent, const transform::Transformed& transformed,
                    std::uint64_t seed, const tensor::Tensor& images, engine::Backend& backend) {
  const std::vector<transform::ChannelStatistics> statistics =
      Calibrate(parent, transform::CalibrationNodes(transformed), images, backend);
  return {transformed.child, Value(transform::Materialize(parent.architecture, transformed,
                                                          parent.weights, statistics, seed))};
}

DerivedNetwork Derive(const TestNetwork& parent, std::span<const transform::Edit> edits,
                      std::uint64_t edit_seed, const tensor::Tensor& images,
                      engine::Backend& backend) {
  DerivedNetwork derived = {parent, transform::Preservation::kExact};
  for (size_t i = 0; i < edits.size(); ++i) {
    const std::uint64_t seed = transform::EditSeed(edit_seed, static_cast<int>(i));
    const transform::Transformed transformed =
        Value(transform::Apply(derived.network.architecture, edits[i], seed));
    derived.network = Inherit(derived.network, transformed, seed, images, backend);
    derived.preservation = transform::Weakest(derived.preservation, transformed.preservation);
  }
  return derived;
}

double RelativeDifference(std::span<const float> a, std::span<const float> b) {
  GRAFT_CHECK(a.size() == b.size()) << a.size() << " and " << b.size();
  double largest = 0;
  double difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    GRAFT_CHECK(std::isfinite(a[i]) && std::isfinite(b[i])) << a[i] << " and " << b[i];
    largest = std::max(largest, std::fabs(double{a[i]}));
    difference = std::max(difference, std::fabs(double{a[i]} - double{b[i]}));
  }
  return difference / largest;
}

transform::Edit Widen(std::string layer, std::int64_t width, std::string split, bool noise) {
  return {"widen_layer",
          {{"layer", std::move(layer)},
           {"width", width},
           {"split", std::move(split)},
           {"noise", noise}}};
}

transform::Edit Deepen(std::string after, std::int64_t kernel, bool noise) {
  return {"deepen_layer", {{"after", std::move(after)}, {"kernel", kernel}, {"noise", noise}}};
}

const tensor::Tensor& WeightsOf(const TestNetwork& network, const std::string& id) {
  const std::optional<NodeIndex> node = network.architecture.FindNode(id);
  GRAFT_CHECK(node.has_value()) << "no parameter " << id;
  return network.weights.Get(network.architecture.TensorName(*node));
}

}  // namespace graft::testing
