// Graft's side of train_vs_pytorch: trains one network and obeys commands.
//
//   train_engine --network FILE --data FILE [--batch N] [--threads N] [--recipe YAML] [--seed N]
//                [--exact]
//
// FILE of --network is a graft.v1.Architecture in YAML or JSON, short form, whose output is logits.
// FILE of --data holds examples: images of the input's shape as float32, then as many labels as
// int32. Batch k of the training is the k-th `batch` examples, from the front again after the last.
// --recipe is a graft.v1.Recipe, of which optimiser, schedule, epochs and precision count. --seed:
// of the weights at the start. --exact: PlanOptions::exact.
//
// Each line of standard input is a command, each line of standard output its answer in JSON:
//   describe         the network in full form, with the shape of each layer's value
//   save FILE        writes the parameters as safetensors, by the ids of their layers
//   load FILE        reads them, and makes the optimiser and the order of the batches start again
//   train FILE       trains by the whole recipe; {"losses"}, the mean of each epoch. FILE has the
//                    positions of the examples in each epoch's order, as int32
//   evaluate FILE    {"loss", "accuracy"} on the examples of FILE, as of --data, in inference
//   losses N         {"losses"} of N steps
//   skip N           goes on as if it had made N steps, but for what they do to the weights and the
//                    optimiser
//   measure N        {"seconds"} that N steps take
//   profile N        seconds of a step and of its kernels; the parameters are of no use after it
//   plan             bytes of the plan's memory, of the part for values and gradients
//   (`arena_bytes`)
//                    and of the largest sum of those that live at one time; `reorders` of weights
//                    that a step makes
//   gradients FILE K {"loss"} of batch K; writes the gradients, and logits under that name
//   memory           {"idle_bytes", "peak_bytes"} resident before the network was made and at most
// What goes wrong is answered by {"error"}, and ends the program.
#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/config/yaml.h"
#include "common/engine/cpu/cpu_backend.h"
#include "common/engine/cpu/plan.h"
#include "common/engine/cpu/primitive_counts.h"
#include "common/engine/learning_rate.h"
#include "common/engine/optimizer.h"
#include "common/engine/train_loop.h"
#include "common/weights/safetensors.h"
#include "common/wire/architecture_wire.h"
#include "common/wire/recipe_wire.h"
#include "tests/bench/kernel_times.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine {
namespace {

std::string Json(double value) {
  std::ostringstream text;
  text.precision(9);
  text << value;
  return text.str();
}

std::string Json(const google::protobuf::Message& message) {
  std::string text;
  GRAFT_CHECK(google::protobuf::util::MessageToJsonString(message, &text).ok());
  return text;
}

// A line of /proc/self/status, in bytes.
std::int64_t StatusBytes(std::string_view key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return std::stoll(line.substr(key.size() + 1)) * 1024;
  }
  return 0;
}

// Lets the peak of resident memory start again; returns what is resident now.
std::int64_t StartPeak() {
  std::ofstream("/proc/self/clear_refs") << 5;
  return StatusBytes("VmRSS:");
}

struct Flags {
  std::string network;
  std::string data;
  std::string recipe;
  std::int64_t batch = 64;
  int threads = 1;
  std::uint64_t seed = 1;
  bool exact = false;
};

struct Data {
  std::vector<float> images;
  std::vector<std::int32_t> labels;
};

absl::StatusOr<arch::Architecture> ReadNetwork(const std::string& path) {
  v1::Architecture proto;
  ASSIGN_OR_RETURN(const config::YamlSource source, config::LoadYamlFile(path, &proto));
  absl::StatusOr<arch::Architecture> architecture = wire::ExpandFromProto(proto, {});
  if (!architecture.ok()) return source.Explain(architecture.status());
  return architecture;
}

absl::StatusOr<Data> ReadData(const std::string& path, std::int64_t image_elements) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  const auto size_bytes = static_cast<std::int64_t>(file.tellg());
  const std::int64_t count =
      size_bytes / (image_elements + 1) / static_cast<std::int64_t>(sizeof(float));
  Data data{std::vector<float>(count * image_elements), std::vector<std::int32_t>(count)};
  file.seekg(0);
  file.read(reinterpret_cast<char*>(data.images.data()),
            static_cast<std::streamsize>(data.images.size() * sizeof(float)));
  file.read(reinterpret_cast<char*>(data.labels.data()),
            static_cast<std::streamsize>(data.labels.size() * sizeof(std::int32_t)));
  return data;
}

