// Random shifts, mirrorings and holes of training images.
#ifndef GRAFT_COMMON_DATA_AUGMENTATION_H_
#define GRAFT_COMMON_DATA_AUGMENTATION_H_

#include <cstdint>
#include <span>

#include "common/tensor/shape.h"

namespace graft::data {

struct AugmentationOptions {
  // Mirrors left and right with a probability of one half.
  bool flip = false;
  // Pads each side by so many pixels and crops to the old size at a random place. 0: none.
  std::int64_t pad_crop = 0;
  // Clears a square of so many pixels a side at a random place: T. DeVries, G. Taylor, "Improved
  // Regularization of Convolutional Neural Networks with Cutout", arXiv:1708.04552. 0: none.
  std::int64_t cutout = 0;
};

// How one image is augmented.
struct Placement {
  std::int64_t row = 0;     // of the crop in the padded image, 0 to 2 pad_crop; so is `column`
  std::int64_t column = 0;  // pad_crop: where the image was
  bool mirrored = false;    // after the crop
  // Middle of the square that is cleared at last, a pixel of the result. 0 without cutout.
  std::int64_t hole_row = 0;
  std::int64_t hole_column = 0;

  friend bool operator==(const Placement&, const Placement&) = default;
};

// Thread-safe: immutable.
class Augmenter {
 public:
  // `image_shape`: [C, H, W]. pad_crop, cutout >= 0.
  Augmenter(const tensor::Shape& image_shape, const AugmentationOptions& options,
            std::uint64_t seed);

  // Whether images change at all.
  bool enabled() const { return options_.flip || options_.pad_crop > 0 || options_.cutout > 0; }

  // Of the image with that index in its set. A function of seed, epoch and index alone: neither the
  // order of the images nor the batches matter. Draws, in this order and whatever the options are,
  // from the generator Rng(seed, "augment").Fork(epoch).Fork(image): a word whose highest bit
  // mirrors, UniformInt(2 pad_crop + 1) for the row, and the same for the column; with cutout, then
  // UniformInt(H) for the hole's row and UniformInt(W) for its column.
  Placement PlacementOf(std::int64_t epoch, std::int64_t image) const;

  // With p = pad_crop and x' = W - 1 - x if mirrored, else x:
  //   augmented[c, y, x] = image[c, y + row - p, x' + column - p], 0 outside of the image,
  // but 0 in the hole: with s = cutout, the rows from hole_row - floor(s / 2), s of them, and the
  // columns likewise, as far as they are in the image.
  // Images are normalised before, so that 0 is the mean of the training images.
  void Apply(const Placement& placement, std::span<const float> image,
             std::span<float> augmented) const;

 private:
  void CutOut(const Placement& placement, std::span<float> augmented) const;

  const tensor::Shape image_shape_;
  const AugmentationOptions options_;
  const std::uint64_t seed_;
};

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_AUGMENTATION_H_
