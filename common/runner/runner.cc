#include "common/runner/runner.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/stopwatch.h"
#include "common/engine/diverged.h"
#include "common/engine/numerics.h"
#include "common/engine/parameters.h"
#include "common/engine/train_loop.h"
#include "common/runner/examples.h"
#include "common/runner/probe.h"
#include "common/task/image_classification.h"

namespace graft::runner {
namespace {

using trial::TrialSpec;

absl::Status CheckFingerprint(const digest::Fingerprint& expected, const digest::Fingerprint& found,
                              std::string_view what) {
  if (expected == found) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), " has fingerprint ",
                                                 found.ToString(), ", expected ",
                                                 expected.ToString()));
}

// What every trial trains from.
struct Start {
  tensor::NamedTensors weights;
  tensor::NamedTensors calibration_statistics;
  std::optional<double> preservation_error;
};

Start Initialize(const TrialSpec& spec, const trial::Init& init) {
  const engine::ParameterLayout layout(spec.architecture);
  const engine::ParameterVector parameters =
      engine::InitializeParameters(spec.architecture, layout, init.seed);
  return {.weights = engine::ToTensors(spec.architecture, layout, parameters)};
}

void Log(const RunHooks& hooks, std::string_view line) {
  if (hooks.log) hooks.log(line);
}

absl::StatusOr<Start> DeriveAndVerify(engine::Backend& backend, const RunInputs& inputs,
                                      const trial::Derive& derive, const Examples& examples,
                                      const RunHooks& hooks) {
  if (inputs.parent_weights == nullptr) {
    return absl::InvalidArgumentError("a derived network without its parent's weights");
  }
  ASSIGN_OR_RETURN(Inherited inherited, Inherit(backend, derive, *inputs.parent_weights,
                                                examples.Calibration(), inputs.apply_edit));
  RETURN_IF_ERROR(CheckFingerprint(inputs.spec->architecture.fingerprint(),
                                   inherited.child.fingerprint(), "what the edits arrive at"));
  ASSIGN_OR_RETURN(
      const double error,
      PreservationError(
          backend,
          {.architecture = &trial::Parent(derive).architecture, .weights = inputs.parent_weights},
          {.architecture = &inherited.child, .weights = &inherited.weights}, examples.Probe()));
  const double bound = transform::PreservationBound(inherited.preservation);
  Log(hooks, absl::StrCat("inherited the parent's weights, edits: ", derive.edits.size(),
                          "; logits differ by ", error, " of the parent's largest, at most ", bound,
                          " is admitted"));
  if (error > bound) return NotPreservedError(error, bound);
  return Start{.weights = std::move(inherited.weights),
               .calibration_statistics = std::move(inherited.calibration_statistics),
               .preservation_error = error};
}

// One network on its way through training, judged after each epoch.
class Training {
 public:
  static absl::StatusOr<Training> Create(engine::Backend& backend, const TrialSpec& spec,
                                         const Examples& examples,
                                         const tensor::NamedTensors& weights) {
    ASSIGN_OR_RETURN(const arch::Architecture graph, task::TrainingGraph(spec.architecture));
    const recipe::Recipe& recipe = spec.recipe;
    const bool mixed = recipe.mixup_alpha > 0 || recipe.cutmix_alpha > 0;
    ASSIGN_OR_RETURN(const arch::Architecture trained,
                     mixed ? task::SoftTargetGraph(spec.architecture)
                           : task::TrainingGraph(spec.architecture, recipe.label_smoothing));
    absl::StatusOr<std::vector<arch::NodeIndex>> frozen =
        engine::FrozenParameters(graph, recipe.frozen);
    if (!frozen.ok()) return base::PrefixFieldViolations("recipe", frozen.status());
    // Both plans must lay parameters out alike.
    ASSIGN_OR_RETURN(
        std::unique_ptr<engine::Plan> evaluation,
        backend.Compile(graph,
                        {.batch = recipe.batch_size, .gradients = false, .frozen = *frozen}));
    std::unique_ptr<engine::Plan> training;
    if (recipe.epochs > 0) {
      ASSIGN_OR_RETURN(training, backend.Compile(trained, {.batch = recipe.batch_size,
                                                           .precision = recipe.precision,
                                                           .frozen = *std::move(frozen)}));
    }
    ASSIGN_OR_RETURN(engine::ParameterVector parameters,
                     engine::FromTensors(graph, evaluation->layout(), weights));
    return Training(spec, examples, std::move(training), std::move(evaluation),
                    std::move(parameters));
  }