absl::StatusOr<recipe::Recipe> ReadRecipe(const std::string& text) {
  v1::Recipe proto;
  RETURN_IF_ERROR(config::ParseYaml(text, "--recipe", &proto).status());
  if (proto.epochs() == 0) proto.set_epochs(1);
  return wire::FromProto(proto);
}

// The positions of the examples of `epochs` epochs, one after another.
absl::StatusOr<std::vector<std::int32_t>> ReadOrder(const std::string& path, std::size_t examples,
                                                    std::int64_t epochs) {
  ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path));
  std::vector<std::int32_t> order(bytes.size() / sizeof(std::int32_t));
  std::memcpy(order.data(), bytes.data(), order.size() * sizeof(std::int32_t));
  const auto valid = [&](std::int32_t position) {
    return position >= 0 && static_cast<std::size_t>(position) < examples;
  };
  if (order.size() != examples * epochs || !std::ranges::all_of(order, valid)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " does not have the order of ", examples,
                                                   " examples in ", epochs, " epochs"));
  }
  return order;
}

// Examples in a given order. Borrows both.
class OrderedSource final : public BatchSource {
 public:
  // `order`: of each epoch, one after another.
  OrderedSource(const Data& data, const std::vector<std::int32_t>& order, std::int64_t batch)
      : data_(data), order_(order), batch_(batch), labels_(batch) {
    images_.resize(batch * image());
  }

  absl::Status StartEpoch(int epoch) override {
    position_ = (epoch - 1) * examples();
    end_ = position_ + examples();
    return absl::OkStatus();
  }

  absl::StatusOr<Batch> Next() override {
    const std::int64_t count = std::min(batch_, end_ - position_);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t example = order_[position_++];
      std::copy_n(data_.images.data() + example * image(), image(), images_.data() + i * image());
      labels_[i] = data_.labels[example];
    }
    return Batch{.images = images_.data(), .labels = labels_.data(), .count = count};
  }

  std::int64_t batches_per_epoch() const override { return (examples() + batch_ - 1) / batch_; }

 private:
  std::int64_t examples() const { return static_cast<std::int64_t>(data_.labels.size()); }
  std::int64_t image() const { return static_cast<std::int64_t>(data_.images.size()) / examples(); }

  const Data& data_;
  const std::vector<std::int32_t>& order_;
  const std::int64_t batch_;
  std::int64_t position_ = 0;
  std::int64_t end_ = 0;
  std::vector<float> images_;
  std::vector<std::int32_t> labels_;
};

// A network, its parameters and what trains them.
class Trainer {
 public:
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(const Flags& flags) {
    ASSIGN_OR_RETURN(const arch::Architecture network, ReadNetwork(flags.network));
    const tensor::Shape& image = network.node(network.inputs()[0]).type.shape;
    ASSIGN_OR_RETURN(Data data, ReadData(flags.data, image.ElementCount()));
    if (static_cast<std::int64_t>(data.labels.size()) < flags.batch) {
      return absl::InvalidArgumentError(
          absl::StrCat(flags.data, " has ", data.labels.size(), " examples, less than a batch"));
    }
    ASSIGN_OR_RETURN(const recipe::Recipe recipe, ReadRecipe(flags.recipe));
    const std::int64_t idle_bytes = StartPeak();
    auto trainer = std::make_unique<Trainer>(flags, network, std::move(data), recipe, idle_bytes);
    RETURN_IF_ERROR(trainer->Compile());
    return trainer;
  }

  Trainer(const Flags& flags, const arch::Architecture& network, Data data,
          const recipe::Recipe& recipe, std::int64_t idle_bytes)
      : flags_(flags),
        network_(network),
        trained_(testing::WithLoss(network)),
        data_(std::move(data)),
        recipe_(recipe),
        idle_bytes_(idle_bytes) {}

