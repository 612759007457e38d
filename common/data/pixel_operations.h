// Operations on one image of bytes, as Pillow's ImageOps, ImageEnhance and Image.transform do them,
// bit by bit.
//
// `image` and `result` are planar, [C, H, W] row-major, of `shape`, and must not overlap. The grey
// value of a pixel is (19595 R + 38470 G + 7471 B + 2^15) div 2^16 (ITU-R 601-2) with three
// channels. Functions are pure.
#ifndef GRAFT_COMMON_DATA_PIXEL_OPERATIONS_H_
#define GRAFT_COMMON_DATA_PIXEL_OPERATIONS_H_

#include <cstdint>
#include <span>

#include "common/tensor/shape.h"

namespace graft::data {

using Pixels = std::span<const std::uint8_t>;
using MutablePixels = std::span<std::uint8_t>;

// Stretches each channel's values linearly to 0 to 255; a constant channel stays.
void AutoContrast(const tensor::Shape& shape, Pixels image, MutablePixels result);

// Maps each channel's values so that all become about equally frequent.
void Equalize(const tensor::Shape& shape, Pixels image, MutablePixels result);

// Keeps the `bits` highest bits of each value, 0 to 8.
void Posterize(int bits, Pixels image, MutablePixels result);

// 255 less the value, where it is at least `threshold`.
void Solarize(double threshold, Pixels image, MutablePixels result);

// Each blends: d + factor (x - d), cut to 0 to 255 and rounded down, in float32. factor >= 0; 1
// keeps the image. d is:
//   Brightness: 0
//   Contrast: the mean of the image's grey values, or of all values if there are not three
//             channels, rounded to the nearest
//   Color: the pixel's grey value; without three channels the image stays
//   Sharpness: the mean of the pixel and its eight neighbours, in which it has 5 of 13 parts,
//              rounded to the nearest; pixels at the edge stay
void Brightness(float factor, Pixels image, MutablePixels result);
void Contrast(float factor, const tensor::Shape& shape, Pixels image, MutablePixels result);
void Color(float factor, const tensor::Shape& shape, Pixels image, MutablePixels result);
void Sharpness(float factor, const tensor::Shape& shape, Pixels image, MutablePixels result);

// Where the pixel with its centre at (x, y) comes from: (a x + b y + c, d x + e y + f).
struct AffineMap {
  double a = 1;
  double b = 0;
  double c = 0;
  double d = 0;
  double e = 1;
  double f = 0;
};

// Turns an image of height x width counter-clockwise around its middle; |degrees| <= 45.
AffineMap Rotation(double degrees, std::int64_t height, std::int64_t width);

// Each pixel is the one whose area its centre comes from, or 0 if that is outside. In fixed point
// of 16 fractional bits.
void Transform(const AffineMap& map, const tensor::Shape& shape, Pixels image,
               MutablePixels result);

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_PIXEL_OPERATIONS_H_
