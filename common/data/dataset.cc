#include "common/data/dataset.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::data {
namespace {

absl::Status CheckShape(const tensor::Shape& shape) {
  const bool fits = shape.rank() == 3 && shape.dim(0) >= 1 && shape.dim(1) >= 1 &&
                    shape.dim(2) >= 1 && shape.dim(0) <= Dataset::kMaxChannels &&
                    shape.dim(1) <= Dataset::kMaxExtent && shape.dim(2) <= Dataset::kMaxExtent;
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "image shape ", shape.ToString(), ", expected [channels, height, width] of 1 to ",
      Dataset::kMaxChannels, " channels and a height and width of 1 to ", Dataset::kMaxExtent));
}

absl::Status CheckImages(const ImageSet& images, std::string_view set, std::int64_t image_size,
                         std::int64_t classes) {
  const absl::string_view name = base::ToAbsl(set);
  if (images.count() < 1 || images.count() > Dataset::kMaxImages) {
    return absl::InvalidArgumentError(
        absl::StrCat(images.count(), " ", name, " images, expected 1 to ", Dataset::kMaxImages));
  }
  const std::int64_t expected_bytes = images.count() * image_size;
  if (static_cast<std::int64_t>(images.pixels.size()) != expected_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(name, " images: expected ", expected_bytes,
                                                   " bytes for ", images.count(), " labels, found ",
                                                   images.pixels.size()));
  }
  const auto bad = std::find_if(images.labels.begin(), images.labels.end(),
                                [&](std::uint8_t label) { return label >= classes; });
  if (bad != images.labels.end()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " label ", bad - images.labels.begin(),
                                                   " is ", int{*bad}, ", expected less than ",
                                                   classes, ", the number of classes"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Dataset::CheckClassNames(std::span<const std::string> names) {
  if (names.empty() || names.size() > static_cast<std::size_t>(kMaxClasses)) {
    return absl::InvalidArgumentError(
        absl::StrCat(names.size(), " classes, expected 1 to ", kMaxClasses));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty() || names[i].size() > kMaxClassNameBytes || !base::IsValidUtf8(names[i])) {
      return absl::InvalidArgumentError(absl::StrCat("name of class ", i, ": expected 1 to ",
                                                     kMaxClassNameBytes, " bytes of UTF-8"));
    }
  }
  return absl::OkStatus();
}

absl::Status Dataset::CheckSize(const tensor::Shape& image_shape, std::int64_t image_count) {
  RETURN_IF_ERROR(CheckShape(image_shape));
  const std::int64_t image_size = image_shape.ElementCount();
  if (image_count <= kMaxPixelBytes / image_size) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      image_count, " images of shape ", image_shape.ToString(), ", ", image_size,
      " bytes each, expected at most ", kMaxPixelBytes, " bytes in all: they are held in memory"));
}

absl::StatusOr<Dataset> Dataset::Create(DatasetParts parts) {
  RETURN_IF_ERROR(CheckSize(parts.image_shape, parts.train.count() + parts.test.count()));
  RETURN_IF_ERROR(CheckClassNames(parts.class_names));
  const std::int64_t image_size = parts.image_shape.ElementCount();
  const auto classes = static_cast<std::int64_t>(parts.class_names.size());
  RETURN_IF_ERROR(CheckImages(parts.train, "training", image_size, classes));
  RETURN_IF_ERROR(CheckImages(parts.test, "test", image_size, classes));
  return Dataset(std::move(parts));
}

}  // namespace graft::data
