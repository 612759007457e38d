// Folders of PNG and JPEG files, one sub-folder a class.
#ifndef GRAFT_COMMON_DATA_IMAGE_FOLDER_H_
#define GRAFT_COMMON_DATA_IMAGE_FOLDER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/data/dataset.h"

namespace graft::data {

enum class ImageColours { kAsTheyAre, kGrey, kColour };

struct ImageSize {
  std::int64_t height = 0;  // 1 to Dataset::kMaxExtent, like the width
  std::int64_t width = 0;

  friend bool operator==(const ImageSize&, const ImageSize&) = default;
};

struct ImageFolderOptions {
  // None: all images must have the size of the first one. The ratio of the sides is not kept.
  std::optional<ImageSize> resize;
  // kAsTheyAre: all images must be grey, or all colour.
  ImageColours colours = ImageColours::kAsTheyAre;
  // Where `path` holds class folders itself: the part of each class that becomes test images,
  // between 0 and 1, rounded, and at least one image; none of them trains.
  std::optional<double> test_fraction;
};

// Images of a file may have this many bytes.
inline constexpr std::uint64_t kMaxImageFileBytes = std::uint64_t{256} << 20;

// Reads `path`/train/CLASS/* and `path`/test/CLASS/*, or `path`/CLASS/* with a test fraction. The
// class names are those of the (training) folders in ascending order of bytes; every test class
// must be one of them. Images stand by class, then by file name, and which of them are test images
// depends on their number alone: equal folders give equal data sets. A class folder holds nothing
// but images (image_decoder.h); hidden files are passed over everywhere, and so are files beside
// the folders. Colours are converted before sizes are.
//
// Messages name the options as `graft dataset add` does.
// INVALID_ARGUMENT: no, too many or empty classes, something else in a class folder, an image that
// cannot be decoded or does not have the others' size or colours, images beyond the bounds of
// Dataset. The message names the file and its place among the images.
absl::StatusOr<Dataset> ReadImageFolder(const std::string& path,
                                        const ImageFolderOptions& options = {});

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_IMAGE_FOLDER_H_
