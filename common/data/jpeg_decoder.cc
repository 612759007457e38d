// libjpeg is told to report errors by longjmp: what calls it below owns nothing and allocates
// nothing.
#include <csetjmp>
#include <cstdio>
// libjpeg's header needs FILE and size_t from the one above.
#include <jpeglib.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/data/image_decoder.h"

namespace graft::data {
namespace {

struct Decoding {
  explicit Decoding(std::string_view file);
  Decoding(const Decoding&) = delete;
  Decoding& operator=(const Decoding&) = delete;
  ~Decoding() { jpeg_destroy_decompress(&info); }

  const std::string_view bytes;
  std::size_t position = 0;            // where an error was met
  char message[JMSG_LENGTH_MAX] = "";  // of the error that ended the decoding
  std::jmp_buf on_error;
  jpeg_error_mgr errors;
  jpeg_decompress_struct info{};
};

void Fail(j_common_ptr common) {
  auto* decoding = static_cast<Decoding*>(common->client_data);
  common->err->format_message(common, decoding->message);
  const jpeg_source_mgr* source = decoding->info.src;
  if (source != nullptr) decoding->position = decoding->bytes.size() - source->bytes_in_buffer;
  std::longjmp(decoding->on_error, 1);
}

// Warnings tell of damage that libjpeg would paint over; other messages are traces.
void OnMessage(j_common_ptr common, int level) {
  if (level < 0) Fail(common);
}

Decoding::Decoding(std::string_view file) : bytes(file) {
  info.err = jpeg_std_error(&errors);
  info.client_data = this;
  errors.error_exit = Fail;
  errors.emit_message = OnMessage;
}

// False, with `message` set, on an error.
bool ReadHeader(Decoding& decoding) {
  if (setjmp(decoding.on_error) != 0) return false;
  jpeg_create_decompress(&decoding.info);
  jpeg_mem_src(&decoding.info, reinterpret_cast<const unsigned char*>(decoding.bytes.data()),
               static_cast<unsigned long>(decoding.bytes.size()));
  jpeg_read_header(&decoding.info, TRUE);
  return true;
}

// `samples`: [H, W, channels].
bool ReadRows(Decoding& decoding, std::uint8_t* samples) {
  if (setjmp(decoding.on_error) != 0) return false;
  jpeg_start_decompress(&decoding.info);
  const std::size_t row_bytes = std::size_t{decoding.info.output_width} *
                                static_cast<std::size_t>(decoding.info.output_components);
  while (decoding.info.output_scanline < decoding.info.output_height) {
    JSAMPROW row = samples + decoding.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&decoding.info, &row, 1);
  }
  jpeg_finish_decompress(&decoding.info);
  return true;
}

absl::Status Damaged(const Decoding& decoding) {
  return absl::InvalidArgumentError(absl::StrCat("damaged JPEG, at byte ", decoding.position,
                                                 " of ", decoding.bytes.size(), ": ",
                                                 decoding.message));
}

// The channels of the image, by the colours of the file.
absl::StatusOr<std::int64_t> ChannelsOf(const jpeg_decompress_struct& info) {
  switch (info.jpeg_color_space) {
    case JCS_GRAYSCALE:
      return kGreyChannels;
    case JCS_YCbCr:
    case JCS_RGB:
      return kColourChannels;
    case JCS_CMYK:
    case JCS_YCCK:
      return absl::InvalidArgumentError("expected a grey or RGB JPEG, found CMYK");
    default:
      return absl::InvalidArgumentError(absl::StrCat("expected a grey or RGB JPEG, found one of ",
                                                     info.num_components, " components"));
  }
}

// [H, W, C] to [C, H, W].
Image FromSamples(const std::vector<std::uint8_t>& samples, std::int64_t channels,
                  std::int64_t height, std::int64_t width) {
  const std::int64_t area = height * width;
  Image image{.shape = {channels, height, width}};
  image.pixels.resize(samples.size());
  for (std::int64_t i = 0; i < area; ++i) {
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      image.pixels[channel * area + i] = samples[i * channels + channel];
    }
  }
  return image;
}

}  // namespace

absl::StatusOr<Image> DecodeJpeg(std::string_view bytes) {
  Decoding decoding(bytes);
  if (!ReadHeader(decoding)) return Damaged(decoding);
  const std::int64_t height = decoding.info.image_height;
  const std::int64_t width = decoding.info.image_width;
  RETURN_IF_ERROR(CheckDecodedSize(height, width));
  ASSIGN_OR_RETURN(const std::int64_t channels, ChannelsOf(decoding.info));
  decoding.info.out_color_space = channels == kGreyChannels ? JCS_GRAYSCALE : JCS_RGB;
  // Exact integer arithmetic: equal files give equal pixels with and without vector instructions.
  decoding.info.dct_method = JDCT_ISLOW;
  std::vector<std::uint8_t> samples(static_cast<std::size_t>(height * width * channels));
  if (!ReadRows(decoding, samples.data())) return Damaged(decoding);
  return FromSamples(samples, channels, height, width);
}

}  // namespace graft::data
