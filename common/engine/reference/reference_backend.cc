#include "common/engine/reference/reference_backend.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/engine/diverged.h"
#include "common/engine/graph_checks.h"
#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

class PlanImpl final : public ReferencePlan {
 public:
  PlanImpl(const arch::Architecture& architecture, const PlanOptions& options)
      : architecture_(architecture),
        layout_(architecture, options.frozen),
        options_(options),
        values_(architecture.nodes().size()),
        pins_(architecture.nodes().size()) {}

  absl::Status Forward(Mode mode, const Feed& feed, ParameterVector& parameters) override {
    trained_ = false;
    RETURN_IF_ERROR(CheckRun(architecture_, options_, mode, feed, layout_, parameters));
    Prepare(feed);
    BindInputs(feed);
    LoadParameters(parameters);
    for (int i = 0; i < NodeCount(); ++i) {
      Kernel(i).forward(MakeCall(i, mode, feed));
      for (const auto& [element, value] : pins_[i]) values_[i].data.at(element) = value;
    }
    if (mode == Mode::kTraining) StoreStatistics(parameters);
    trained_ = mode == Mode::kTraining;
    return absl::OkStatus();
  }

  absl::Status Backward(const Feed& feed, const ParameterVector& parameters,
                        ParameterVector& gradients) override {
    if (!trained_ || !options_.gradients) {
      return absl::FailedPreconditionError("Backward needs a Forward in training before it");
    }
    for (reference::Value& value : values_) value.gradient.assign(value.data.size(), 0.0);
    values_[architecture_.outputs()[0].node].gradient[0] = 1;
    for (int i = NodeCount() - 1; i >= 0; --i) {
      Kernel(i).backward(MakeCall(i, Mode::kTraining, feed));
    }
    for (const ParameterLayout::Slot& slot : layout_.slots()) {
      if (slot.trainable)
        std::ranges::copy(values_[slot.node].gradient, gradients.slice(slot).data());
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<arch::NodeIndex>> FindNonFinite(
      const Feed& feed, ParameterVector& parameters) override {
    RETURN_IF_ERROR(Forward(Mode::kTraining, feed, parameters));
    std::optional<arch::NodeIndex> found = NonFiniteInput(architecture_, feed);
    for (int i = 0; i < NodeCount() && !found; ++i) {
      const std::vector<double>& data = values_[i].data;
      rounded_.assign(data.begin(), data.end());
      if (architecture_.node(i).op->name != "parameter" && !AllFinite(rounded_)) found = i;
    }
    return found;
  }

  std::span<const float> Value(arch::NodeIndex node) override {
    if (!IsWanted(architecture_, options_, node)) return {};
    const std::span<const double> precise = PreciseValue(node);
    rounded_.assign(precise.begin(), precise.end());
    return rounded_;
  }
  std::span<const double> PreciseValue(arch::NodeIndex node) override {
    return values_.at(node).data;
  }
  std::span<const double> PreciseGradient(arch::NodeIndex node) override {
    return values_.at(node).gradient;
  }
  void Pin(arch::NodeIndex node, std::int64_t element, double value) override {
    pins_.at(node)[element] = value;
  }

  const arch::Architecture& architecture() const override { return architecture_; }
  const ParameterLayout& layout() const override { return layout_; }
  std::int64_t memory_bytes() const override {
    std::int64_t elements = 0;
    for (const arch::Node& node : architecture_.nodes()) {
      const std::int64_t outer = node.type.batched ? options_.batch : 1;
      elements += outer * node.type.shape.ElementCount() * (options_.gradients ? 2 : 1);
    }
    return elements * static_cast<std::int64_t>(sizeof(double));
  }

 private:
  int NodeCount() const { return static_cast<int>(values_.size()); }

  const reference::Kernel& Kernel(int i) const {
    return *FindKernel(architecture_.node(i).op->name);
  }

  Call MakeCall(int i, Mode mode, const Feed& feed) {
    Call call{architecture_.node(i), options_, i, mode, feed.step_seed, {}, &values_[i]};
    for (const arch::NodeIndex operand : call.node.operands) {
      call.operands.push_back(&values_[operand]);
    }
    return call;
  }

  void Prepare(const Feed& feed) {
    for (int i = 0; i < NodeCount(); ++i) {
      const arch::ValueType& type = architecture_.node(i).type;
      reference::Value& value = values_[i];
      value.outer = type.batched ? feed.count : 1;
      value.shape = type.shape;
      value.data.resize(value.outer * type.shape.ElementCount());
    }
  }

  void BindInputs(const Feed& feed) {
    for (std::size_t i = 0; i < feed.inputs.size(); ++i) {
      const arch::NodeIndex node = architecture_.inputs()[i];
      std::vector<double>& data = values_[node].data;
      if (architecture_.node(node).type.dtype == tensor::DType::kInt32) {
        std::copy_n(static_cast<const std::int32_t*>(feed.inputs[i]), data.size(), data.begin());
      } else {
        std::copy_n(static_cast<const float*>(feed.inputs[i]), data.size(), data.begin());
      }
    }
  }

  void LoadParameters(const ParameterVector& parameters) {
    for (const ParameterLayout::Slot& slot : layout_.slots()) {
      std::ranges::copy(parameters.slice(slot), values_[slot.node].data.begin());
    }
  }

  void StoreStatistics(ParameterVector& parameters) {
    for (const ParameterLayout::Slot& slot : layout_.slots()) {
      if (slot.trainable) continue;
      std::ranges::copy(values_[slot.node].data, parameters.slice(slot).begin());
    }
  }

  const arch::Architecture architecture_;
  const ParameterLayout layout_;
  const PlanOptions options_;
  std::vector<reference::Value> values_;              // by node
  std::vector<std::map<std::int64_t, double>> pins_;  // by node: element and its value
  std::vector<float> rounded_;
  bool trained_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ReferencePlan>> ReferenceBackend::CompileReference(
    const arch::Architecture& architecture, const PlanOptions& options) {
  RETURN_IF_ERROR(CheckCompilable(architecture, options));
  RETURN_IF_ERROR(CheckKernels(architecture, options.precision, name(), HasKernel));
  return std::make_unique<PlanImpl>(architecture, options);
}

absl::StatusOr<std::unique_ptr<Plan>> ReferenceBackend::Compile(
    const arch::Architecture& architecture, const PlanOptions& options) {
  return CompileReference(architecture, options);
}

bool HasKernel(std::string_view op, recipe::Precision precision) {
  return precision == recipe::Precision::kFloat32 && FindKernel(op) != nullptr;
}

}  // namespace graft::engine::reference
