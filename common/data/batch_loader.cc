#include "common/data/batch_loader.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/base/rng.h"

namespace graft::data {
namespace {

constexpr std::uint64_t kOrderStream = 0x6f72646572;  // "order"

}  // namespace

BatchLoader::BatchLoader(const ImageSet* images, const Normalizer* normalizer,
                         const tensor::Shape& image_shape, std::vector<std::int64_t> indices,
                         const BatchOptions& options)
    : images_(images),
      normalizer_(normalizer),
      image_size_(image_shape.ElementCount()),
      indices_(std::move(indices)),
      options_(options),
      rand_augment_(image_shape, options.rand_augment, options.seed),
      augmenter_(image_shape, options.augmentation, options.seed),
      mixer_(image_shape, options.mixing, options.targets, options.seed),
      pixels_(static_cast<std::size_t>(image_size_)),
      scratch_(static_cast<std::size_t>(image_size_)),
      normalized_(static_cast<std::size_t>(image_size_)) {
  GRAFT_CHECK(options_.batch_size >= 1) << options_.batch_size;
  for (const std::int64_t index : indices_) {
    GRAFT_CHECK(index >= 0 && index < images_->count()) << index;
  }
  if (mixer_.enabled()) {
    unmixed_.resize(static_cast<std::size_t>(largest_batch() * image_size_));
  }
}

BatchBuffer BatchLoader::MakeBuffer() const {
  const auto count = static_cast<std::size_t>(largest_batch());
  BatchBuffer buffer{.images = std::vector<float>(count * image_size_),
                     .labels = std::vector<std::int32_t>(count)};
  if (mixer_.enabled()) buffer.targets.resize(count * mixer_.class_count());
  return buffer;
}

absl::Status BatchLoader::StartEpoch(std::int64_t epoch) {
  order_ = indices_;
  next_ = 0;
  epoch_ = epoch;
  if (options_.shuffle) {
    base::Rng rng = base::Rng(options_.seed, kOrderStream).Fork(static_cast<std::uint64_t>(epoch));
    rng.Shuffle(std::span<std::int64_t>(order_));
  }
  order_.resize(static_cast<std::size_t>(images_per_epoch()));
  return absl::OkStatus();
}

absl::StatusOr<Batch> BatchLoader::Next(BatchBuffer& buffer) {
  const auto total = static_cast<std::int64_t>(order_.size());
  const std::int64_t count = std::min(options_.batch_size, total - next_);
  if (count <= 0) return Batch{};
  const auto images = std::span(buffer.images).first(count * image_size_);
  const auto labels = std::span(buffer.labels).first(count);
  const auto loaded = mixer_.enabled() ? std::span(unmixed_).first(count * image_size_) : images;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t image = order_[next_ + i];
    Load(image, loaded.subspan(i * image_size_, image_size_));
    labels[i] = images_->labels[image];
  }
  Batch batch{.count = count, .images = images, .labels = labels};
  if (mixer_.enabled()) {
    const Mix mix = mixer_.MixOf(epoch_, next_ / options_.batch_size, count);
    const auto targets = std::span(buffer.targets).first(count * mixer_.class_count());
    mixer_.MixImages(mix, loaded, images);
    mixer_.MixTargets(mix, labels, targets);
    batch.targets = targets;
  }
  next_ += count;
  return batch;
}

void BatchLoader::Load(std::int64_t image, std::span<float> values) {
  auto pixels =
      std::span<const std::uint8_t>(images_->pixels).subspan(image * image_size_, image_size_);
  if (rand_augment_.enabled()) {
    std::ranges::copy(pixels, pixels_.begin());
    rand_augment_.Apply(rand_augment_.StepsOf(epoch_, image), pixels_, scratch_);
    pixels = pixels_;
  }
  if (!augmenter_.enabled()) {
    normalizer_->Apply(pixels, values);
    return;
  }
  normalizer_->Apply(pixels, normalized_);
  augmenter_.Apply(augmenter_.PlacementOf(epoch_, image), normalized_, values);
}

std::int64_t BatchLoader::largest_batch() const {
  return std::min(options_.batch_size, static_cast<std::int64_t>(indices_.size()));
}

std::int64_t BatchLoader::batches_per_epoch() const {
  return (images_per_epoch() + options_.batch_size - 1) / options_.batch_size;
}

std::int64_t BatchLoader::images_per_epoch() const {
  const auto total = static_cast<std::int64_t>(indices_.size());
  const std::int64_t last = total % options_.batch_size;
  return last < options_.smallest_batch ? total - last : total;
}

}  // namespace graft::data
