#include "services/controller/core/lease_table.h"

#include "common/base/check.h"

namespace graft::controller {

void LeaseTable::Extend(const digest::TrialKey& key, absl::Time expiry) {
  const auto [lease, inserted] = leases_.try_emplace(key, Lease{.expiry = expiry});
  if (!inserted) {
    by_expiry_.erase({lease->second.expiry, key});
    lease->second.expiry = expiry;
  }
  by_expiry_.emplace(expiry, key);
}

void LeaseTable::Drop(const digest::TrialKey& key) {
  const auto lease = leases_.find(key);
  if (lease == leases_.end()) return;
  by_expiry_.erase({lease->second.expiry, key});
  leases_.erase(lease);
}

bool LeaseTable::SetProgress(const digest::TrialKey& key, Progress progress) {
  const auto lease = leases_.find(key);
  GRAFT_CHECK(lease != leases_.end()) << "no lease on " << key.ToString();
  const bool changed = lease->second.progress.epochs_done != progress.epochs_done;
  lease->second.progress = std::move(progress);
  return changed;
}

const LeaseTable::Progress* LeaseTable::FindProgress(const digest::TrialKey& key) const {
  const auto lease = leases_.find(key);
  return lease == leases_.end() ? nullptr : &lease->second.progress;
}

std::optional<digest::TrialKey> LeaseTable::NextExpired(absl::Time now) const {
  if (by_expiry_.empty() || by_expiry_.begin()->first > now) return std::nullopt;
  return by_expiry_.begin()->second;
}

Worker& WorkerTable::Hear(const WorkerInfo& info, absl::Time now) {
  Worker& worker = workers_[info.name];
  slots_[worker.info.numerics_class] -= worker.info.slots;
  slots_[info.numerics_class] += info.slots;
  worker.info = info;
  worker.last_seen = now;
  return worker;
}

void WorkerTable::ForgetSilent(absl::Time time) {
  std::erase_if(workers_, [&](const auto& entry) {
    const Worker& worker = entry.second;
    if (worker.last_seen >= time) return false;
    slots_[worker.info.numerics_class] -= worker.info.slots;
    return true;
  });
  std::erase_if(slots_, [](const auto& entry) { return entry.second == 0; });
}

std::int64_t WorkerTable::Slots(std::string_view numerics_class) const {
  const auto slots = slots_.find(numerics_class);
  return slots == slots_.end() ? 0 : slots->second;
}

}  // namespace graft::controller
