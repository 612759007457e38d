// Where a training or an evaluation takes its batches from.
#ifndef GRAFT_COMMON_ENGINE_BATCH_SOURCE_H_
#define GRAFT_COMMON_ENGINE_BATCH_SOURCE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace graft::engine {

// Labelled images, borrowed from the source until its next call.
struct Batch {
  const float* images = nullptr;         // [count, C, H, W], normalised and augmented
  const std::int32_t* labels = nullptr;  // [count]
  std::int64_t count = 0;                // 0: the epoch has ended
  const float* targets = nullptr;        // [count, K], or null: what is learned are the labels
};

// Not thread-safe.
class BatchSource {
 public:
  virtual ~BatchSource() = default;

  // Before the first batch of each epoch, from 1. Decides order and augmentation: equal epochs of
  // equal sources give equal batches.
  virtual absl::Status StartEpoch(int epoch) = 0;

  // The next batch of the epoch; at most as many examples as the plan's batch.
  virtual absl::StatusOr<Batch> Next() = 0;

  virtual std::int64_t batches_per_epoch() const = 0;
};

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_BATCH_SOURCE_H_
