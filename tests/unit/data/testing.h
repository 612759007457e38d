// A small data set for tests.
#ifndef GRAFT_TESTS_UNIT_DATA_TESTING_H_
#define GRAFT_TESTS_UNIT_DATA_TESTING_H_

#include <cstdint>

#include "common/base/rng.h"
#include "common/data/dataset.h"

namespace graft::data {

// Images of random bytes, [2, 3, 4], three classes; a label is its image's index modulo 3.
inline ImageSet RandomImages(std::int64_t count, std::uint64_t seed) {
  constexpr std::int64_t kImageSize = 2 * 3 * 4;
  base::Rng rng(seed);
  ImageSet images;
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < kImageSize; ++j) {
      images.pixels.push_back(static_cast<std::uint8_t>(rng.NextU32()));
    }
    images.labels.push_back(static_cast<std::uint8_t>(i % 3));
  }
  return images;
}

inline DatasetParts SmallParts(std::int64_t train = 20, std::int64_t test = 5) {
  return {.image_shape = {2, 3, 4},
          .class_names = {"cat", "dog", "bird"},
          .train = RandomImages(train, 1),
          .test = RandomImages(test, 2)};
}

}  // namespace graft::data

#endif  // GRAFT_TESTS_UNIT_DATA_TESTING_H_
