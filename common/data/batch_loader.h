#ifndef GRAFT_COMMON_DATA_BATCH_LOADER_H_
#define GRAFT_COMMON_DATA_BATCH_LOADER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/data/augmentation.h"
#include "common/data/dataset.h"
#include "common/data/normalizer.h"
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
  // Drawn from `seed` for each image and epoch.
  AugmentationOptions augmentation;
};

// Examples of one step. Valid until the loader's next call.
struct Batch {
  std::int64_t count = 0;
  std::span<const float> images;         // [count, C, H, W], normalised, then augmented
  std::span<const std::int32_t> labels;  // [count]
};

// Serves the images of a set, epoch by epoch, from buffers that are allocated once. Not
// thread-safe.
class BatchLoader {
 public:
  // `indices` selects images of `images`, each of `image_shape`, [C, H, W]. `images` and
  // `normalizer` must outlive the loader.
  BatchLoader(const ImageSet* images, const Normalizer* normalizer,
              const tensor::Shape& image_shape, std::vector<std::int64_t> indices,
              const BatchOptions& options);

  // Begins an epoch. The order depends on the seed and `epoch` alone, not on earlier calls.
  void StartEpoch(std::int64_t epoch);

  // The next batch of the epoch; nothing at its end, or before StartEpoch.
  std::optional<Batch> Next();

  std::int64_t batch_size() const { return options_.batch_size; }
  // Batches and images of one epoch.
  std::int64_t batches_per_epoch() const;
  std::int64_t images_per_epoch() const;

 private:
  // Writes image number `image` of the set, as this epoch sees it.
  void Load(std::int64_t image, std::span<float> values);

  const ImageSet* const images_;
  const Normalizer* const normalizer_;
  const std::int64_t image_size_;
  const std::vector<std::int64_t> indices_;
  const BatchOptions options_;
  const Augmenter augmenter_;

  std::int64_t epoch_ = 0;
  std::vector<std::int64_t> order_;  // positions in images_, of this epoch
  std::int64_t next_ = 0;            // position in order_
  std::vector<float> image_buffer_;
  std::vector<float> normalized_;  // one image, before its augmentation
  std::vector<std::int32_t> label_buffer_;
};

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_BATCH_LOADER_H_
