// What an edit's seed is used for: one stream of random numbers a purpose.
#ifndef GRAFT_COMMON_TRANSFORM_RANDOM_STREAMS_H_
#define GRAFT_COMMON_TRANSFORM_RANDOM_STREAMS_H_

#include <cstdint>

#include "common/base/rng.h"

namespace graft::transform {

// The numbers decide children's weights: never change one.
enum class Stream : std::uint64_t {
  kChannelMap = 1,
  kSplit = 2,
  kNoise = 3,
};

inline base::Rng StreamOf(std::uint64_t seed, Stream stream) {
  return base::Rng(seed).Fork(static_cast<std::uint64_t>(stream));
}

}  // namespace graft::transform

#endif  // GRAFT_COMMON_TRANSFORM_RANDOM_STREAMS_H_