  absl::StatusOr<engine::Evaluation> Evaluate() { return Evaluate(parameters_); }

  // Trains all epochs and fills in `epochs` and what the training alone cost.
  absl::Status Train(const RunHooks& hooks, trial::Measurement& measurement) {
    absl::Duration evaluation_time;
    const auto on_epoch = [&](const engine::EpochReport& report,
                              engine::ParameterVector& network) -> absl::Status {
      steps_ += training_source_->batches_per_epoch();
      const base::Stopwatch stopwatch;
      ASSIGN_OR_RETURN(const engine::Evaluation evaluation, Evaluate(network));
      evaluation_time += stopwatch.WallTime();
      measurement.epochs.push_back({.epoch = report.epoch,
                                    .metrics = {{"train_loss", report.mean_loss},
                                                {"loss", evaluation.loss},
                                                {"accuracy", evaluation.accuracy}}});
      if (hooks.on_epoch) hooks.on_epoch(measurement.epochs.back());
      return absl::OkStatus();
    };
    const base::Stopwatch stopwatch;
    ASSIGN_OR_RETURN(const engine::TrainResult result,
                     engine::Train(*training_plan_, parameters_, *training_source_, spec_->recipe,
                                   {.on_epoch = on_epoch, .stop = hooks.stop}));
    if (result.stopped) return StoppedError(result.epochs);
    const double seconds = absl::ToDoubleSeconds(stopwatch.WallTime() - evaluation_time);
    const auto images =
        static_cast<double>(training_source_->images_per_epoch() * spec_->recipe.epochs);
    measurement.cost.images_per_second = images / seconds;
    measurement.cost.data_wait = training_source_->wait_time();
    return absl::OkStatus();
  }

  // Processor time that images have taken.
  absl::Duration data_time() const {
    const absl::Duration evaluation = evaluation_source_->processor_time();
    return training_source_ ? evaluation + training_source_->processor_time() : evaluation;
  }

  tensor::NamedTensors Weights() const {
    return engine::ToTensors(evaluation_plan_->architecture(), evaluation_plan_->layout(),
                             parameters_);
  }

 private:
  // An infinite loss on images that are not trained on is a divergence, too.
  absl::StatusOr<engine::Evaluation> Evaluate(engine::ParameterVector& network) {
    ASSIGN_OR_RETURN(const engine::Evaluation evaluation,
                     engine::Evaluate(*evaluation_plan_, network, *evaluation_source_));
    if (std::isfinite(evaluation.loss)) return evaluation;
    const std::optional<std::string> parameter = engine::NonFiniteParameter(
        evaluation_plan_->architecture(), evaluation_plan_->layout(), network);
    return engine::DivergedError(std::max<std::int64_t>(steps_ - 1, 0),
                                 parameter.value_or("the loss"));
  }

  Training(const TrialSpec& spec, const Examples& examples,
           std::unique_ptr<engine::Plan> training_plan,
           std::unique_ptr<engine::Plan> evaluation_plan, engine::ParameterVector parameters)
      : spec_(&spec),
        training_plan_(std::move(training_plan)),
        evaluation_plan_(std::move(evaluation_plan)),
        evaluation_source_(examples.EvaluationSource(spec.recipe.batch_size)),
        parameters_(std::move(parameters)) {
    // So early that its first batches are prepared while the network is judged before training.
    if (training_plan_) training_source_ = examples.TrainingSource(spec.recipe);
  }

