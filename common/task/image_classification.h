// Image classification: what an architecture must be to learn it, and the graph that is trained.
//
// What the task is (data set, split, images) is described by trial::ImageClassification; accuracy
// and loss of a pass are counted by engine/train_loop.h, an example at a time.
#ifndef GRAFT_COMMON_TASK_IMAGE_CLASSIFICATION_H_
#define GRAFT_COMMON_TASK_IMAGE_CLASSIFICATION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/arch/architecture.h"
#include "common/tensor/shape.h"

namespace graft::task {

// Outputs of a training graph, by position.
inline constexpr int kLossOutput = 0;
inline constexpr int kLogitsOutput = 1;

// Names of what a training graph adds; a number follows where the architecture uses them itself.
inline constexpr char kLabels[] = "labels";
inline constexpr char kTargets[] = "targets";
inline constexpr char kLoss[] = "loss";

// Whether `architecture` classifies images [C, H, W] into `class_count` classes: one input, batched
// float32 of that shape, and one output, batched float32 [class_count].
// INVALID_ARGUMENT: a field error at `layers` or `outputs`, saying what was expected.
absl::Status CheckImageClassifier(const arch::Architecture& architecture,
                                  const tensor::Shape& image_shape, std::int64_t class_count);

// `architecture` with the labels (int32, one an example) as its second input and its softmax
// cross-entropy, with targets smoothed by `label_smoothing` in [0, 1], as output 0, named `loss`,
// before its own output. The nodes of `architecture` keep their canonical indices, and with them
// its parameters their tensors' names.
// INVALID_ARGUMENT: a field error, unless there is one input, batched float32 [C, H, W], and one
// output, batched float32 [K].
absl::StatusOr<arch::Architecture> TrainingGraph(const arch::Architecture& architecture,
                                                 double label_smoothing = 0);

// As TrainingGraph, but with targets (float32 [K], a distribution an example) as the second input.
absl::StatusOr<arch::Architecture> SoftTargetGraph(const arch::Architecture& architecture);

}  // namespace graft::task

#endif  // GRAFT_COMMON_TASK_IMAGE_CLASSIFICATION_H_
