// Recipe: how a network is trained.
#ifndef GRAFT_COMMON_RECIPE_RECIPE_H_
#define GRAFT_COMMON_RECIPE_RECIPE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/recipe/optimizer_options.h"
#include "common/recipe/precision.h"
#include "common/recipe/schedule.h"

namespace graft::recipe {

struct Recipe {
  std::int64_t epochs = 0;  // 0: evaluate without training
  std::int64_t batch_size = 64;
  OptimizerOptions optimizer;
  WeightDecayMask weight_decay_mask = WeightDecayMask::kAll;
  // Largest norm of all gradients together; larger ones are scaled down. 0: none.
  double clip_norm = 0;
  Schedule schedule;
  // Above 0, what is measured and kept is a moving average over the steps of all tensors,
  // batch-norm statistics included: a = d a + (1 - d) p with d = min(ema_decay, t / (t + 9)) at
  // step t from 1. In [0, 1).
  double ema_decay = 0;
  // Tensors that training leaves as they are, as names or patterns with * and ? of
  // arch::Architecture::TensorName. A batch norm whose statistics are frozen uses them in training.
  std::vector<std::string> frozen;
  std::uint64_t seed = 0;  // data order, augmentation, mixing, dropout
  std::int64_t threads = 1;
  // Of the training's loss: the probability that the target spreads evenly over all classes, in
  // [0, 1). What judges a network is measured without it.
  double label_smoothing = 0;
  // Augmentation of training images, see data/augmentation.h.
  bool flip = false;
  std::int64_t pad_crop = 0;  // pixels, at most 16
  std::int64_t cutout = 0;    // pixels, at most 4096
  // See data/rand_augment.h.
  std::int64_t rand_augment_operations = 0;  // an image, at most 8
  std::int64_t rand_augment_magnitude = 9;   // 0 to 30
  // Mixing within training batches, see data/mixing.h. At most 1000 each; 0: none.
  double mixup_alpha = 0;
  double cutmix_alpha = 0;
  // Of training. What judges a network is float32: it is the network that is kept, however its
  // relatives were trained.
  Precision precision = Precision::kFloat32;
};

// INVALID_ARGUMENT: a field error in proto names, for example `batch_size`; bounds are in the .cc
// file.
absl::Status Validate(const Recipe& recipe);

}  // namespace graft::recipe

#endif  // GRAFT_COMMON_RECIPE_RECIPE_H_
