#include "common/data/rand_augment.h"

#include <algorithm>
#include <array>

#include "common/base/check.h"
#include "common/base/rng.h"

namespace graft::data {
namespace {

constexpr std::uint64_t kStream = 0x72616e64617567;  // "randaug"

constexpr std::array<std::string_view, kImageOperationCount> kNames = {
    "identity",  "shear_x",    "shear_y",       "translate_x", "translate_y",
    "rotate",    "brightness", "color",         "contrast",    "sharpness",
    "posterize", "solarize",   "auto_contrast", "equalize"};

}  // namespace

std::string_view NameOf(ImageOperation operation) {
  return kNames[static_cast<std::size_t>(operation)];
}

RandAugment::RandAugment(const tensor::Shape& image_shape, const RandAugmentOptions& options,
                         std::uint64_t seed)
    : image_shape_(image_shape), options_(options), seed_(seed) {
  GRAFT_CHECK(image_shape_.rank() == 3) << image_shape_;
  GRAFT_CHECK(options_.operations >= 0) << options_.operations;
  GRAFT_CHECK(options_.magnitude >= 0 && options_.magnitude <= kMaxMagnitude) << options_.magnitude;
}

std::vector<AugmentationStep> RandAugment::StepsOf(std::int64_t epoch, std::int64_t image) const {
  base::Rng rng = base::Rng(seed_, kStream)
                      .Fork(static_cast<std::uint64_t>(epoch))
                      .Fork(static_cast<std::uint64_t>(image));
  std::vector<AugmentationStep> steps(static_cast<std::size_t>(options_.operations));
  for (AugmentationStep& step : steps) {
    step.operation = static_cast<ImageOperation>(rng.UniformInt(kImageOperationCount));
    step.negative = rng.NextU32() >> 31 != 0;
  }
  return steps;
}

void RandAugment::Apply(const AugmentationStep& step, Pixels image, MutablePixels result) const {
  const tensor::Shape& shape = image_shape_;
  const std::int64_t m = options_.magnitude;
  const int sign = step.negative ? -1 : 1;
  const double shear = sign * (0.3 * static_cast<double>(m) / kMaxMagnitude);
  const auto factor = static_cast<float>(1 + sign * (0.9 * static_cast<double>(m) / kMaxMagnitude));
  // Pixels of an extent by which it is translated.
  const auto shift = [&](std::int64_t extent) {
    const std::int64_t pixels = 150 * extent * m / (331 * kMaxMagnitude);
    return static_cast<double>(sign * pixels);
  };
  switch (step.operation) {
    case ImageOperation::kIdentity:
      std::ranges::copy(image, result.begin());
      return;
    case ImageOperation::kShearX:
      return Transform({.b = shear}, shape, image, result);
    case ImageOperation::kShearY:
      return Transform({.d = shear}, shape, image, result);
    case ImageOperation::kTranslateX:
      return Transform({.c = -shift(shape.dim(2))}, shape, image, result);
    case ImageOperation::kTranslateY:
      return Transform({.f = -shift(shape.dim(1))}, shape, image, result);
    case ImageOperation::kRotate:
      return Transform(Rotation(static_cast<double>(sign * m), shape.dim(1), shape.dim(2)), shape,
                       image, result);
    case ImageOperation::kBrightness:
      return Brightness(factor, image, result);
    case ImageOperation::kColor:
      return Color(factor, shape, image, result);
    case ImageOperation::kContrast:
      return Contrast(factor, shape, image, result);
    case ImageOperation::kSharpness:
      return Sharpness(factor, shape, image, result);
    case ImageOperation::kPosterize:
      return Posterize(static_cast<int>(8 - (4 * m + 15) / 30), image, result);
    case ImageOperation::kSolarize:
      return Solarize(8.5 * static_cast<double>(kMaxMagnitude - m), image, result);
    case ImageOperation::kAutoContrast:
      return AutoContrast(shape, image, result);
    case ImageOperation::kEqualize:
      return Equalize(shape, image, result);
  }
  GRAFT_CHECK(false) << "operation " << static_cast<int>(step.operation);
}

void RandAugment::Apply(std::span<const AugmentationStep> steps, MutablePixels image,
                        MutablePixels scratch) const {
  for (const AugmentationStep& step : steps) {
    if (step.operation == ImageOperation::kIdentity) continue;
    std::ranges::copy(image, scratch.begin());
    Apply(step, scratch, image);
  }
}

}  // namespace graft::data
