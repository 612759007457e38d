#include "common/runner/examples.h"

#include <algorithm>
#include <utility>

#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/data/split.h"

namespace graft::runner {

absl::Status LoaderSource::StartEpoch(int epoch) {
  loader_.StartEpoch(epoch);
  return absl::OkStatus();
}

absl::StatusOr<engine::Batch> LoaderSource::Next() {
  ASSIGN_OR_RETURN(const data::Batch batch, loader_.Next());
  return engine::Batch{.images = batch.images.data(),
                       .labels = batch.labels.data(),
                       .count = batch.count,
                       .targets = batch.targets.data()};
}

absl::StatusOr<Examples> Examples::Create(const data::Dataset& dataset,
                                          const data::Normalizer& normalizer,
                                          const trial::ImageClassification& task) {
  absl::StatusOr<data::SplitIndices> split = data::SplitTrainingImages(
      dataset.train().count(), {.train_images = task.train_images,
                                .validation_images = task.validation_images,
                                .seed = task.split_seed});
  if (!split.ok()) {
    return base::PrefixFieldViolations("task.image_classification", split.status());
  }
  Examples examples(dataset, normalizer);
  examples.train_ = std::move(split->train);
  examples.validation_ = std::move(split->validation);
  examples.evaluation_split_ = task.evaluation_split;
  return examples;
}

std::unique_ptr<LoaderSource> Examples::TrainingSource(const recipe::Recipe& recipe) const {
  const data::BatchOptions options{
      .batch_size = recipe.batch_size,
      .shuffle = true,
      .seed = recipe.seed,
      .smallest_batch = 2,  // batch norm has no statistics of one example
      .rand_augment = {.operations = recipe.rand_augment_operations,
                       .magnitude = recipe.rand_augment_magnitude},
      .augmentation = {.flip = recipe.flip, .pad_crop = recipe.pad_crop, .cutout = recipe.cutout},
      .mixing = {.mixup_alpha = recipe.mixup_alpha, .cutmix_alpha = recipe.cutmix_alpha},
      .targets = {.class_count = dataset_->class_count(),
                  .label_smoothing = recipe.label_smoothing}};
  return std::make_unique<LoaderSource>(
      std::make_unique<data::BatchLoader>(&dataset_->train(), normalizer_, dataset_->image_shape(),
                                          train_, options),
      data::PrefetchOptions{.epochs = recipe.epochs});
}

std::unique_ptr<LoaderSource> Examples::EvaluationSource(std::int64_t batch_size) const {
  const bool test = evaluation_split_ == trial::Split::kTest;
  const data::ImageSet& images = test ? dataset_->test() : dataset_->train();
  return std::make_unique<LoaderSource>(
      std::make_unique<data::BatchLoader>(&images, normalizer_, dataset_->image_shape(),
                                          test ? data::AllIndices(images.count()) : validation_,
                                          data::BatchOptions{.batch_size = batch_size}),
      data::PrefetchOptions{.epochs = 0});
}

ImageBatch Examples::Probe() const { return FirstImages(validation_); }

ImageBatch Examples::Calibration() const { return FirstImages(train_); }

ImageBatch Examples::FirstImages(const std::vector<std::int64_t>& indices) const {
  const std::int64_t size = dataset_->image_size();
  ImageBatch batch;
  batch.count = std::min<std::int64_t>(kProbeImages, static_cast<std::int64_t>(indices.size()));
  batch.images.resize(static_cast<std::size_t>(batch.count * size));
  const std::span<const std::uint8_t> pixels(dataset_->train().pixels);
  for (std::int64_t i = 0; i < batch.count; ++i) {
    normalizer_->Apply(pixels.subspan(indices[i] * size, size),
                       std::span(batch.images).subspan(i * size, size));
  }
  return batch;
}

}  // namespace graft::runner
