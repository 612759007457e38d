// EventLog: where events last.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_EVENT_LOG_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_EVENT_LOG_H_

#include <functional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/controller/core/events.h"

namespace graft::controller {

// An append-only log of events with one writer. Not thread-safe.
class EventLog {
 public:
  virtual ~EventLog() = default;

  // Makes all of `records` durable, or none: one transaction. Their sequences go on from the last
  // one. With `snapshot`, if it is not null, in place of the search's last one. RESOURCE_EXHAUSTED:
  // the disk is full. ABORTED: another writer has appended meanwhile.
  virtual absl::Status Append(std::span<const Record> records, const PolicySnapshot* snapshot) = 0;

  // The last snapshot of a search. NOT_FOUND: there is none.
  virtual absl::StatusOr<PolicySnapshot> ReadSnapshot(SearchId search) = 0;

  // Calls `visit` with every event in order; its first error ends the replay and is returned.
  // DATA_LOSS: an event is missing or cannot be read.
  virtual absl::Status Replay(const std::function<absl::Status(const Record&)>& visit) = 0;
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_EVENT_LOG_H_
