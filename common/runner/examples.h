// The images of one trial: which are trained on, which judge, which probe and calibrate.
#ifndef GRAFT_COMMON_RUNNER_EXAMPLES_H_
#define GRAFT_COMMON_RUNNER_EXAMPLES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/batch_loader.h"
#include "common/data/dataset.h"
#include "common/data/normalizer.h"
#include "common/data/prefetching_loader.h"
#include "common/engine/backend.h"
#include "common/engine/batch_source.h"
#include "common/trial/trial_spec.h"

namespace graft::runner {

// A loader's batches as the engine takes them, prepared on a thread of its own. Used by one thread
// at a time.
class LoaderSource final : public engine::BatchSource {
 public:
  LoaderSource(std::unique_ptr<data::BatchLoader> loader, const data::PrefetchOptions& options)
      : batches_per_epoch_(loader->batches_per_epoch()),
        images_per_epoch_(loader->images_per_epoch()),
        loader_(std::move(loader), options) {}

  absl::Status StartEpoch(int epoch) override;
  absl::StatusOr<engine::Batch> Next() override;

  std::int64_t batches_per_epoch() const override { return batches_per_epoch_; }
  std::int64_t images_per_epoch() const { return images_per_epoch_; }

  // As of data::PrefetchingLoader.
  absl::Duration wait_time() const { return loader_.wait_time(); }
  absl::Duration processor_time() const { return loader_.processor_time(); }

 private:
  const std::int64_t batches_per_epoch_;
  const std::int64_t images_per_epoch_;
  data::PrefetchingLoader loader_;
};

// A few normalised images that are run through several networks.
struct ImageBatch {
  std::int64_t count = 0;
  std::vector<float> images;  // [count, C, H, W]

  // Input of a network that takes images alone. Borrows the images.
  engine::Feed AsFeed() const { return {.count = count, .inputs = {images.data()}}; }
};

// Images of the probe and of calibration batches, at most.
inline constexpr std::int64_t kProbeImages = 64;

// Thread-safe: immutable. What it returns borrows data set and normaliser.
class Examples {
 public:
  // Both are borrowed. INVALID_ARGUMENT: a field error of the task, as of
  // data::SplitTrainingImages.
  static absl::StatusOr<Examples> Create(const data::Dataset& dataset,
                                         const data::Normalizer& normalizer,
                                         const trial::ImageClassification& task);

  // Training images, in an order of its own each epoch, augmented and mixed as the recipe says. No
  // other images are.
  std::unique_ptr<LoaderSource> TrainingSource(const recipe::Recipe& recipe) const;
  // The images that judge: validation or test, in a fixed order.
  std::unique_ptr<LoaderSource> EvaluationSource(std::int64_t batch_size) const;

  // The first validation images, on which parent and child must agree.
  ImageBatch Probe() const;
  // The first training images, whose statistics calibrated edits record.
  ImageBatch Calibration() const;

 private:
  Examples(const data::Dataset& dataset, const data::Normalizer& normalizer)
      : dataset_(&dataset), normalizer_(&normalizer) {}

  ImageBatch FirstImages(const std::vector<std::int64_t>& indices) const;

  const data::Dataset* dataset_;
  const data::Normalizer* normalizer_;
  std::vector<std::int64_t> train_;       // of the training images
  std::vector<std::int64_t> validation_;  // of the training images
  trial::Split evaluation_split_ = trial::Split::kValidation;
};

}  // namespace graft::runner

#endif  // GRAFT_COMMON_RUNNER_EXAMPLES_H_
