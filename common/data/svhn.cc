#include "common/data/svhn.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/data/mat_file.h"

namespace graft::data {
namespace {

constexpr std::int64_t kChannels = 3;
constexpr std::int64_t kEdge = 32;
constexpr int kDigits = 10;

// [y, x, channel, image] with the first index the fastest, to [image, channel, y, x] with the last.
std::vector<std::uint8_t> ToRowMajor(const std::vector<std::uint8_t>& values) {
  constexpr std::int64_t kArea = kEdge * kEdge;
  std::vector<std::uint8_t> pixels(values.size());
  const auto planes = static_cast<std::int64_t>(values.size()) / kArea;
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    for (std::int64_t y = 0; y < kEdge; ++y) {
      for (std::int64_t x = 0; x < kEdge; ++x) {
        pixels[plane * kArea + y * kEdge + x] = values[plane * kArea + x * kEdge + y];
      }
    }
  }
  return pixels;
}

bool IsImages(const tensor::Shape& shape) {
  // MATLAB drops a last extent of 1.
  return (shape.rank() == 4 || shape.rank() == 3) && shape.dim(0) == kEdge &&
         shape.dim(1) == kEdge && shape.dim(2) == kChannels && shape.ElementCount() > 0;
}

// A file of which the number of images is known and no values are read.
struct SvhnFile {
  std::string path;
  MatFile file;
  std::int64_t count = 0;
};

absl::StatusOr<SvhnFile> OpenFile(const std::string& path) {
  ASSIGN_OR_RETURN(MatFile file, MatFile::Open(path));
  ASSIGN_OR_RETURN(const tensor::Shape shape, file.ReadShape("X"));
  if (!IsImages(shape)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": variable X: expected the shape [32,32,3,N], found ", shape.ToString()));
  }
  const std::int64_t count = shape.rank() == 4 ? shape.dim(3) : 1;
  return SvhnFile{.path = path, .file = std::move(file), .count = count};
}

absl::StatusOr<ImageSet> ReadImages(SvhnFile& svhn) {
  const std::string& path = svhn.path;
  const std::int64_t count = svhn.count;
  ASSIGN_OR_RETURN(const MatArray images, svhn.file.Read("X"));
  ASSIGN_OR_RETURN(MatArray labels, svhn.file.Read("y"));
  if (labels.shape.ElementCount() != count) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": variable y: expected ", count,
                                                   " labels, one for each image in X, found ",
                                                   labels.shape.ElementCount()));
  }
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint8_t& label = labels.values[i];
    if (label < 1 || label > kDigits) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": variable y: label ", i, " is ",
                                                     int{label}, ", expected 1 to ", kDigits));
    }
    label %= kDigits;
  }
  return ImageSet{.pixels = ToRowMajor(images.values), .labels = std::move(labels.values)};
}

}  // namespace

absl::StatusOr<Dataset> ReadSvhnFolder(const std::string& path) {
  DatasetParts parts{.image_shape = {kChannels, kEdge, kEdge}};
  for (int digit = 0; digit < kDigits; ++digit) parts.class_names.push_back(absl::StrCat(digit));
  ASSIGN_OR_RETURN(SvhnFile train, OpenFile(absl::StrCat(path, "/", kSvhnTrainFile)));
  ASSIGN_OR_RETURN(SvhnFile test, OpenFile(absl::StrCat(path, "/", kSvhnTestFile)));
  RETURN_IF_ERROR(
      base::Annotate(Dataset::CheckSize(parts.image_shape, train.count + test.count), path));
  ASSIGN_OR_RETURN(parts.train, ReadImages(train));
  ASSIGN_OR_RETURN(parts.test, ReadImages(test));
  absl::StatusOr<Dataset> dataset = Dataset::Create(std::move(parts));
  if (!dataset.ok()) return base::Annotate(dataset.status(), path);
  return dataset;
}

}  // namespace graft::data
