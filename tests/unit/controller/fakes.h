// Fakes of what a controller stands on: log, policy, workers.
#ifndef GRAFT_TESTS_UNIT_CONTROLLER_FAKES_H_
#define GRAFT_TESTS_UNIT_CONTROLLER_FAKES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/arch/architecture.h"
#include "services/controller/core/controller.h"
#include "services/controller/core/memory_event_log.h"
#include "services/controller/policy/policy.h"

namespace graft::controller {

inline constexpr char kFakeClass[] = "fake/1";
inline constexpr char kDatasetName[] = "digits";

// A log in memory that can be full.
class FakeEventLog final : public MemoryEventLog {
 public:
  absl::Status Append(std::span<const Record> records, const PolicySnapshot* snapshot) override;

  // While set, nothing can be appended.
  void SetFull(bool full) { full_ = full; }

 private:
  bool full_ = false;
};

// Another log until its process dies: append number `death` (from 0) and all later ones fail. What
// it was about to write is lost, or, with `written`, has just become durable.
class MortalEventLog final : public EventLog {
 public:
  MortalEventLog(EventLog* log, std::int64_t death, bool written)
      : log_(log), death_(death), written_(written) {}

  absl::Status Append(std::span<const Record> records, const PolicySnapshot* snapshot) override;
  absl::StatusOr<PolicySnapshot> ReadSnapshot(SearchId search) override {
    return log_->ReadSnapshot(search);
  }
  absl::Status Replay(const std::function<absl::Status(const Record&)>& visit) override {
    return log_->Replay(visit);
  }

  bool dead() const { return appends_ > death_; }
  std::int64_t appends() const { return appends_; }

 private:
  EventLog* const log_;
  const std::int64_t death_;
  const bool written_;
  std::int64_t appends_ = 0;
};

// Widens the start network's convolution by a number that depends on the seed and, to the bit, on
// everything it was told. `quirk` makes another policy of it, as a changed program would.
class FakePolicy final : public policy::Policy {
 public:
  explicit FakePolicy(std::uint64_t seed, std::uint64_t quirk = 0) : state_(seed + quirk) {}

  void Start(double start_value) override { Mix(start_value); }
  absl::StatusOr<policy::Proposal> Propose(const arch::Architecture& parent) override;
  absl::Status Observe(std::span<const policy::Observation> episode) override;
  std::string SaveState() const override;
  absl::Status RestoreState(std::string_view state) override;
  std::map<std::string, double> Diagnostics() const override { return {{"entropy", 0.5}}; }

 private:
  void Mix(double value);
  std::uint64_t Next();

  std::uint64_t state_;
};

// Convolution of 4 filters on 4x4 images, linear classifier.
arch::Architecture FakeStart();

// Explorers with FakeStart and FakePolicy, whatever the space.
ExplorerFactory FakeExplorers(std::uint64_t quirk = 0);

Dataset FakeDataset();
// Two episodes of four children on FakeDataset.
SearchSpec FakeSpec();

// A result that depends on the specification alone, as a real trial's does.
trial::TrialResult FakeResult(const trial::TrialSpec& spec);

// A worker without a machine: leases, and reports at once.
class FakeWorker {
 public:
  FakeWorker(Controller* controller, std::string name, std::string numerics_class = kFakeClass)
      : controller_(controller),
        info_{.name = std::move(name), .slots = 4, .numerics_class = std::move(numerics_class)} {}

  const WorkerInfo& info() const { return info_; }
  absl::StatusOr<std::vector<LeaseView>> Lease(std::int64_t slots);
  absl::Status Complete(const LeaseView& lease);
  absl::Status Fail(const LeaseView& lease, trial::FailureReason reason);
  absl::StatusOr<Directive> Heartbeat(const LeaseView& lease, std::int64_t epochs_done = 0);

  // Leases and completes until there is nothing to lease or `stop` says so.
  absl::Status Work(const std::function<bool()>& stop = nullptr);

 private:
  Controller* const controller_;
  const WorkerInfo info_;
};

}  // namespace graft::controller

#endif  // GRAFT_TESTS_UNIT_CONTROLLER_FAKES_H_
