#ifndef GRAFT_SERVICES_CONTROLLER_CORE_MEMORY_EVENT_LOG_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_MEMORY_EVENT_LOG_H_

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "services/controller/core/event_log.h"

namespace graft::controller {

// A log that lasts as long as the object: for replays and tests. Controllers opened on it one after
// another see the same events. Not thread-safe.
class MemoryEventLog : public EventLog {
 public:
  absl::Status Append(std::span<const Record> records, const PolicySnapshot* snapshot) override;
  absl::StatusOr<PolicySnapshot> ReadSnapshot(SearchId search) override;
  absl::Status Replay(const std::function<absl::Status(const Record&)>& visit) override;

  const std::vector<Record>& records() const { return records_; }

 private:
  std::vector<Record> records_;
  std::map<SearchId, PolicySnapshot> snapshots_;
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_MEMORY_EVENT_LOG_H_
