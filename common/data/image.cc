#include "common/data/image.h"

#include <algorithm>
#include <span>

#include "common/base/check.h"

namespace graft::data {
namespace {

// The pixels of an axis that make one new pixel: `first` and those after it, by weight.
struct Taps {
  std::int64_t first = 0;
  std::vector<std::uint64_t> weights;
};

// How an axis of `before` pixels becomes one of `after`. All weights of a pixel sum to `total`.
struct AxisMap {
  std::vector<Taps> pixels;  // by new position
  std::uint64_t total = 1;
};

// In units of 1 / `after` pixels, an old pixel covers `after` and a new one `before`.
AxisMap AreaMap(std::int64_t before, std::int64_t after) {
  AxisMap map{.total = static_cast<std::uint64_t>(before)};
  for (std::int64_t i = 0; i < after; ++i) {
    const std::int64_t begin = i * before;
    const std::int64_t end = begin + before;
    Taps& taps = map.pixels.emplace_back(Taps{.first = begin / after});
    for (std::int64_t j = taps.first; j * after < end; ++j) {
      const std::int64_t overlap = std::min(end, (j + 1) * after) - std::max(begin, j * after);
      taps.weights.push_back(static_cast<std::uint64_t>(overlap));
    }
  }
  return map;
}

// The centre of new pixel i is at (i + 1/2) before / after - 1/2, here in units of 1 / (2 after).
AxisMap LinearMap(std::int64_t before, std::int64_t after) {
  const std::int64_t unit = 2 * after;
  AxisMap map{.total = static_cast<std::uint64_t>(unit)};
  for (std::int64_t i = 0; i < after; ++i) {
    const std::int64_t centre =
        std::clamp<std::int64_t>((2 * i + 1) * before - after, 0, unit * (before - 1));
    const std::int64_t beyond = centre % unit;
    Taps& taps = map.pixels.emplace_back(Taps{.first = centre / unit});
    taps.weights.push_back(static_cast<std::uint64_t>(unit - beyond));
    if (beyond > 0) taps.weights.push_back(static_cast<std::uint64_t>(beyond));
  }
  return map;
}

AxisMap MapAxis(std::int64_t before, std::int64_t after) {
  return after < before ? AreaMap(before, after) : LinearMap(before, after);
}

// One channel. `source`: [H, width] of old rows; appends the new ones to `pixels`.
void ResizeChannel(std::span<const std::uint8_t> source, std::int64_t width, const AxisMap& rows,
                   const AxisMap& columns, std::vector<std::uint8_t>& pixels) {
  const std::uint64_t total = rows.total * columns.total;
  std::vector<std::uint64_t> sums(columns.pixels.size());
  for (const Taps& row : rows.pixels) {
    std::ranges::fill(sums, std::uint64_t{0});
    for (std::size_t y = 0; y < row.weights.size(); ++y) {
      const auto line = source.subspan((row.first + static_cast<std::int64_t>(y)) * width, width);
      for (std::size_t x = 0; x < sums.size(); ++x) {
        const Taps& column = columns.pixels[x];
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < column.weights.size(); ++i) {
          sum += column.weights[i] * line[column.first + static_cast<std::int64_t>(i)];
        }
        sums[x] += row.weights[y] * sum;
      }
    }
    for (const std::uint64_t sum : sums) {
      pixels.push_back(static_cast<std::uint8_t>((sum + total / 2) / total));
    }
  }
}

}  // namespace

Image ToGrey(const Image& image) {
  if (image.channels() == kGreyChannels) return image;
  const std::int64_t area = image.height() * image.width();
  Image grey{.shape = {kGreyChannels, image.height(), image.width()}};
  grey.pixels.reserve(static_cast<std::size_t>(area));
  const std::uint8_t* pixel = image.pixels.data();
  for (std::int64_t i = 0; i < area; ++i, ++pixel) {
    const int luma = 299 * pixel[0] + 587 * pixel[area] + 114 * pixel[2 * area];
    grey.pixels.push_back(static_cast<std::uint8_t>((luma + 500) / 1000));
  }
  return grey;
}

Image ToColour(const Image& image) {
  if (image.channels() == kColourChannels) return image;
  Image colour{.shape = {kColourChannels, image.height(), image.width()}};
  colour.pixels.reserve(kColourChannels * image.pixels.size());
  for (std::int64_t channel = 0; channel < kColourChannels; ++channel) {
    colour.pixels.insert(colour.pixels.end(), image.pixels.begin(), image.pixels.end());
  }
  return colour;
}

Image Resize(const Image& image, std::int64_t height, std::int64_t width) {
  GRAFT_CHECK(height >= 1 && width >= 1) << height << " " << width;
  const AxisMap rows = MapAxis(image.height(), height);
  const AxisMap columns = MapAxis(image.width(), width);
  Image resized{.shape = {image.channels(), height, width}};
  resized.pixels.reserve(static_cast<std::size_t>(resized.shape.ElementCount()));
  const std::int64_t area = image.height() * image.width();
  for (std::int64_t channel = 0; channel < image.channels(); ++channel) {
    ResizeChannel(std::span(image.pixels).subspan(channel * area, area), image.width(), rows,
                  columns, resized.pixels);
  }
  return resized;
}

}  // namespace graft::data
