#include "common/data/pixel_operations.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace graft::data {
namespace {

constexpr int kValues = 256;

using Table = std::array<std::uint8_t, kValues>;
using Histogram = std::array<std::int64_t, kValues>;

std::int64_t PlaneSize(const tensor::Shape& shape) { return shape.dim(1) * shape.dim(2); }

// Gives each channel the table that `table_of` makes of its histogram.
template <typename TableOf>
void MapChannels(const tensor::Shape& shape, Pixels image, MutablePixels result,
                 const TableOf& table_of) {
  const std::int64_t plane_size = PlaneSize(shape);
  for (std::int64_t channel = 0; channel < shape.dim(0); ++channel) {
    const Pixels plane = image.subspan(channel * plane_size, plane_size);
    Histogram histogram{};
    for (const std::uint8_t value : plane) ++histogram[value];
    const Table table = table_of(histogram);
    std::ranges::transform(plane, result.begin() + channel * plane_size,
                           [&](std::uint8_t value) { return table[value]; });
  }
}

Table IdentityTable() {
  Table table;
  for (int value = 0; value < kValues; ++value) table[value] = static_cast<std::uint8_t>(value);
  return table;
}

Table StretchingTable(const Histogram& histogram) {
  int low = 0;
  while (histogram[low] == 0) ++low;
  int high = kValues - 1;
  while (histogram[high] == 0) --high;
  if (high <= low) return IdentityTable();
  const double scale = 255.0 / (high - low);
  const double offset = -low * scale;
  Table table;
  for (int value = 0; value < kValues; ++value) {
    table[value] = static_cast<std::uint8_t>(std::clamp(value * scale + offset, 0.0, 255.0));
  }
  return table;
}

Table EqualizingTable(const Histogram& histogram) {
  int last = kValues - 1;
  while (histogram[last] == 0) --last;
  std::int64_t below_last = 0;
  for (int value = 0; value < last; ++value) below_last += histogram[value];
  const std::int64_t step = below_last / 255;
  if (step == 0) return IdentityTable();
  Table table;
  std::int64_t sum = step / 2;
  for (int value = 0; value < kValues; ++value) {
    table[value] = static_cast<std::uint8_t>(std::min<std::int64_t>(sum / step, 255));
    sum += histogram[value];
  }
  return table;
}

std::uint8_t Blend(int degenerate, int value, float factor) {
  const float blended =
      static_cast<float>(degenerate) + factor * static_cast<float>(value - degenerate);
  return static_cast<std::uint8_t>(std::clamp(blended, 0.0F, 255.0F));
}

// Of pixel `i` of three planes.
int Grey(Pixels image, std::int64_t plane_size, std::int64_t i) {
  return (19595 * image[i] + 38470 * image[plane_size + i] + 7471 * image[2 * plane_size + i] +
          0x8000) >>
         16;
}

// Of grey values, rounded to the nearest.
int Mean(const tensor::Shape& shape, Pixels image) {
  const std::int64_t plane_size = PlaneSize(shape);
  std::int64_t sum = 0;
  std::int64_t count = 0;
  if (shape.dim(0) == 3) {
    count = plane_size;
    for (std::int64_t i = 0; i < count; ++i) sum += Grey(image, plane_size, i);
  } else {
    count = static_cast<std::int64_t>(image.size());
    for (const std::uint8_t value : image) sum += value;
  }
  return static_cast<int>((2 * sum + count) / (2 * count));
}

// Sine and cosine by their Taylor series, so that the bits are every machine's; |x| <= pi / 4.
struct SineAndCosine {
  double sine = 0;
  double cosine = 0;
};

SineAndCosine SineAndCosineOf(double x) {
  SineAndCosine sum;
  double term = 1;
  for (int n = 0; n < 24; n += 2) {
    sum.cosine += term;
    term *= x / (n + 1);
    sum.sine += term;
    term *= -x / (n + 2);
  }
  return sum;
}

std::int64_t Fixed(double value) {
  return static_cast<std::int64_t>(std::floor(value * 65536.0 + 0.5));
}

}  // namespace

void AutoContrast(const tensor::Shape& shape, Pixels image, MutablePixels result) {
  MapChannels(shape, image, result, StretchingTable);
}