  const TrialSpec* spec_;
  std::unique_ptr<engine::Plan> training_plan_;  // null without epochs
  std::unique_ptr<engine::Plan> evaluation_plan_;
  std::unique_ptr<LoaderSource> training_source_;  // null without epochs
  std::unique_ptr<LoaderSource> evaluation_source_;
  engine::ParameterVector parameters_;
  std::int64_t steps_ = 0;  // of completed epochs
};

// From the first numbers to the last. `start` holds the weights to begin with.
absl::StatusOr<RunOutputs> TrainAndMeasure(engine::Backend& backend, const TrialSpec& spec,
                                           const Examples& examples, const RunHooks& hooks,
                                           Start start) {
  ASSIGN_OR_RETURN(Training training, Training::Create(backend, spec, examples, start.weights));
  RunOutputs outputs{.calibration_statistics = std::move(start.calibration_statistics)};
  trial::Measurement& measurement = outputs.measurement;
  measurement.preservation_error = start.preservation_error;
  ASSIGN_OR_RETURN(const engine::Evaluation initial, training.Evaluate());
  Log(hooks, absl::StrCat("before training: accuracy ", initial.accuracy, ", loss ", initial.loss,
                          "; ", spec.architecture.cost().parameters, " parameters, ",
                          spec.architecture.cost().macs, " multiply-accumulates an image"));
  if (spec.recipe.epochs == 0) {
    measurement.metrics = {{"accuracy", initial.accuracy}, {"loss", initial.loss}};
  } else {
    RETURN_IF_ERROR(training.Train(hooks, measurement));
    measurement.metrics = measurement.epochs.back().metrics;
    measurement.metrics["initial_accuracy"] = initial.accuracy;
    measurement.metrics["initial_loss"] = initial.loss;
  }
  measurement.cost.device_time = training.data_time();
  outputs.weights = training.Weights();
  return outputs;
}

absl::StatusOr<RunOutputs> RunUnguarded(engine::Backend& backend, const RunInputs& inputs,
                                        const RunHooks& hooks) {
  const base::Stopwatch stopwatch;
  const TrialSpec& spec = *inputs.spec;
  RETURN_IF_ERROR(trial::Validate(spec));
  RETURN_IF_ERROR(task::CheckImageClassifier(spec.architecture, inputs.dataset->image_shape(),
                                             inputs.dataset->class_count()));
  if (inputs.expected_fingerprint.has_value()) {
    RETURN_IF_ERROR(CheckFingerprint(*inputs.expected_fingerprint, spec.architecture.fingerprint(),
                                     "the trial's architecture"));
  }
  ASSIGN_OR_RETURN(const Examples examples,
                   Examples::Create(*inputs.dataset, *inputs.normalizer,
                                    std::get<trial::ImageClassification>(spec.task)));
  Start start;
  if (const auto* derive = std::get_if<trial::Derive>(&spec.origin)) {
    ASSIGN_OR_RETURN(start, DeriveAndVerify(backend, inputs, *derive, examples, hooks));
  } else {
    start = Initialize(spec, std::get<trial::Init>(spec.origin));
  }
  ASSIGN_OR_RETURN(RunOutputs outputs,
                   TrainAndMeasure(backend, spec, examples, hooks, std::move(start)));
  trial::Cost& cost = outputs.measurement.cost;
  cost.parameters = spec.architecture.cost().parameters;
  cost.macs = spec.architecture.cost().macs;
  cost.activation_bytes = spec.architecture.cost().activation_bytes;
  cost.wall_time = stopwatch.WallTime();
  cost.device_time += stopwatch.ThreadTime();
  return outputs;
}

}  // namespace

absl::StatusOr<RunOutputs> Run(engine::Backend& backend, const RunInputs& inputs,
                               const RunHooks& hooks) {
  try {
    return RunUnguarded(backend, inputs, hooks);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("no thread: ", error.what()));
  }
}

std::string NumericsClassOf(const engine::Backend& backend) {
  return absl::StrCat(engine::kEngineNumericsVersion, "/", backend.name(), "/", backend.numerics());
}

}  // namespace graft::runner
