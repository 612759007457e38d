// The bytes of a data set: what `graft dataset add` uploads and what a data set's digest names.
//
// Version 1. Numbers are unsigned and little-endian; nothing is padded; nothing follows the end.
//
//   offset  bytes             meaning
//   0       8                 magic "GRAFTDS\n"
//   8       4                 version, 1
//   12      4                 channels C
//   16      4                 height H
//   20      4                 width W
//   24      4                 classes K
//   28      8                 training images T
//   36      8                 test images E
//   44                        K times: 4 bytes length L, then L bytes of UTF-8: a class's name
//           T C H W           training images, each [C, H, W] row-major
//           T                 training labels, each below K
//           E C H W           test images
//           E                 test labels
//
// Bounds: those of Dataset. Equal data sets have equal bytes, so that a digest identifies the data.
#ifndef GRAFT_COMMON_DATA_DATASET_FORMAT_H_
#define GRAFT_COMMON_DATA_DATASET_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/dataset.h"
#include "common/tensor/shape.h"

namespace graft::data {

std::string EncodeDataset(const Dataset& dataset);

// What the bytes before the images say.
struct DatasetHeader {
  tensor::Shape image_shape;  // [C, H, W]
  std::vector<std::string> class_names;
  std::int64_t train_images = 0;
  std::int64_t test_images = 0;
  std::uint64_t size_bytes = 0;  // of the whole data set
};

// No header is longer.
inline constexpr std::size_t kMaxDatasetHeaderBytes =
    44 + Dataset::kMaxClasses * (4 + Dataset::kMaxClassNameBytes);

// The header of a data set that begins with `bytes`: its first kMaxDatasetHeaderBytes, or all of it
// if it is shorter. INVALID_ARGUMENT as of DecodeDataset; class names are not checked.
absl::StatusOr<DatasetHeader> DecodeDatasetHeader(std::string_view bytes);

// The inverse. INVALID_ARGUMENT says what was wrong and what was expected; nothing is allocated
// that the bytes at hand do not hold.
absl::StatusOr<Dataset> DecodeDataset(std::string_view bytes);

// DecodeDataset of a file; errors name it. NOT_FOUND: no such file.
absl::StatusOr<Dataset> ReadDatasetFile(const std::string& path);

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_DATASET_FORMAT_H_