  // The answer to a line.
  absl::StatusOr<std::string> Obey(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    std::string argument;
    words >> command >> argument;
    if (command == "describe") return Describe();
    if (command == "memory") {
      return absl::StrCat("{\"idle_bytes\":", idle_bytes_,
                          ",\"peak_bytes\":", StatusBytes("VmHWM:"), "}");
    }
    if (command == "save") return Save(argument, *parameters_, nullptr);
    if (command == "load") return Load(argument);
    if (command == "gradients") {
      std::int64_t batch = 0;
      words >> batch;
      return Gradients(argument, batch);
    }
    if (command == "plan") return DescribePlan();
    if (command == "train") return TrainInOrder(argument);
    if (command == "evaluate") return EvaluateOn(argument);
    const int steps = std::atoi(argument.c_str());
    if (steps < 1) return absl::InvalidArgumentError(absl::StrCat("no such command: ", line));
    if (command == "losses") return Losses(steps);
    if (command == "skip") return Skip(steps);
    if (command == "measure") return Measure(steps);
    if (command == "profile") return Profile(steps);
    return absl::InvalidArgumentError(absl::StrCat("no such command: ", line));
  }

 private:
  absl::Status Compile() {
    ASSIGN_OR_RETURN(plan_, MakePlan(nullptr));
    const ParameterLayout& layout = plan_->layout();
    parameters_ =
        std::make_unique<ParameterVector>(InitializeParameters(trained_, layout, flags_.seed));
    gradients_ = std::make_unique<ParameterVector>(layout.trainable_size());
    Restart();
    return absl::OkStatus();
  }

  PlanOptions Options() const {
    return {.batch = flags_.batch, .exact = flags_.exact, .precision = recipe_.precision};
  }

  absl::StatusOr<std::unique_ptr<Plan>> MakePlan(cpu::KernelObserver* observer,
                                                 std::vector<arch::NodeIndex> fetch = {}) const {
    PlanOptions options = Options();
    options.fetch = std::move(fetch);
    return cpu::CpuBackend({.threads = flags_.threads, .observer = observer})
        .Compile(trained_, options);
  }

  // What convolutions normalise as they load it, which a plan computes by itself if it is wanted.
  std::vector<arch::NodeIndex> ResultsOfPrologues() const {
    std::vector<arch::NodeIndex> results;
    const auto chains = cpu::FuseChains(trained_, Options(), cpu::KernelTable::Default());
    for (const cpu::FusedChain& chain : chains) {
      if (chain.prologue_of >= 0) results.push_back(chain.result);
    }
    return results;
  }

  void Restart() {
    step_ = 0;
    learning_rate_ =
        std::make_unique<LearningRate>(recipe_.schedule, recipe::LearningRate(recipe_.optimizer),
                                       recipe_.epochs, batches_per_epoch());
    optimizer_ =
        MakeOptimizer(recipe_.optimizer,
                      TrainableSegments(trained_, plan_->layout(), recipe::WeightDecayMask::kAll),
                      plan_->layout().trainable_size());
  }

  std::string Skip(int steps) {
    step_ += steps;
    return "{}";
  }

  std::int64_t batches_per_epoch() const {
    return static_cast<std::int64_t>(data_.labels.size()) / flags_.batch;
  }

  Feed FeedOf(std::int64_t step) const {
    const std::int64_t first = step % batches_per_epoch() * flags_.batch;
    const std::int64_t image = network_.node(network_.inputs()[0]).type.shape.ElementCount();
    return {.count = flags_.batch,
            .inputs = {data_.images.data() + first * image, data_.labels.data() + first}};
  }

  absl::Status Step(Plan& plan) {
    const Feed feed = FeedOf(step_);
    RETURN_IF_ERROR(plan.Forward(Mode::kTraining, feed, *parameters_));
    RETURN_IF_ERROR(plan.Backward(feed, *parameters_, *gradients_));
    optimizer_->Step(learning_rate_->At(step_), gradients_->values(), parameters_->values(),
                     /*gradient_scale=*/1);
    ++step_;
    return absl::OkStatus();
  }

  std::string Describe() const {
    std::vector<std::string> shapes;
    for (const arch::Node& node : network_.nodes()) {
      shapes.push_back(absl::StrCat("[", absl::StrJoin(node.type.shape.dims(), ","), "]"));
    }
    return absl::StrCat("{\"parameters\":", network_.cost().parameters,
                        ",\"macs\":", network_.cost().macs, ",\"shapes\":[",
                        absl::StrJoin(shapes, ","),
                        "],\"architecture\":", Json(wire::ToProto(network_)), "}");
  }

