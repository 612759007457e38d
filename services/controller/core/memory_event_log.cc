#include "services/controller/core/memory_event_log.h"

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace graft::controller {

absl::Status MemoryEventLog::Append(std::span<const Record> records,
                                    const PolicySnapshot* snapshot) {
  records_.insert(records_.end(), records.begin(), records.end());
  if (snapshot != nullptr) snapshots_.insert_or_assign(snapshot->search, *snapshot);
  return absl::OkStatus();
}

absl::StatusOr<PolicySnapshot> MemoryEventLog::ReadSnapshot(SearchId search) {
  const auto found = snapshots_.find(search);
  if (found != snapshots_.end()) return found->second;
  return absl::NotFoundError(absl::StrCat("no policy snapshot of ", ToString(search)));
}

absl::Status MemoryEventLog::Replay(const std::function<absl::Status(const Record&)>& visit) {
  for (const Record& record : records_) RETURN_IF_ERROR(visit(record));
  return absl::OkStatus();
}

}  // namespace graft::controller
