#include "common/engine/train_loop.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/rng.h"
#include "common/base/status_macros.h"
#include "common/engine/diverged.h"
#include "common/engine/learning_rate.h"
#include "common/engine/moving_average.h"
#include "common/engine/optimizer.h"

namespace graft::engine {
namespace {

// The second input: labels, or targets.
enum { kImages, kLabels, kInputCount };
enum { kLoss, kLogits, kOutputCount };

// Whether a plan learns soft targets [K] instead of labels.
bool TakesTargets(const arch::Architecture& architecture) {
  return architecture.node(architecture.inputs()[kLabels]).type.dtype == tensor::DType::kFloat32;
}

// `targets`: whether soft ones will do in place of labels.
absl::Status CheckForm(const arch::Architecture& architecture, bool targets) {
  const auto inputs = architecture.inputs();
  const auto outputs = architecture.outputs();
  if (inputs.size() != kInputCount || outputs.size() < kOutputCount) {
    return absl::InvalidArgumentError(
        absl::StrCat("training needs the inputs images and labels and the outputs loss and logits, "
                     "got ",
                     inputs.size(), " inputs and ", outputs.size(), " outputs"));
  }
  const arch::ValueType& loss = architecture.node(outputs[kLoss].node).type;
  const arch::ValueType& logits = architecture.node(outputs[kLogits].node).type;
  const arch::ValueType& labels = architecture.node(inputs[kLabels]).type;
  if (loss.batched || loss.shape.rank() != 0 || logits.shape.rank() != 1 ||
      (labels.dtype != tensor::DType::kInt32 && !(targets && labels == logits))) {
    return absl::InvalidArgumentError(
        absl::StrCat("training needs a scalar loss, logits [K] and int32 labels",
                     targets ? " or targets" : "", ", got ", arch::ToString(loss), ", ",
                     arch::ToString(logits), " and ", arch::ToString(labels)));
  }
  return absl::OkStatus();
}

// Name of the trainable parameter whose gradient was the first of those that are not finite to be
// computed, which is the last one in the order of computation. None if all are finite.
std::optional<std::string> NonFiniteGradient(const arch::Architecture& architecture,
                                             const ParameterLayout& layout,
                                             const ParameterVector& gradients) {
  std::optional<std::string> found;
  for (const arch::NodeIndex node : architecture.parameters()) {
    const ParameterLayout::Slot& slot = layout.slot(node);
    if (slot.trainable && !AllFinite(gradients.slice(slot))) found = architecture.TensorName(node);
  }
  return found;
}

void SetBatch(const Batch& batch, Feed& feed) {
  feed.count = batch.count;
  feed.inputs[kImages] = batch.images;
  feed.inputs[kLabels] = batch.labels;
}

// The state of one training.
class Trainer {
 public:
  Trainer(Plan& plan, ParameterVector& parameters, const recipe::Recipe& recipe,
          std::int64_t steps_per_epoch)
      : plan_(plan),
        takes_targets_(TakesTargets(plan.architecture())),
        parameters_(parameters),
        random_(recipe.seed),
        segments_(TrainableSegments(plan.architecture(), plan.layout(), recipe.weight_decay_mask)),
        clip_norm_(static_cast<float>(recipe.clip_norm)),
        learning_rate_(recipe.schedule, recipe::LearningRate(recipe.optimizer), recipe.epochs,
                       steps_per_epoch),
        optimizer_(MakeOptimizer(recipe.optimizer, segments_, plan.layout().trainable_size())),
        gradients_(plan.layout().size()) {
    if (recipe.ema_decay > 0) average_.emplace(recipe.ema_decay, parameters);
    feed_.inputs.resize(kInputCount);
  }

  std::int64_t steps() const { return steps_; }
  float last_learning_rate() const { return learning_rate_.At(steps_ - 1); }

  // The network to be judged.
  ParameterVector& network() { return average_ ? average_->parameters() : parameters_; }

