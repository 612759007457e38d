// Training and evaluation of one network.
//
// Both take a plan whose inputs are images and labels (indices 0 and 1), whose output 0 is the loss
// (mean over the batch) and whose output 1 is the logits [K]. A plan that is trained may have
// float32 targets [K] in place of the labels.
#ifndef GRAFT_COMMON_ENGINE_TRAIN_LOOP_H_
#define GRAFT_COMMON_ENGINE_TRAIN_LOOP_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>

#include "absl/status/statusor.h"
#include "common/engine/backend.h"
#include "common/engine/batch_source.h"
#include "common/recipe/recipe.h"

namespace graft::engine {

// One epoch, as soon as it has ended.
struct EpochReport {
  int epoch = 0;            // from 1
  float learning_rate = 0;  // of its last step
  double mean_loss = 0;     // over the epoch's examples, each at its step
  std::int64_t examples = 0;
};

struct TrainCallbacks {
  // Called after each epoch with the network to be judged: the parameters, or their moving average
  // if the recipe wants one. An error ends the training with that error. May be null.
  std::function<absl::Status(const EpochReport&, ParameterVector&)> on_epoch;
  // Looked at before each step; borrowed. May be null.
  const std::atomic<bool>* stop = nullptr;
};

struct TrainResult {
  int epochs = 0;          // completed
  std::int64_t steps = 0;  // done
  double mean_loss = 0;    // of the last completed epoch
  bool stopped = false;    // by TrainCallbacks::stop, between two steps
};

// Trains `parameters` in place by the recipe, of which it follows all but what belongs to plan and
// source (batch, threads, frozen tensors, augmentation, mixing, label smoothing). With a moving
// average that is what `parameters` hold at the end. Equal arguments give equal bits. Errors:
// DivergedError, with `parameters` as they were at that step but for statistics; those of the
// source, the plan and the callback; INVALID_ARGUMENT: the plan does not have the form above, lacks
// its targets, or an epoch is empty.
absl::StatusOr<TrainResult> Train(Plan& plan, ParameterVector& parameters, BatchSource& source,
                                  const recipe::Recipe& recipe,
                                  const TrainCallbacks& callbacks = {});

// What a run of inference over one batch gave; the spans are borrowed for the call.
struct Prediction {
  std::span<const float> logits;         // [count, K]
  std::span<const std::int32_t> labels;  // [count]
  float loss = 0;
};

// Runs `source`'s epoch 1 through the plan in kInference and hands over each batch. `parameters` do
// not change. Errors as of Train.
absl::Status Predict(Plan& plan, ParameterVector& parameters, BatchSource& source,
                     const std::function<void(const Prediction&)>& visit);

struct Evaluation {
  double loss = 0;      // mean over the examples
  double accuracy = 0;  // fraction whose largest logit (the first of equal ones) is the label
  std::int64_t examples = 0;
};

// Loss and accuracy over `source`'s epoch 1. An example with a logit that is not finite
// counts as wrong. Errors as of Train.
absl::StatusOr<Evaluation> Evaluate(Plan& plan, ParameterVector& parameters, BatchSource& source);

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_TRAIN_LOOP_H_
