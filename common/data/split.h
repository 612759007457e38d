// Splits a data set's training images into those that are trained on and those that validate.
#ifndef GRAFT_COMMON_DATA_SPLIT_H_
#define GRAFT_COMMON_DATA_SPLIT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace graft::data {

struct SplitOptions {
  std::int64_t train_images = 0;       // 0: all that validation leaves
  std::int64_t validation_images = 0;  // 0: a tenth of the images, at least one
  std::uint64_t seed = 0;
};

// Indices of images; no index is in both.
struct SplitIndices {
  std::vector<std::int64_t> train;
  std::vector<std::int64_t> validation;
};

// Draws a permutation of the images from `seed`: its first entries validate, the next train. So
// fewer training images give the same validation set and a prefix of the same training set.
// INVALID_ARGUMENT: a field error at `train_images` or `validation_images` that asks for more than
// `image_count` images together.
absl::StatusOr<SplitIndices> SplitTrainingImages(std::int64_t image_count,
                                                 const SplitOptions& options);

// 0, 1, ..., count - 1: all images of a set, in their order.
std::vector<std::int64_t> AllIndices(std::int64_t count);

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_SPLIT_H_
