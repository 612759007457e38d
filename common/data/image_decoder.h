// PNG and JPEG files into images.
#ifndef GRAFT_COMMON_DATA_IMAGE_DECODER_H_
#define GRAFT_COMMON_DATA_IMAGE_DECODER_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/image.h"

namespace graft::data {

// Larger images are refused before their pixels are read.
inline constexpr std::int64_t kMaxDecodedExtent = 16384;  // height and width, each
inline constexpr std::int64_t kMaxDecodedPixels = std::int64_t{1} << 26;

// Decodes a whole file, told by its first bytes. Sample values are taken as they are stored:
// neither gamma, nor colour profiles, nor EXIF orientation are applied.
//
//   PNG   grey and grey with alpha become grey, all others colour. Fewer than 8 bits are scaled up,
//         16 bits down, palettes expanded. Transparency is composited over black:
//         round(value alpha / 255). Interlaced files are read, animations as their first image.
//   JPEG  grey stays grey, colour becomes RGB. CMYK and YCCK are refused.
//
// INVALID_ARGUMENT: neither format; a file that is damaged, cut short or larger than the limits
// above. The message tells the byte that the decoder had come to and what it met there. What a
// decoder would warn of (a JPEG that ends early, a chunk with a wrong checksum) is an error, too.
absl::StatusOr<Image> DecodeImage(std::string_view bytes);

// DecodeImage for one format.
absl::StatusOr<Image> DecodePng(std::string_view bytes);
absl::StatusOr<Image> DecodeJpeg(std::string_view bytes);

// INVALID_ARGUMENT unless the limits above hold.
absl::Status CheckDecodedSize(std::int64_t height, std::int64_t width);

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_IMAGE_DECODER_H_
