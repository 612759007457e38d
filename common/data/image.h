// Images as the readers of image files hand them on, and what brings them to one form.
#ifndef GRAFT_COMMON_DATA_IMAGE_H_
#define GRAFT_COMMON_DATA_IMAGE_H_

#include <cstdint>
#include <vector>

#include "common/tensor/shape.h"

namespace graft::data {

inline constexpr std::int64_t kGreyChannels = 1;
inline constexpr std::int64_t kColourChannels = 3;  // red, green, blue

struct Image {
  tensor::Shape shape;               // [C, H, W], C kGreyChannels or kColourChannels
  std::vector<std::uint8_t> pixels;  // row-major

  std::int64_t channels() const { return shape.dim(0); }
  std::int64_t height() const { return shape.dim(1); }
  std::int64_t width() const { return shape.dim(2); }

  friend bool operator==(const Image&, const Image&) = default;
};

// Luma of ITU-R BT.601: (299 R + 587 G + 114 B) / 1000, rounded half up. A grey image stays as it
// is.
Image ToGrey(const Image& image);

// A grey image's values in all three channels. A colour image stays as it is.
Image ToColour(const Image& image);

// The image in another size, each axis on its own: the mean over the area that a new pixel covers
// where the axis shrinks, linear interpolation between pixel centres where it grows, the border's
// pixels repeated outside. Sums are exact and rounded once, half up. 1 <= height, width <=
// Dataset::kMaxExtent.
Image Resize(const Image& image, std::int64_t height, std::int64_t width);

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_IMAGE_H_
