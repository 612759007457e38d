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
      augmenter_(image_shape, options.augmentation, options.seed),
      image_buffer_(static_cast<std::size_t>(options.batch_size * image_size_)),
      normalized_(static_cast<std::size_t>(image_size_)),
      label_buffer_(static_cast<std::size_t>(options.batch_size)) {
  GRAFT_CHECK(options_.batch_size >= 1) << options_.batch_size;
  for (const std::int64_t index : indices_) {
    GRAFT_CHECK(index >= 0 && index < images_->count()) << index;
  }
}

void BatchLoader::StartEpoch(std::int64_t epoch) {
  order_ = indices_;
  next_ = 0;
  epoch_ = epoch;
  if (options_.shuffle) {
    base::Rng rng = base::Rng(options_.seed, kOrderStream).Fork(static_cast<std::uint64_t>(epoch));
    rng.Shuffle(std::span<std::int64_t>(order_));
  }
  order_.resize(static_cast<std::size_t>(images_per_epoch()));
}

std::optional<Batch> BatchLoader::Next() {
  const auto total = static_cast<std::int64_t>(order_.size());
  const std::int64_t count = std::min(options_.batch_size, total - next_);
  if (count <= 0) return std::nullopt;
  const std::span<float> buffer(image_buffer_);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t image = order_[next_ + i];
    Load(image, buffer.subspan(i * image_size_, image_size_));
    label_buffer_[i] = images_->labels[image];
  }
  next_ += count;
  return Batch{.count = count,
               .images = buffer.first(count * image_size_),
               .labels = std::span<const std::int32_t>(label_buffer_).first(count)};
}

void BatchLoader::Load(std::int64_t image, std::span<float> values) {
  const auto pixels =
      std::span<const std::uint8_t>(images_->pixels).subspan(image * image_size_, image_size_);
  if (!augmenter_.enabled()) {
    normalizer_->Apply(pixels, values);
    return;
  }
  normalizer_->Apply(pixels, normalized_);
  augmenter_.Apply(augmenter_.PlacementOf(epoch_, image), normalized_, values);
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
