// Batches of labelled images, as a loader makes them.
#ifndef GRAFT_COMMON_DATA_BATCH_STREAM_H_
#define GRAFT_COMMON_DATA_BATCH_STREAM_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace graft::data {

// Examples of one step.
struct Batch {
  std::int64_t count = 0;                // 0: the epoch has ended
  std::span<const float> images;         // [count, C, H, W], normalised, augmented and mixed
  std::span<const std::int32_t> labels;  // [count], of the images before they are mixed
  std::span<const float> targets;        // [count, K] if batches are mixed, otherwise empty
};

// Room for one batch.
struct BatchBuffer {
  std::vector<float> images;
  std::vector<std::int32_t> labels;
  std::vector<float> targets;
};

// Not thread-safe.
class BatchStream {
 public:
  virtual ~BatchStream() = default;

  // As much room as the largest batch takes.
  virtual BatchBuffer MakeBuffer() const = 0;

  // Begins an epoch. Its batches depend on `epoch` alone, not on earlier calls.
  virtual absl::Status StartEpoch(std::int64_t epoch) = 0;

  // The next batch of the epoch, in `buffer`, which it borrows; none (count 0) at the epoch's end
  // and before StartEpoch.
  virtual absl::StatusOr<Batch> Next(BatchBuffer& buffer) = 0;
};

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_BATCH_STREAM_H_
