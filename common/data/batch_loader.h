#ifndef GRAFT_COMMON_DATA_BATCH_LOADER_H_
#define GRAFT_COMMON_DATA_BATCH_LOADER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "common/data/augmentation.h"
#include "common/data/batch_stream.h"
#include "common/data/dataset.h"
#include "common/data/mixing.h"
#include "common/data/normalizer.h"
#include "common/data/rand_augment.h"
#include "common/tensor/shape.h"

namespace graft::data {

struct BatchOptions {
  std::int64_t batch_size = 64;
  // True: each epoch has an order of its own, drawn from `seed` and the epoch's number.
  bool shuffle = false;
  std::uint64_t seed = 0;
  // A last batch of fewer images is left out of the epoch. Training uses 2: batch norm has no
  // statistics of one value.
  std::int64_t smallest_batch = 1;
  // Drawn from `seed` for each image and epoch. RandAugment works on the bytes, the other
  // augmentation on what the normaliser makes of them.
  RandAugmentOptions rand_augment;
  AugmentationOptions augmentation;
  // Drawn from `seed` for each batch and epoch.
  MixingOptions mixing;
  TargetOptions targets;  // of mixed batches
};

// Serves the images of a set, epoch by epoch. Never fails. Not thread-safe.
class BatchLoader final : public BatchStream {
 public:
  // `indices` selects images of `images`, each of `image_shape`, [C, H, W]. `images` and
  // `normalizer` must outlive the loader.
  BatchLoader(const ImageSet* images, const Normalizer* normalizer,
              const tensor::Shape& image_shape, std::vector<std::int64_t> indices,
              const BatchOptions& options);

  BatchBuffer MakeBuffer() const override;
  absl::Status StartEpoch(std::int64_t epoch) override;
  absl::StatusOr<Batch> Next(BatchBuffer& buffer) override;

  std::int64_t batch_size() const { return options_.batch_size; }
  // Batches and images of one epoch.
  std::int64_t batches_per_epoch() const;
  std::int64_t images_per_epoch() const;

 private:
  std::int64_t largest_batch() const;
  // Writes image number `image` of the set, as this epoch sees it.
  void Load(std::int64_t image, std::span<float> values);

  const ImageSet* const images_;
  const Normalizer* const normalizer_;
  const std::int64_t image_size_;
  const std::vector<std::int64_t> indices_;
  const BatchOptions options_;
  const RandAugment rand_augment_;
  const Augmenter augmenter_;
  const Mixer mixer_;

  std::int64_t epoch_ = 0;
  std::vector<std::int64_t> order_;    // positions in images_, of this epoch
  std::int64_t next_ = 0;              // position in order_
  std::vector<std::uint8_t> pixels_;   // one image, before it is normalised
  std::vector<std::uint8_t> scratch_;  // one image
  std::vector<float> normalized_;      // one image, before its augmentation
  std::vector<float> unmixed_;         // one batch; empty unless batches are mixed
};

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_BATCH_LOADER_H_
