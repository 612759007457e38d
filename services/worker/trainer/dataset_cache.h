#ifndef GRAFT_SERVICES_WORKER_TRAINER_DATASET_CACHE_H_
#define GRAFT_SERVICES_WORKER_TRAINER_DATASET_CACHE_H_

#include <list>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/data/dataset.h"
#include "common/data/normalizer.h"

namespace graft::worker {

// A data set in memory, with what every trial needs of it.
struct LoadedDataset {
  explicit LoadedDataset(data::Dataset loaded) : dataset(std::move(loaded)), normalizer(dataset) {}

  const data::Dataset dataset;
  const data::Normalizer normalizer;
};

// Data sets by the path of their file, which is named by content and never changes. All slots share
// one copy; slots that ask for the same file at once share one read. Keeps the last two: what a
// search uses, and what the next one does. Thread-safe.
class DatasetCache {
 public:
  // Errors of data::ReadDatasetFile; a failed read is not remembered.
  absl::StatusOr<std::shared_ptr<const LoadedDataset>> Get(const std::string& path);

 private:
  // Filled in under a lock of its own, so that one read does not hold up other files.
  struct Entry {
    explicit Entry(std::string file) : path(std::move(file)) {}

    const std::string path;
    base::Mutex mutex;
    std::shared_ptr<const LoadedDataset> loaded ABSL_GUARDED_BY(mutex);
  };

  std::shared_ptr<Entry> FindOrAdd(const std::string& path);

  base::Mutex mutex_;
  std::list<std::shared_ptr<Entry>> entries_ ABSL_GUARDED_BY(mutex_);  // latest first
};

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_TRAINER_DATASET_CACHE_H_
