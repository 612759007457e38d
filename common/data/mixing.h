// Training batches of mixed images, whose targets are mixed alike.
#ifndef GRAFT_COMMON_DATA_MIXING_H_
#define GRAFT_COMMON_DATA_MIXING_H_

#include <cstdint>
#include <span>
#include <vector>

#include "common/tensor/shape.h"

namespace graft::data {

// Both above 0: each batch has one of the two, with a probability of one half.
struct MixingOptions {
  // H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR
  // 2018. 0: none.
  double mixup_alpha = 0;
  // S. Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
  // Features", ICCV 2019. 0: none.
  double cutmix_alpha = 0;
};

// What targets are made of.
struct TargetOptions {
  std::int64_t class_count = 0;  // K
  double label_smoothing = 0;    // s, in [0, 1)
};

// How one batch is mixed.
struct Mix {
  // In [0, 1]: how much of an image is its own.
  double weight = 1;
  // Image i is mixed with image partners[i] of the batch: a permutation.
  std::vector<std::int64_t> partners;
  // Whether partners fill a rectangle (CutMix) or are averaged with (mixup).
  bool cut = false;
  // The rectangle: rows top to bottom - 1, columns left to right - 1.
  std::int64_t top = 0;
  std::int64_t bottom = 0;
  std::int64_t left = 0;
  std::int64_t right = 0;

  friend bool operator==(const Mix&, const Mix&) = default;
};

// Thread-safe: immutable.
class Mixer {
 public:
  // `image_shape`: [C, H, W].
  Mixer(const tensor::Shape& image_shape, const MixingOptions& options,
        const TargetOptions& targets, std::uint64_t seed);

  // Whether batches change at all.
  bool enabled() const { return options_.mixup_alpha > 0 || options_.cutmix_alpha > 0; }
  std::int64_t class_count() const { return targets_.class_count; }

  // Of the epoch's batch with that number, of `count` images: a function of seed, epoch, number and
  // count alone. Draws, in this order and whatever the options are, from the generator
  // Rng(seed, "mixing").Fork(epoch).Fork(batch): a word whose highest bit is CutMix if both are
  // wanted, UniformInt(H) and UniformInt(W) for the rectangle's middle (y, x), the permutation, and
  // l = SampleBeta(alpha). mixup's weight is l. CutMix's rectangle has the sides
  // 2 floor(floor(H sqrt(1 - l)) / 2) and likewise of W, from y and x half of it each way, cut off
  // at the image's edges; its weight is 1 less the rectangle's part of the area.
  Mix MixOf(std::int64_t epoch, std::int64_t batch, std::int64_t count) const;

  // images, mixed: [count, C, H, W], which must not overlap.
  void MixImages(const Mix& mix, std::span<const float> images, std::span<float> mixed) const;

  // With q_i the one-hot vector of labels[i]:
  //   targets[i] = (1 - s) (weight q_i + (1 - weight) q_partners[i]) + s / K
  // targets: [count, K].
  void MixTargets(const Mix& mix, std::span<const std::int32_t> labels,
                  std::span<float> targets) const;

 private:
  const tensor::Shape image_shape_;
  const MixingOptions options_;
  const TargetOptions targets_;
  const std::uint64_t seed_;
};

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_MIXING_H_
