#include "common/data/prefetching_loader.h"

#include <new>
#include <utility>

#include "absl/status/status.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/stopwatch.h"

namespace graft::data {
namespace {

bool IsEnd(const absl::StatusOr<Batch>& batch) { return !batch.ok() || batch->count == 0; }

}  // namespace

PrefetchingLoader::PrefetchingLoader(std::unique_ptr<BatchStream> stream,
                                     const PrefetchOptions& options)
    : options_(options), stream_(std::move(stream)) {
  GRAFT_CHECK(options_.depth >= 1) << options_.depth;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(options_.depth); ++i) {
    buffers_.push_back(stream_->MakeBuffer());
    free_.push_back(i);
  }
  thread_ = std::thread([this] { Loop(); });
}

PrefetchingLoader::~PrefetchingLoader() {
  {
    base::MutexLock lock(&mutex_);
    stop_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void PrefetchingLoader::StartEpoch(std::int64_t epoch) {
  const bool prepared = end_.has_value() && upcoming_ == epoch;
  epoch_ = epoch;
  end_.reset();
  base::MutexLock lock(&mutex_);
  ReleaseBufferInUse();
  if (prepared) return;
  for (const Item& item : ready_) free_.push_back(item.buffer);
  ready_.clear();
  ++generation_;
  making_ = epoch;
  begun_ = false;
  changed_.SignalAll();
}

absl::StatusOr<Batch> PrefetchingLoader::Next() {
  base::MutexLock lock(&mutex_);
  ReleaseBufferInUse();
  if (end_.has_value()) return *end_;
  AwaitItem();
  Item item = std::move(ready_.front());
  ready_.pop_front();
  in_use_ = item.buffer;
  if (IsEnd(item.batch)) {
    end_ = item.batch;
    upcoming_ = item.batch.ok() ? Following(epoch_) : std::nullopt;
  }
  return std::move(item.batch);
}

void PrefetchingLoader::AwaitItem() {
  if (!ready_.empty()) return;
  const base::Stopwatch stopwatch;
  while (ready_.empty()) changed_.Wait(&mutex_);
  wait_time_ += stopwatch.WallTime();
}

absl::Duration PrefetchingLoader::processor_time() const {
  base::MutexLock lock(&mutex_);
  return processor_time_;
}

void PrefetchingLoader::Loop() {
  const base::Stopwatch stopwatch;
  while (const std::optional<Job> job = NextJob()) {
    absl::StatusOr<Batch> batch = Make(*job);
    Deliver(*job, std::move(batch), stopwatch.ThreadTime());
  }
}

std::optional<PrefetchingLoader::Job> PrefetchingLoader::NextJob() {
  base::MutexLock lock(&mutex_);
  while (!stop_ && (!making_.has_value() || free_.empty())) changed_.Wait(&mutex_);
  if (stop_) return std::nullopt;
  Job job{.buffer = free_.back(), .generation = generation_};
  free_.pop_back();
  if (!begun_) job.start = making_;
  begun_ = true;
  return job;
}

absl::StatusOr<Batch> PrefetchingLoader::Make(const Job& job) {
  try {
    if (job.start.has_value()) RETURN_IF_ERROR(stream_->StartEpoch(*job.start));
    return stream_->Next(buffers_[job.buffer]);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  }
}

void PrefetchingLoader::Deliver(const Job& job, absl::StatusOr<Batch> batch,
                                absl::Duration processor_time) {
  base::MutexLock lock(&mutex_);
  processor_time_ = processor_time;
  if (job.generation != generation_) {
    free_.push_back(job.buffer);
    return;
  }
  if (IsEnd(batch)) {
    making_ = batch.ok() ? Following(*making_) : std::nullopt;
    begun_ = false;
  }
  ready_.push_back({.buffer = job.buffer, .batch = std::move(batch)});
  changed_.SignalAll();
}

std::optional<std::int64_t> PrefetchingLoader::Following(std::int64_t epoch) const {
  if (options_.epochs == 0) return 1;
  return epoch < options_.epochs ? std::optional(epoch + 1) : std::nullopt;
}

void PrefetchingLoader::ReleaseBufferInUse() {
  if (!in_use_.has_value()) return;
  free_.push_back(*in_use_);
  in_use_.reset();
  changed_.SignalAll();
}

}  // namespace graft::data
