// RandAugment: E. Cubuk, B. Zoph, J. Shlens, Q. Le, "RandAugment: Practical automated data
// augmentation with a reduced search space", CVPR workshops 2020.
#ifndef GRAFT_COMMON_DATA_RAND_AUGMENT_H_
#define GRAFT_COMMON_DATA_RAND_AUGMENT_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/data/pixel_operations.h"
#include "common/tensor/shape.h"

namespace graft::data {

struct RandAugmentOptions {
  // Operations in turn on each image. 0: none.
  std::int64_t operations = 0;
  // m: how strong they are, 0 to kMaxMagnitude.
  std::int64_t magnitude = 9;
};

// With the ranges of torchvision's RandAugment of 31 bins, at magnitude m; +- is the drawn sign.
// What comes from outside is 0, black; pixels are those nearest, not interpolated.
enum class ImageOperation {
  kIdentity,
  kShearX,        // x + s y, s = +- 0.3 m / 30
  kShearY,        // y + s x
  kTranslateX,    // by +- floor(150 / 331 W m / 30) pixels
  kTranslateY,    // by +- floor(150 / 331 H m / 30) pixels
  kRotate,        // by +- m degrees
  kBrightness,    // factor 1 +- 0.9 m / 30, see pixel_operations.h; so are the next three
  kColor,         //
  kContrast,      //
  kSharpness,     //
  kPosterize,     // 8 - round(m / 7.5) bits
  kSolarize,      // threshold 255 - 255 m / 30
  kAutoContrast,  //
  kEqualize,      //
};
inline constexpr int kImageOperationCount = 14;

// "shear_x".
std::string_view NameOf(ImageOperation operation);

// One operation on an image.
struct AugmentationStep {
  ImageOperation operation = ImageOperation::kIdentity;
  bool negative = false;  // the sign, where the operation has one

  friend bool operator==(const AugmentationStep&, const AugmentationStep&) = default;
};

// Thread-safe: immutable.
class RandAugment {
 public:
  static constexpr std::int64_t kMaxMagnitude = 30;

  // `image_shape`: [C, H, W].
  RandAugment(const tensor::Shape& image_shape, const RandAugmentOptions& options,
              std::uint64_t seed);

  // Whether images change at all.
  bool enabled() const { return options_.operations > 0; }

  // Of the image with that index in its set: a function of seed, epoch and index alone. Draws for
  // each operation, from the generator Rng(seed, "randaug").Fork(epoch).Fork(image):
  // UniformInt(14), its number, and a word whose highest bit makes it negative.
  std::vector<AugmentationStep> StepsOf(std::int64_t epoch, std::int64_t image) const;

  // Both [C, H, W], and they must not overlap.
  void Apply(const AugmentationStep& step, Pixels image, MutablePixels result) const;

  // All steps on `image` in place. `scratch` is as large as `image`.
  void Apply(std::span<const AugmentationStep> steps, MutablePixels image,
             MutablePixels scratch) const;

 private:
  const tensor::Shape image_shape_;
  const RandAugmentOptions options_;
  const std::uint64_t seed_;
};

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_RAND_AUGMENT_H_
