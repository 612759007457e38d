#include "services/worker/trainer/dataset_cache.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "common/data/dataset_format.h"

namespace graft::worker {
namespace {

constexpr std::size_t kKept = 2;

}  // namespace

absl::StatusOr<std::shared_ptr<const LoadedDataset>> DatasetCache::Get(const std::string& path) {
  const std::shared_ptr<Entry> entry = FindOrAdd(path);
  base::MutexLock lock(&entry->mutex);
  if (entry->loaded == nullptr) {
    ASSIGN_OR_RETURN(data::Dataset dataset, data::ReadDatasetFile(path));
    entry->loaded = std::make_shared<const LoadedDataset>(std::move(dataset));
  }
  return entry->loaded;
}

std::shared_ptr<DatasetCache::Entry> DatasetCache::FindOrAdd(const std::string& path) {
  base::MutexLock lock(&mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const auto& entry) { return entry->path == path; });
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
  } else {
    entries_.push_front(std::make_shared<Entry>(path));
    if (entries_.size() > kKept) entries_.pop_back();
  }
  return entries_.front();
}

}  // namespace graft::worker
