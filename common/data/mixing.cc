#include "common/data/mixing.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/data/beta.h"

namespace graft::data {
namespace {

constexpr std::uint64_t kStream = 0x6d6978696e67;  // "mixing"

// Half the side of a rectangle that has the part `share` of an extent.
std::int64_t HalfSide(std::int64_t extent, double share) {
  return static_cast<std::int64_t>(static_cast<double>(extent) * share) / 2;
}

}  // namespace

Mixer::Mixer(const tensor::Shape& image_shape, const MixingOptions& options,
             const TargetOptions& targets, std::uint64_t seed)
    : image_shape_(image_shape), options_(options), targets_(targets), seed_(seed) {
  GRAFT_CHECK(image_shape_.rank() == 3) << image_shape_;
  GRAFT_CHECK(!enabled() || targets_.class_count > 0) << targets_.class_count;
}

Mix Mixer::MixOf(std::int64_t epoch, std::int64_t batch, std::int64_t count) const {
  base::Rng rng = base::Rng(seed_, kStream)
                      .Fork(static_cast<std::uint64_t>(epoch))
                      .Fork(static_cast<std::uint64_t>(batch));
  const std::int64_t height = image_shape_.dim(1);
  const std::int64_t width = image_shape_.dim(2);
  const bool heads = rng.NextU32() >> 31 != 0;
  const auto y = static_cast<std::int64_t>(rng.UniformInt(static_cast<std::uint64_t>(height)));
  const auto x = static_cast<std::int64_t>(rng.UniformInt(static_cast<std::uint64_t>(width)));
  Mix mix;
  mix.partners = rng.Permutation(count);
  mix.cut = options_.cutmix_alpha > 0 && (heads || options_.mixup_alpha <= 0);
  mix.weight = SampleBeta(rng, mix.cut ? options_.cutmix_alpha : options_.mixup_alpha);
  if (!mix.cut) return mix;
  const double share = std::sqrt(1 - mix.weight);
  const std::int64_t half_height = HalfSide(height, share);
  const std::int64_t half_width = HalfSide(width, share);
  mix.top = std::max<std::int64_t>(y - half_height, 0);
  mix.bottom = std::min(y + half_height, height);
  mix.left = std::max<std::int64_t>(x - half_width, 0);
  mix.right = std::min(x + half_width, width);
  const std::int64_t area = (mix.bottom - mix.top) * (mix.right - mix.left);
  mix.weight = 1 - static_cast<double>(area) / static_cast<double>(height * width);
  return mix;
}

void Mixer::MixImages(const Mix& mix, std::span<const float> images, std::span<float> mixed) const {
  const std::int64_t size = image_shape_.ElementCount();
  const std::int64_t height = image_shape_.dim(1);
  const std::int64_t width = image_shape_.dim(2);
  const auto weight = static_cast<float>(mix.weight);
  const auto rest = static_cast<float>(1 - mix.weight);
  for (std::size_t i = 0; i < mix.partners.size(); ++i) {
    const auto own = images.subspan(i * size, size);
    const auto partner = images.subspan(mix.partners[i] * size, size);
    const auto result = mixed.subspan(i * size, size);
    if (!mix.cut) {
      std::ranges::transform(own, partner, result.begin(),
                             [&](float x, float y) { return weight * x + rest * y; });
      continue;
    }
    std::ranges::copy(own, result.begin());
    for (std::int64_t channel = 0; channel < image_shape_.dim(0); ++channel) {
      for (std::int64_t y = mix.top; y < mix.bottom; ++y) {
        const std::int64_t first = (channel * height + y) * width + mix.left;
        std::ranges::copy(partner.subspan(first, mix.right - mix.left), result.begin() + first);
      }
    }
  }
}

void Mixer::MixTargets(const Mix& mix, std::span<const std::int32_t> labels,
                       std::span<float> targets) const {
  const std::int64_t classes = targets_.class_count;
  const double smoothing = targets_.label_smoothing;
  std::ranges::fill(targets, static_cast<float>(smoothing / static_cast<double>(classes)));
  for (std::size_t i = 0; i < mix.partners.size(); ++i) {
    const auto row = targets.subspan(i * classes, classes);
    row[labels[i]] += static_cast<float>((1 - smoothing) * mix.weight);
    row[labels[mix.partners[i]]] += static_cast<float>((1 - smoothing) * (1 - mix.weight));
  }
}

}  // namespace graft::data
