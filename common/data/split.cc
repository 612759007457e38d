#include "common/data/split.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/rng.h"

namespace graft::data {
namespace {

// Keeps the split's draws apart from whatever else may be drawn from the same seed.
constexpr std::uint64_t kSplitStream = 0x73706c6974;  // "split"

}  // namespace

absl::StatusOr<SplitIndices> SplitTrainingImages(std::int64_t image_count,
                                                 const SplitOptions& options) {
  const std::int64_t validation_images = options.validation_images != 0
                                             ? options.validation_images
                                             : std::max<std::int64_t>(1, image_count / 10);
  if (validation_images < 1 || validation_images >= image_count) {
    return base::InvalidFieldError(
        "validation_images",
        absl::StrCat("is ", validation_images, ", expected 1 to ", image_count - 1, " of the ",
                     image_count, " training images of the data set"));
  }
  const std::int64_t left = image_count - validation_images;
  const std::int64_t train_images = options.train_images != 0 ? options.train_images : left;
  if (train_images < 1 || train_images > left) {
    return base::InvalidFieldError(
        "train_images", absl::StrCat("is ", train_images, ", expected 1 to ", left, " of the ",
                                     image_count, " training images of the data set, of which ",
                                     validation_images, " validate"));
  }
  const std::vector<std::int64_t> order =
      base::Rng(options.seed, kSplitStream).Permutation(image_count);
  const auto validation_end = order.begin() + validation_images;
  return SplitIndices{.train = {validation_end, validation_end + train_images},
                      .validation = {order.begin(), validation_end}};
}

std::vector<std::int64_t> AllIndices(std::int64_t count) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), std::int64_t{0});
  return indices;
}

}  // namespace graft::data