  // Writes `values`, and `logits` unless it is null; statistics where `values` has them.
  absl::StatusOr<std::string> Save(const std::string& path, const ParameterVector& values,
                                   const std::span<const float>* logits) const {
    weights::Safetensors file;
    for (const ParameterLayout::Slot& slot : plan_->layout().slots()) {
      if (slot.offset + slot.count > static_cast<std::int64_t>(values.values().size())) continue;
      const arch::Node& node = trained_.node(slot.node);
      file.tensors.Set(node.id, tensor::Tensor::FromFloats(node.type.shape, values.slice(slot)));
    }
    if (logits != nullptr) {
      const auto count = static_cast<std::int64_t>(logits->size());
      file.tensors.Set("logits", tensor::Tensor::FromFloats({count}, *logits));
    }
    ASSIGN_OR_RETURN(const std::string bytes, weights::EncodeSafetensors(file));
    RETURN_IF_ERROR(base::WriteFileDurably(path, bytes));
    return "{}";
  }

  absl::StatusOr<std::string> Load(const std::string& path) {
    ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path));
    ASSIGN_OR_RETURN(const weights::Safetensors file, weights::DecodeSafetensors(bytes));
    for (const ParameterLayout::Slot& slot : plan_->layout().slots()) {
      const tensor::Tensor* const tensor = file.tensors.Find(trained_.node(slot.node).id);
      if (tensor == nullptr || tensor->shape() != trained_.node(slot.node).type.shape) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, " does not fit at ", trained_.node(slot.node).id));
      }
      std::ranges::copy(tensor->floats(), parameters_->slice(slot).begin());
    }
    Restart();
    return "{}";
  }

  absl::StatusOr<std::string> Losses(int steps) {
    std::vector<std::string> losses;
    for (int i = 0; i < steps; ++i) {
      RETURN_IF_ERROR(Step(*plan_));
      losses.push_back(Json(plan_->Output(0)[0]));
    }
    return absl::StrCat("{\"losses\":[", absl::StrJoin(losses, ","), "]}");
  }

  absl::StatusOr<std::string> TrainInOrder(const std::string& path) {
    ASSIGN_OR_RETURN(const std::vector<std::int32_t> order,
                     ReadOrder(path, data_.labels.size(), recipe_.epochs));
    OrderedSource source(data_, order, flags_.batch);
    std::vector<std::string> losses;
    const auto keep = [&](const EpochReport& report, ParameterVector&) {
      losses.push_back(Json(report.mean_loss));
      return absl::OkStatus();
    };
    RETURN_IF_ERROR(Train(*plan_, *parameters_, source, recipe_, {.on_epoch = keep}).status());
    return absl::StrCat("{\"losses\":[", absl::StrJoin(losses, ","), "]}");
  }

  absl::StatusOr<std::string> EvaluateOn(const std::string& path) {
    const tensor::Shape& image = network_.node(network_.inputs()[0]).type.shape;
    ASSIGN_OR_RETURN(const Data data, ReadData(path, image.ElementCount()));
    std::vector<std::int32_t> order(data.labels.size());
    std::iota(order.begin(), order.end(), 0);
    OrderedSource source(data, order, flags_.batch);
    ASSIGN_OR_RETURN(const Evaluation found, Evaluate(*plan_, *parameters_, source));
    return absl::StrCat("{\"loss\":", Json(found.loss), ",\"accuracy\":", Json(found.accuracy),
                        "}");
  }

  absl::StatusOr<std::string> Measure(int steps) {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < steps; ++i) RETURN_IF_ERROR(Step(*plan_));
    return absl::StrCat("{\"seconds\":", Json(SecondsSince(start)), "}");
  }

  absl::StatusOr<std::string> DescribePlan() {
    RETURN_IF_ERROR(Step(*plan_));
    const std::int64_t before = cpu::CountedPrimitives().reorders;
    RETURN_IF_ERROR(Step(*plan_));
    const auto& plan = dynamic_cast<const cpu::CpuPlan&>(*plan_);
    return absl::StrCat("{\"memory_bytes\":", plan.memory_bytes(),
                        ",\"arena_bytes\":", plan.arena_bytes(),
                        ",\"largest_live_bytes\":", plan.largest_live_bytes(),
                        ",\"reorders\":", cpu::CountedPrimitives().reorders - before, "}");
  }

  absl::StatusOr<std::string> Gradients(const std::string& path, std::int64_t batch) {
    const Feed feed = FeedOf(batch);
    RETURN_IF_ERROR(plan_->Forward(Mode::kTraining, feed, *parameters_));
    RETURN_IF_ERROR(plan_->Backward(feed, *parameters_, *gradients_));
    const double loss = plan_->Output(0)[0];
    const std::span<const float> logits = plan_->Output(1);
    RETURN_IF_ERROR(Save(path, *gradients_, &logits).status());
    return absl::StrCat("{\"loss\":", Json(loss), "}");
  }

  // In the steps, means, which add up; of each kernel as if alone and of the steps the median. They
  // alternate, since a machine can be slower for a while. Alone, norms are left to their own
  // kernels, and 1x1 convolutions by the method that is then the fastest.
  absl::StatusOr<std::string> Profile(int steps) {
    KernelTimes times(trained_, Options());
    ASSIGN_OR_RETURN(const std::unique_ptr<Plan> plan, MakePlan(&times));
    ASSIGN_OR_RETURN(const std::unique_ptr<Plan> alone_plan,
                     MakePlan(&times, ResultsOfPrologues()));
    std::vector<double> seconds;
    std::map<std::string, double> in_steps;
    std::map<std::string, std::vector<double>> alone;
    for (int i = 0; i < steps; ++i) {
      RETURN_IF_ERROR(Step(*plan));  // finds what the other plan left in the caches
      times.Take();
      const Clock::time_point start = Clock::now();
      RETURN_IF_ERROR(Step(*plan));
      seconds.push_back(SecondsSince(start));
      for (const auto& [name, value] : times.Take()) in_steps[name] += value;
      times.alone = true;
      RETURN_IF_ERROR(Step(*alone_plan));
      for (const auto& [name, value] : times.Take()) alone[name].push_back(value);
      times.alone = false;
    }
    std::vector<std::string> kernels;
    for (const auto& [name, total] : in_steps) {
      kernels.push_back(absl::StrCat("\"", name, "\":{\"seconds\":", Json(total / steps),
                                     ",\"alone_seconds\":", Json(Median(alone[name])),
                                     ",\"bytes\":", times.bytes(name), "}"));
    }
    const double mean = std::accumulate(seconds.begin(), seconds.end(), 0.0) / steps;
    return absl::StrCat("{\"seconds\":", Json(mean), ",\"median_seconds\":", Json(Median(seconds)),
                        ",\"copy_bytes_per_second\":", Json(CopyBytesPerSecond()), ",\"kernels\":{",
                        absl::StrJoin(kernels, ","), "}}");
  }

  const Flags flags_;
  const arch::Architecture network_;
  const arch::Architecture trained_;  // with its loss
  const Data data_;
  const recipe::Recipe recipe_;
  const std::int64_t idle_bytes_;
  std::unique_ptr<Plan> plan_;
  std::unique_ptr<ParameterVector> parameters_;
  std::unique_ptr<ParameterVector> gradients_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<LearningRate> learning_rate_;
  std::int64_t step_ = 0;
};

