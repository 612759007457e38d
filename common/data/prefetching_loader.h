#ifndef GRAFT_COMMON_DATA_PREFETCHING_LOADER_H_
#define GRAFT_COMMON_DATA_PREFETCHING_LOADER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"
#include "common/data/batch_stream.h"

namespace graft::data {

struct PrefetchOptions {
  // Batches that are prepared ahead, besides the one in use.
  std::int64_t depth = 2;
  // Epochs 1 to so many are expected in turn, so that each is begun as soon as the one before has
  // been prepared. 0: epoch 1, again and again. Others may be asked for, too.
  std::int64_t epochs = 0;
};

// Prepares a stream's batches on a thread of its own, ahead of their use and in the same order, in
// buffers that are allocated once. The destructor ends the thread as soon as the batch that it
// prepares is done. Used by one thread at a time.
class PrefetchingLoader {
 public:
  // Begins with epoch 1 at once.
  PrefetchingLoader(std::unique_ptr<BatchStream> stream, const PrefetchOptions& options);
  ~PrefetchingLoader();
  PrefetchingLoader(const PrefetchingLoader&) = delete;
  PrefetchingLoader& operator=(const PrefetchingLoader&) = delete;

  // Begins an epoch, also before the last one has ended.
  void StartEpoch(std::int64_t epoch);

  // The next batch of the epoch, borrowed until the next call; none (count 0) at its end and before
  // StartEpoch. An error of the stream comes in its batch's place and until StartEpoch;
  // RESOURCE_EXHAUSTED: out of memory.
  absl::StatusOr<Batch> Next();

  // How long Next has waited for batches, altogether.
  absl::Duration wait_time() const { return wait_time_; }
  // Processor time that batches have taken, also those that nobody asked for yet.
  absl::Duration processor_time() const;

 private:
  // One batch to be made.
  struct Job {
    std::size_t buffer = 0;
    std::int64_t generation = 0;
    std::optional<std::int64_t> start;  // the epoch to begin before
  };
  // A batch, the end of an epoch, or an error. Each holds a buffer, so that there are few.
  struct Item {
    std::size_t buffer = 0;
    absl::StatusOr<Batch> batch;
  };

  void Loop();
  // Waits for something to do; nothing: the thread must end.
  std::optional<Job> NextJob();
  absl::StatusOr<Batch> Make(const Job& job);
  void Deliver(const Job& job, absl::StatusOr<Batch> batch, absl::Duration processor_time);

  // What is expected after an epoch.
  std::optional<std::int64_t> Following(std::int64_t epoch) const;
  void AwaitItem() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReleaseBufferInUse() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const PrefetchOptions options_;

  // The thread's own; a buffer belongs to whoever holds its number.
  const std::unique_ptr<BatchStream> stream_;
  std::vector<BatchBuffer> buffers_;

  // The caller's own.
  std::int64_t epoch_ = 0;
  std::optional<absl::StatusOr<Batch>> end_ = Batch{};  // how the epoch ended, if it has
  std::optional<std::int64_t> upcoming_ = 1;            // whose batches come next, if it has
  std::optional<std::size_t> in_use_;                   // a buffer
  absl::Duration wait_time_;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::size_t> free_ ABSL_GUARDED_BY(mutex_);  // buffers
  std::deque<Item> ready_ ABSL_GUARDED_BY(mutex_);
  // What the thread is to make. Whatever it makes for an earlier generation is thrown away.
  std::int64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<std::int64_t> making_ ABSL_GUARDED_BY(mutex_) = 1;  // nothing: it waits
  bool begun_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration processor_time_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;  // last, so that it sees all of the above
};

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_PREFETCHING_LOADER_H_
