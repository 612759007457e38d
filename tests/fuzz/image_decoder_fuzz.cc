#include <png.h>

#include <cstdint>

#include "common/base/check.h"
#include "common/data/image_decoder.h"
#include "tests/fuzz/fuzz_target.h"

namespace graft::fuzz {
namespace {

// Images of more pixels are decoded, but not encoded again: that takes its time.
constexpr std::int64_t kMaxEncodedPixels = 1 << 16;

std::string EncodePng(const data::Image& image) {
  const std::int64_t area = image.height() * image.width();
  std::vector<std::uint8_t> interleaved;
  for (std::int64_t pixel = 0; pixel < area; ++pixel) {
    for (std::int64_t channel = 0; channel < image.channels(); ++channel) {
      interleaved.push_back(image.pixels[static_cast<std::size_t>(channel * area + pixel)]);
    }
  }
  png_image png{.version = PNG_IMAGE_VERSION,
                .width = static_cast<png_uint_32>(image.width()),
                .height = static_cast<png_uint_32>(image.height()),
                .format = image.channels() == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB};
  std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(png), '\0');
  png_alloc_size_t size = bytes.size();
  GRAFT_CHECK(png_image_write_to_memory(&png, bytes.data(), &size, /*convert_to_8_bit=*/0,
                                        interleaved.data(), /*row_stride=*/0, nullptr) != 0)
      << png.message;
  bytes.resize(size);
  return bytes;
}

}  // namespace

bool DecodeAndCheck(std::string_view input) {
  const absl::StatusOr<data::Image> image = data::DecodeImage(input);
  if (!image.ok()) return false;
  GRAFT_CHECK(image->channels() == data::kGreyChannels ||
              image->channels() == data::kColourChannels);
  GRAFT_CHECK(image->pixels.size() == static_cast<std::size_t>(image->shape.ElementCount()));
  if (image->height() * image->width() > kMaxEncodedPixels) return true;
  const absl::StatusOr<data::Image> again = data::DecodeImage(EncodePng(*image));
  GRAFT_CHECK_OK(again.status());
  GRAFT_CHECK(*again == *image);
  return true;
}

std::vector<std::string> Seeds() { return ReadFiles("tests/golden/data", {".png", ".jpg"}); }

}  // namespace graft::fuzz
