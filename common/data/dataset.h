// Dataset: labelled images in memory, as all networks of a search see them.
#ifndef GRAFT_COMMON_DATA_DATASET_H_
#define GRAFT_COMMON_DATA_DATASET_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/tensor/shape.h"

namespace graft::data {

// Images and their labels. `pixels` holds the images one after another, each [C, H, W] row-major,
// one byte a value; `labels` holds one class index an image.
struct ImageSet {
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> labels;

  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }

  friend bool operator==(const ImageSet&, const ImageSet&) = default;
};

// What a Dataset is made of.
struct DatasetParts {
  tensor::Shape image_shape;             // [C, H, W]
  std::vector<std::string> class_names;  // class i of the labels
  ImageSet train;
  ImageSet test;

  friend bool operator==(const DatasetParts&, const DatasetParts&) = default;
};

// A data set by content; the name that it is registered under is not part of it, so that equal data
// have equal digests. Thread-safe: immutable.
class Dataset {
 public:
  static constexpr std::int64_t kMaxChannels = 64;
  static constexpr std::int64_t kMaxExtent = 4096;  // height and width, each
  static constexpr std::int64_t kMaxImages = std::int64_t{1} << 30;
  static constexpr std::int64_t kMaxClasses = 256;
  static constexpr std::size_t kMaxClassNameBytes = 128;
  // Bytes of all images. A trainer holds them in memory.
  static constexpr std::int64_t kMaxPixelBytes = std::int64_t{4} << 30;

  // INVALID_ARGUMENT says which rule is broken: a shape [C, H, W] within the bounds, 1 to
  // kMaxClasses names of 1 to kMaxClassNameBytes bytes of UTF-8, at least one image in each set,
  // as many pixels as images, at most kMaxPixelBytes of them, labels below the number of classes.
  static absl::StatusOr<Dataset> Create(DatasetParts parts);

  // The rules of Create for parts that a reader knows before it reads the rest. `image_count` is of
  // both sets together.
  static absl::Status CheckClassNames(std::span<const std::string> names);
  static absl::Status CheckSize(const tensor::Shape& image_shape, std::int64_t image_count);

  // [C, H, W].
  const tensor::Shape& image_shape() const { return parts_.image_shape; }
  // C H W, which is also the bytes of one image.
  std::int64_t image_size() const { return parts_.image_shape.ElementCount(); }
  std::span<const std::string> class_names() const { return parts_.class_names; }
  std::int64_t class_count() const { return static_cast<std::int64_t>(parts_.class_names.size()); }

  const ImageSet& train() const { return parts_.train; }
  const ImageSet& test() const { return parts_.test; }

  friend bool operator==(const Dataset&, const Dataset&) = default;

 private:
  explicit Dataset(DatasetParts parts) : parts_(std::move(parts)) {}

  DatasetParts parts_;
};

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_DATASET_H_
