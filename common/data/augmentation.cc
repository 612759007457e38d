#include "common/data/augmentation.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/rng.h"

namespace graft::data {
namespace {

constexpr std::uint64_t kAugmentStream = 0x6175676d656e74;  // "augment"

}  // namespace

Augmenter::Augmenter(const tensor::Shape& image_shape, const AugmentationOptions& options,
                     std::uint64_t seed)
    : image_shape_(image_shape), options_(options), seed_(seed) {
  GRAFT_CHECK(image_shape_.rank() == 3) << image_shape_;
  GRAFT_CHECK(options_.pad_crop >= 0) << options_.pad_crop;
  GRAFT_CHECK(options_.cutout >= 0) << options_.cutout;
}

Placement Augmenter::PlacementOf(std::int64_t epoch, std::int64_t image) const {
  base::Rng rng = base::Rng(seed_, kAugmentStream)
                      .Fork(static_cast<std::uint64_t>(epoch))
                      .Fork(static_cast<std::uint64_t>(image));
  const auto places = static_cast<std::uint64_t>(2 * options_.pad_crop + 1);
  Placement placement;
  placement.mirrored = rng.NextU32() >> 31 != 0 && options_.flip;
  placement.row = static_cast<std::int64_t>(rng.UniformInt(places));
  placement.column = static_cast<std::int64_t>(rng.UniformInt(places));
  if (options_.cutout > 0) {
    placement.hole_row =
        static_cast<std::int64_t>(rng.UniformInt(static_cast<std::uint64_t>(image_shape_.dim(1))));
    placement.hole_column =
        static_cast<std::int64_t>(rng.UniformInt(static_cast<std::uint64_t>(image_shape_.dim(2))));
  }
  return placement;
}

void Augmenter::Apply(const Placement& placement, std::span<const float> image,
                      std::span<float> augmented) const {
  const std::int64_t height = image_shape_.dim(1);
  const std::int64_t width = image_shape_.dim(2);
  const std::int64_t down = placement.row - options_.pad_crop;
  const std::int64_t right = placement.column - options_.pad_crop;
  // Columns of the crop that lie in the image.
  const std::int64_t begin = std::clamp<std::int64_t>(-right, 0, width);
  const std::int64_t end = std::clamp<std::int64_t>(width - right, begin, width);
  std::ranges::fill(augmented, 0.0F);
  if (begin == end) return;
  for (std::int64_t channel = 0; channel < image_shape_.dim(0); ++channel) {
    for (std::int64_t y = 0; y < height; ++y) {
      const std::int64_t source_y = y + down;
      if (source_y < 0 || source_y >= height) continue;
      const auto source = image.subspan((channel * height + source_y) * width, width);
      const auto row = augmented.subspan((channel * height + y) * width, width);
      const auto kept = source.subspan(begin + right, end - begin);
      if (placement.mirrored) {
        std::ranges::reverse_copy(kept, row.begin() + (width - end));
      } else {
        std::ranges::copy(kept, row.begin() + begin);
      }
    }
  }
  if (options_.cutout > 0) CutOut(placement, augmented);
}

void Augmenter::CutOut(const Placement& placement, std::span<float> augmented) const {
  const std::int64_t height = image_shape_.dim(1);
  const std::int64_t width = image_shape_.dim(2);
  const std::int64_t side = options_.cutout;
  const std::int64_t top = placement.hole_row - side / 2;
  const std::int64_t left = placement.hole_column - side / 2;
  const std::int64_t begin = std::max<std::int64_t>(left, 0);
  const std::int64_t end = std::min(left + side, width);
  for (std::int64_t channel = 0; channel < image_shape_.dim(0); ++channel) {
    for (std::int64_t y = std::max<std::int64_t>(top, 0); y < std::min(top + side, height); ++y) {
      std::ranges::fill(augmented.subspan((channel * height + y) * width + begin, end - begin),
                        0.0F);
    }
  }
}

}  // namespace graft::data