  // Returns the loss before the step.
  absl::StatusOr<float> Step(const Batch& batch) {
    SetBatch(batch, feed_);
    if (takes_targets_) {
      if (batch.targets == nullptr) {
        return absl::InvalidArgumentError("the plan learns targets, the batch has none");
      }
      feed_.inputs[kLabels] = batch.targets;
    }
    feed_.step_seed = random_.Fork(static_cast<std::uint64_t>(steps_)).NextU64();
    RETURN_IF_ERROR(plan_.Forward(Mode::kTraining, feed_, parameters_));
    const float loss = plan_.Output(kLoss)[0];
    if (!std::isfinite(loss)) return Divergence();
    RETURN_IF_ERROR(plan_.Backward(feed_, parameters_, gradients_));
    const float scale =
        clip_norm_ > 0 ? ClippingScale(segments_, gradients_.values(), clip_norm_) : 1.0F;
    optimizer_->Step(learning_rate_.At(steps_), gradients_.values(), parameters_.values(), scale);
    if (average_) average_->Add(parameters_);
    ++steps_;
    return loss;
  }

  absl::Status EndEpoch(double mean_loss) {
    learning_rate_.EndEpoch(mean_loss);
    // An infinite gradient of the last step shows in no loss.
    return CheckLastStep(/*statistics=*/true);
  }

 private:
  // Why the loss of this step is not finite. A bad gradient, or a parameter that a step moved out
  // of the numbers, shows in the loss of the step after it.
  absl::Status Divergence() {
    RETURN_IF_ERROR(CheckLastStep(/*statistics=*/false));
    ASSIGN_OR_RETURN(const std::optional<arch::NodeIndex> node,
                     plan_.FindNonFinite(feed_, parameters_));
    const arch::NodeIndex bad = node.value_or(plan_.architecture().outputs()[kLoss].node);
    return DivergedError(steps_, absl::StrFormat("the value of %05d.%s", bad,
                                                 plan_.architecture().node(bad).op->name));
  }

  // Whether the gradients of the last step, and the parameters since, are finite; `statistics`:
  // those of batch norms, too, which a Forward in training has moved.
  absl::Status CheckLastStep(bool statistics) const {
    const auto size = statistics ? plan_.layout().size() : plan_.layout().trainable_size();
    if (AllFinite(parameters_.values().first(size))) return absl::OkStatus();
    std::optional<std::string> gradient =
        NonFiniteGradient(plan_.architecture(), plan_.layout(), gradients_);
    // Of inherited parameters that are bad from the start, no step is to blame.
    const std::int64_t step = std::max<std::int64_t>(steps_ - 1, 0);
    return DivergedError(
        step, gradient ? absl::StrCat("the gradient of ", *gradient)
                       : *NonFiniteParameter(plan_.architecture(), plan_.layout(), parameters_));
  }

