// libpng reports errors by longjmp: what calls it below owns nothing and allocates nothing.
#include <png.h>

#include <csetjmp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/data/image_decoder.h"

namespace graft::data {
namespace {

struct Decoding {
  explicit Decoding(std::string_view file) : bytes(file) {}
  Decoding(const Decoding&) = delete;
  Decoding& operator=(const Decoding&) = delete;
  ~Decoding() { png_destroy_read_struct(&png, &info, nullptr); }

  const std::string_view bytes;
  std::size_t position = 0;
  char message[128] = "out of memory";  // of the error that ended the decoding
  png_structp png = nullptr;
  png_infop info = nullptr;
};

void Read(png_structp png, png_bytep to, std::size_t size) {
  auto* decoding = static_cast<Decoding*>(png_get_io_ptr(png));
  if (size > decoding->bytes.size() - decoding->position) {
    decoding->position = decoding->bytes.size();
    png_error(png, "the file ends early");
  }
  std::memcpy(to, decoding->bytes.data() + decoding->position, size);
  decoding->position += size;
}

void OnError(png_structp png, png_const_charp message) {
  auto* decoding = static_cast<Decoding*>(png_get_error_ptr(png));
  std::strncpy(decoding->message, message, sizeof(decoding->message) - 1);
  png_longjmp(png, 1);
}

void OnWarning(png_structp, png_const_charp) {}

// False, with `message` set, on an error.
bool Open(Decoding& decoding) {
  decoding.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoding, OnError, OnWarning);
  if (decoding.png == nullptr) return false;
  decoding.info = png_create_info_struct(decoding.png);
  if (decoding.info == nullptr) return false;
  if (setjmp(png_jmpbuf(decoding.png)) != 0) return false;
  png_set_read_fn(decoding.png, &decoding, Read);
  png_set_crc_action(decoding.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  // Limits are checked by CheckDecodedSize.
  png_set_user_limits(decoding.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_read_info(decoding.png, decoding.info);
  png_set_expand(decoding.png);
  png_set_scale_16(decoding.png);
  png_set_interlace_handling(decoding.png);
  return true;
}

// Rows of 8-bit samples from here on.
bool StartRows(Decoding& decoding) {
  if (setjmp(png_jmpbuf(decoding.png)) != 0) return false;
  png_read_update_info(decoding.png, decoding.info);
  return true;
}

bool ReadRows(Decoding& decoding, png_bytepp rows) {
  if (setjmp(png_jmpbuf(decoding.png)) != 0) return false;
  png_read_image(decoding.png, rows);
  png_read_end(decoding.png, nullptr);
  return true;
}

absl::Status Damaged(const Decoding& decoding) {
  return absl::InvalidArgumentError(absl::StrCat("damaged PNG, at byte ", decoding.position, " of ",
                                                 decoding.bytes.size(), ": ", decoding.message));
}

// `samples`: [H, W, channels], of which the last one is alpha if there are two or four.
Image Composite(const std::vector<std::uint8_t>& samples, std::int64_t channels,
                std::int64_t height, std::int64_t width) {
  const bool has_alpha = channels % 2 == 0;
  const std::int64_t colours = has_alpha ? channels - 1 : channels;
  const std::int64_t area = height * width;
  Image image{.shape = {colours, height, width}};
  image.pixels.resize(static_cast<std::size_t>(colours * area));
  const std::uint8_t* pixel = samples.data();
  for (std::int64_t i = 0; i < area; ++i, pixel += channels) {
    const int alpha = has_alpha ? pixel[colours] : 255;
    for (std::int64_t colour = 0; colour < colours; ++colour) {
      image.pixels[colour * area + i] =
          static_cast<std::uint8_t>((pixel[colour] * alpha + 127) / 255);
    }
  }
  return image;
}

}  // namespace

absl::StatusOr<Image> DecodePng(std::string_view bytes) {
  Decoding decoding(bytes);
  if (!Open(decoding)) return Damaged(decoding);
  const std::int64_t height = png_get_image_height(decoding.png, decoding.info);
  const std::int64_t width = png_get_image_width(decoding.png, decoding.info);
  RETURN_IF_ERROR(CheckDecodedSize(height, width));
  if (!StartRows(decoding)) return Damaged(decoding);
  const std::int64_t channels = png_get_channels(decoding.png, decoding.info);
  std::vector<std::uint8_t> samples(static_cast<std::size_t>(height * width * channels));
  std::vector<png_bytep> rows;
  for (std::int64_t y = 0; y < height; ++y) rows.push_back(samples.data() + y * width * channels);
  if (!ReadRows(decoding, rows.data())) return Damaged(decoding);
  return Composite(samples, channels, height, width);
}

}  // namespace graft::data