int Fail(const absl::Status& status) {
  std::string message(status.message());
  std::ranges::replace(message, '"', '\'');
  std::ranges::replace(message, '\n', ' ');
  std::cout << "{\"error\":\"" << message << "\"}" << std::endl;
  return 1;
}

int Serve(const Flags& flags) {
  const absl::StatusOr<std::unique_ptr<Trainer>> trainer = Trainer::Create(flags);
  if (!trainer.ok()) return Fail(trainer.status());
  for (std::string line; std::getline(std::cin, line);) {
    const absl::StatusOr<std::string> answer = (*trainer)->Obey(line);
    if (!answer.ok()) return Fail(answer.status());
    std::cout << *answer << std::endl;
  }
  return 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Trains one network and obeys commands.", "train_engine");
  app.add_option("--network", flags.network)->required();
  app.add_option("--data", flags.data)->required();
  app.add_option("--recipe", flags.recipe);
  app.add_option("--batch", flags.batch)->check(CLI::Range(1, 1 << 16));
  app.add_option("--threads", flags.threads)->check(CLI::Range(1, 1024));
  app.add_option("--seed", flags.seed);
  app.add_flag("--exact", flags.exact);
  CLI11_PARSE(app, argc, argv);
  return Serve(flags);
}

}  // namespace
}  // namespace graft::engine

int main(int argc, char** argv) { return graft::engine::Main(argc, argv); }