  Plan& plan_;
  const bool takes_targets_;
  ParameterVector& parameters_;
  const base::Rng random_;
  const std::vector<ParameterSegment> segments_;
  const float clip_norm_;
  LearningRate learning_rate_;
  const std::unique_ptr<Optimizer> optimizer_;
  std::optional<MovingAverage> average_;
  ParameterVector gradients_;
  Feed feed_;
  std::int64_t steps_ = 0;
};

bool MustStop(const TrainCallbacks& callbacks) {
  return callbacks.stop != nullptr && callbacks.stop->load(std::memory_order_relaxed);
}

// Runs one epoch; false if it was stopped.
absl::StatusOr<bool> RunEpoch(Trainer& trainer, BatchSource& source,
                              const TrainCallbacks& callbacks, EpochReport& report) {
  RETURN_IF_ERROR(source.StartEpoch(report.epoch));
  double loss_sum = 0;
  while (true) {
    if (MustStop(callbacks)) return false;
    ASSIGN_OR_RETURN(const Batch batch, source.Next());
    if (batch.count == 0) break;
    ASSIGN_OR_RETURN(const float loss, trainer.Step(batch));
    loss_sum += static_cast<double>(loss) * static_cast<double>(batch.count);
    report.examples += batch.count;
  }
  if (report.examples == 0) {
    return absl::InvalidArgumentError(absl::StrCat("epoch ", report.epoch, " has no examples"));
  }
  report.mean_loss = loss_sum / static_cast<double>(report.examples);
  report.learning_rate = trainer.last_learning_rate();
  RETURN_IF_ERROR(trainer.EndEpoch(report.mean_loss));
  return true;
}

}  // namespace

absl::StatusOr<TrainResult> Train(Plan& plan, ParameterVector& parameters, BatchSource& source,
                                  const recipe::Recipe& recipe, const TrainCallbacks& callbacks) {
  RETURN_IF_ERROR(CheckForm(plan.architecture(), /*targets=*/true));
  if (recipe.epochs < 1 || source.batches_per_epoch() < 1) {
    return absl::InvalidArgumentError(absl::StrCat("a training of ", recipe.epochs, " epochs with ",
                                                   source.batches_per_epoch(), " batches each"));
  }
  Trainer trainer(plan, parameters, recipe, source.batches_per_epoch());
  TrainResult result;
  for (int epoch = 1; epoch <= recipe.epochs && !result.stopped; ++epoch) {
    EpochReport report{.epoch = epoch};
    ASSIGN_OR_RETURN(const bool completed, RunEpoch(trainer, source, callbacks, report));
    result.steps = trainer.steps();
    result.stopped = !completed;
    if (!completed) break;
    result.epochs = epoch;
    result.mean_loss = report.mean_loss;
    if (callbacks.on_epoch) {
      RETURN_IF_ERROR(callbacks.on_epoch(report, trainer.network()));
    }
  }
  if (&trainer.network() != &parameters) parameters = trainer.network();
  return result;
}

absl::Status Predict(Plan& plan, ParameterVector& parameters, BatchSource& source,
                     const std::function<void(const Prediction&)>& visit) {
  RETURN_IF_ERROR(CheckForm(plan.architecture(), /*targets=*/false));
  Feed feed;
  feed.inputs.resize(kInputCount);
  RETURN_IF_ERROR(source.StartEpoch(1));
  while (true) {
    ASSIGN_OR_RETURN(const Batch batch, source.Next());
    if (batch.count == 0) return absl::OkStatus();
    SetBatch(batch, feed);
    RETURN_IF_ERROR(plan.Forward(Mode::kInference, feed, parameters));
    // Asked first: a value may be gone once another one is asked for.
    const float loss = plan.Output(kLoss)[0];
    visit({.logits = plan.Output(kLogits),
           .labels = {batch.labels, static_cast<std::size_t>(batch.count)},
           .loss = loss});
  }
}

absl::StatusOr<Evaluation> Evaluate(Plan& plan, ParameterVector& parameters, BatchSource& source) {
  Evaluation evaluation;
  std::int64_t hits = 0;
  RETURN_IF_ERROR(Predict(plan, parameters, source, [&](const Prediction& prediction) {
    const std::size_t classes = prediction.logits.size() / prediction.labels.size();
    for (std::size_t n = 0; n < prediction.labels.size(); ++n) {
      const auto row = prediction.logits.subspan(n * classes, classes);
      const auto best = std::ranges::max_element(row) - row.begin();
      if (AllFinite(row) && best == prediction.labels[n]) ++hits;
    }
    const auto count = static_cast<std::int64_t>(prediction.labels.size());
    evaluation.loss += static_cast<double>(prediction.loss) * static_cast<double>(count);
    evaluation.examples += count;
  }));
  if (evaluation.examples == 0) {
    return absl::InvalidArgumentError("there are no examples to evaluate on");
  }
  evaluation.loss /= static_cast<double>(evaluation.examples);
  evaluation.accuracy = static_cast<double>(hits) / static_cast<double>(evaluation.examples);
  return evaluation;
}

}  // namespace graft::engine