void Equalize(const tensor::Shape& shape, Pixels image, MutablePixels result) {
  MapChannels(shape, image, result, EqualizingTable);
}

void Posterize(int bits, Pixels image, MutablePixels result) {
  const int mask = 0xFF << (8 - bits);
  std::ranges::transform(image, result.begin(), [&](std::uint8_t value) {
    return static_cast<std::uint8_t>(value & mask);
  });
}

void Solarize(double threshold, Pixels image, MutablePixels result) {
  std::ranges::transform(image, result.begin(), [&](std::uint8_t value) {
    return static_cast<std::uint8_t>(value < threshold ? value : 255 - value);
  });
}

void Brightness(float factor, Pixels image, MutablePixels result) {
  std::ranges::transform(image, result.begin(),
                         [&](std::uint8_t value) { return Blend(0, value, factor); });
}

void Contrast(float factor, const tensor::Shape& shape, Pixels image, MutablePixels result) {
  const int mean = Mean(shape, image);
  std::ranges::transform(image, result.begin(),
                         [&](std::uint8_t value) { return Blend(mean, value, factor); });
}

void Color(float factor, const tensor::Shape& shape, Pixels image, MutablePixels result) {
  if (shape.dim(0) != 3) {
    std::ranges::copy(image, result.begin());
    return;
  }
  const std::int64_t plane_size = PlaneSize(shape);
  for (std::int64_t i = 0; i < plane_size; ++i) {
    const int grey = Grey(image, plane_size, i);
    for (std::int64_t j = i; j < 3 * plane_size; j += plane_size) {
      result[j] = Blend(grey, image[j], factor);
    }
  }
}

void Sharpness(float factor, const tensor::Shape& shape, Pixels image, MutablePixels result) {
  const std::int64_t height = shape.dim(1);
  const std::int64_t width = shape.dim(2);
  std::ranges::copy(image, result.begin());
  for (std::int64_t channel = 0; channel < shape.dim(0); ++channel) {
    for (std::int64_t y = 1; y + 1 < height; ++y) {
      const std::int64_t row = (channel * height + y) * width;
      for (std::int64_t x = 1; x + 1 < width; ++x) {
        const std::int64_t i = row + x;
        int sum = 4 * image[i];
        for (std::int64_t j = i - 1; j <= i + 1; ++j) {
          sum += image[j - width] + image[j] + image[j + width];
        }
        result[i] = Blend((2 * sum + 13) / 26, image[i], factor);
      }
    }
  }
}

AffineMap Rotation(double degrees, std::int64_t height, std::int64_t width) {
  constexpr double kPi = 3.14159265358979323846;
  const auto [sine, cosine] = SineAndCosineOf(degrees * kPi / 180);
  const double x = static_cast<double>(width) / 2;
  const double y = static_cast<double>(height) / 2;
  // The image's y points down.
  return {.a = cosine,
          .b = -sine,
          .c = x - cosine * x + sine * y,
          .d = sine,
          .e = cosine,
          .f = y - sine * x - cosine * y};
}

void Transform(const AffineMap& map, const tensor::Shape& shape, Pixels image,
               MutablePixels result) {
  const std::int64_t height = shape.dim(1);
  const std::int64_t width = shape.dim(2);
  const std::int64_t a = Fixed(map.a);
  const std::int64_t b = Fixed(map.b);
  const std::int64_t d = Fixed(map.d);
  const std::int64_t e = Fixed(map.e);
  // Of the middle of the first pixel.
  const std::int64_t c = Fixed(map.c + map.a * 0.5 + map.b * 0.5);
  const std::int64_t f = Fixed(map.f + map.d * 0.5 + map.e * 0.5);
  std::ranges::fill(result, 0);
  for (std::int64_t channel = 0; channel < shape.dim(0); ++channel) {
    const Pixels source = image.subspan(channel * height * width, height * width);
    const MutablePixels target = result.subspan(channel * height * width, height * width);
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        const std::int64_t from_x = (a * x + b * y + c) >> 16;
        const std::int64_t from_y = (d * x + e * y + f) >> 16;
        if (from_x < 0 || from_x >= width || from_y < 0 || from_y >= height) continue;
        target[y * width + x] = source[from_y * width + from_x];
      }
    }
  }
}

}  // namespace graft::data
