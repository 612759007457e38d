// Properties that hold whatever the order in which workers lease, beat, fall silent and report,
// users cancel, and the controller restarts.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/fake_clock.h"
#include "common/base/rng.h"
#include "services/controller/core/controller.h"
#include "tests/unit/controller/fakes.h"

namespace graft::controller {
namespace {

// Checks, event by event, what must hold of any log.
class LogChecker {
 public:
  void operator()(const EvaluationLeased& event) {
    Evaluation& evaluation = evaluations_[event.key];
    EXPECT_FALSE(evaluation.running) << "two leases at once";
    EXPECT_EQ(event.attempt, evaluation.attempts + 1) << "attempts count up";
    EXPECT_FALSE(evaluation.completed) << "a measured evaluation runs again";
    evaluation.attempts = event.attempt;
    evaluation.running = true;
  }
  void operator()(const EvaluationRequeued& event) { End(event.key, event.attempt); }
  void operator()(const EvaluationFailed& event) {
    End(event.key, event.attempt);
    Forget(event.key);
  }
  void operator()(const EvaluationCompleted& event) {
    End(event.key, event.attempt);
    EXPECT_FALSE(evaluations_[event.key].completed) << "measured twice";
    evaluations_[event.key].completed = true;
    Forget(event.key);
  }
  void operator()(const TrialCreated& event) {
    trials_.insert(event.trial);
    needed_[event.trial.search].insert(event.key);
  }
  void operator()(const SearchCancelled& event) { Release(event.search); }
  void operator()(const SearchFailed& event) { Release(event.search); }
  void operator()(const SearchReporting& event) { reporting_.insert(event.search); }
  void operator()(const SearchExtended& event) {
    // The measurements of its report are not needed any more, if they were under way.
    if (reporting_.erase(event.search) != 0) Release(event.search);
  }
  void operator()(const SearchDeleted& event) {
    std::erase_if(trials_, [&](const TrialId& trial) { return trial.search == event.search; });
  }
  void operator()(const EpisodeObserved& event) {
    EXPECT_TRUE(observed_.emplace(event.search, event.episode).second) << "learned twice";
  }
  void operator()(const auto&) {}

  std::size_t trial_count() const { return trials_.size(); }

 private:
  struct Evaluation {
    std::int64_t attempts = 0;
    bool running = false;
    bool completed = false;
  };

  void End(const digest::TrialKey& key, std::int64_t attempt) {
    EXPECT_TRUE(evaluations_[key].running) << "ended twice, or never leased";
    EXPECT_EQ(attempt, evaluations_[key].attempts) << "a late report was taken";
    evaluations_[key].running = false;
  }

  // No trial waits for an evaluation that has ended.
  void Forget(const digest::TrialKey& key) {
    for (auto& [search, keys] : needed_) keys.erase(key);
  }

  // Evaluations that only this search waited for are cancelled with it.
  void Release(SearchId search) {
    const std::set<digest::TrialKey> keys = std::exchange(needed_[search], {});
    for (const digest::TrialKey& key : keys) {
      bool needed = false;
      for (const auto& [other, others_keys] : needed_) needed |= others_keys.contains(key);
      if (!needed) evaluations_[key].running = false;
    }
  }

  std::map<digest::TrialKey, Evaluation> evaluations_;
  std::map<SearchId, std::set<digest::TrialKey>> needed_;
  std::set<TrialId> trials_;
  std::set<SearchId> reporting_;
  std::set<std::pair<SearchId, std::int64_t>> observed_;
};

// Random workers, users and deaths on one controller.
class Chaos {
 public:
  explicit Chaos(std::uint64_t seed) : rng_(seed) {
    Restart();
    EXPECT_TRUE(controller_->CreateDataset(FakeDataset(), {}).ok());
  }

  void Step() {
    switch (rng_.UniformInt(12)) {
      case 0:
        return CreateSearch();
      case 1:
        return Change();
      case 2:
        if (rng_.UniformInt(4) == 0) Restart();
        return;
      case 3:
        clock_.Advance(absl::Seconds(rng_.UniformInt(40)));
        return controller_->Tick();
      case 4:
      case 5:
      case 6:
        return Lease();
      case 7:
        return Beat();
      default:
        return Report();
    }
  }

  // Good workers finish what is there; nothing may be left over.
  void Finish() {
    for (const SearchView& search : controller_->ListSearches({.size = 1000}, {}).items) {
      if (search.state != SearchState::kPaused) continue;
      ASSERT_TRUE(controller_->ResumeSearch(search.id, {}).ok());
    }
    for (int i = 0; i < 3; ++i) {
      clock_.Advance(absl::Minutes(1));
      controller_->Tick();
      FakeWorker worker(controller_.get(), "good");
      ASSERT_TRUE(worker.Work().ok());
    }
    for (const SearchView& search : controller_->ListSearches({.size = 1000}, {}).items) {
      EXPECT_TRUE(HasEnded(search.state)) << ToString(search.id) << " is stuck";
    }
    const Stats stats = controller_->GetStats();
    EXPECT_EQ(stats.leases, 0);
    EXPECT_EQ(stats.trials_by_state[static_cast<int>(TrialState::kQueued)], 0);
    EXPECT_EQ(stats.trials_by_state[static_cast<int>(TrialState::kLeased)], 0);
    LogChecker checker;
    for (const Record& record : log_.records()) std::visit(checker, record.event);
    std::int64_t counted = 0;
    for (const std::int64_t count : stats.trials_by_state) counted += count;
    EXPECT_EQ(counted, static_cast<std::int64_t>(checker.trial_count()));
  }

 private:
  void Restart() {
    controller_.reset();
    auto controller = Controller::Open({}, FakeExplorers(), &log_, &clock_);
    ASSERT_TRUE(controller.ok()) << controller.status();
    controller_ = *std::move(controller);
    workers_.clear();
    for (const char* name : {"a", "b", "c"}) workers_.emplace_back(controller_.get(), name);
  }

  void CreateSearch() {
    if (created_ == 4) return;
    SearchSpec spec = FakeSpec();
    spec.seed = 1 + rng_.UniformInt(2);  // equal searches meet
    spec.priority = static_cast<std::int64_t>(rng_.UniformInt(2));
    ASSERT_TRUE(controller_->CreateSearch(spec, {}).ok());
    ++created_;
  }

  // A user's command about some search, which may have ended or be gone.
  void Change() {
    if (created_ == 0) return;
    const SearchId id{1 + static_cast<std::int64_t>(rng_.UniformInt(created_))};
    const auto search = controller_->GetSearch(id);
    if (!search.ok()) return;
    absl::Status status;
    switch (rng_.UniformInt(12)) {
      case 0:
        status = controller_->CancelSearch(id, {}).status();
        break;
      case 1:
        status = controller_->DeleteSearch(id, {});
        break;
      case 2:
      case 3:
        status = controller_->ExtendSearch(id, search->spec->episodes + 1, {}).status();
        break;
      case 4:
      case 5:
      case 6:
        status = controller_->PauseSearch(id, {}).status();
        break;
      default:
        status = controller_->ResumeSearch(id, {}).status();
        break;
    }
    EXPECT_TRUE(status.ok() || absl::IsFailedPrecondition(status)) << status;
  }

  void Lease() {
    const std::size_t worker = rng_.UniformInt(workers_.size());
    const auto leases = workers_[worker].Lease(1 + static_cast<std::int64_t>(rng_.UniformInt(3)));
    ASSERT_TRUE(leases.ok()) << leases.status();
    for (const LeaseView& lease : *leases) held_.emplace_back(worker, lease);
  }

  void Beat() {
    if (held_.empty()) return;
    const auto& [worker, lease] = held_[rng_.UniformInt(held_.size())];
    ASSERT_TRUE(workers_[worker].Heartbeat(lease).ok());
  }

  // Reports some attempt, current or long gone, perhaps for the second time.
  void Report() {
    if (held_.empty()) return;
    const std::size_t i = rng_.UniformInt(held_.size());
    const auto [worker, lease] = held_[i];
    constexpr trial::FailureReason kReasons[] = {
        trial::FailureReason::kPreempted, trial::FailureReason::kCrashed,
        trial::FailureReason::kInternal, trial::FailureReason::kDiverged};
    const std::uint64_t dice = rng_.UniformInt(16);
    const absl::Status status =
        dice < 4 ? workers_[worker].Fail(lease, kReasons[dice]) : workers_[worker].Complete(lease);
    EXPECT_TRUE(status.ok() || absl::IsFailedPrecondition(status)) << status;
    if (rng_.UniformInt(3) != 0) held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  base::Rng rng_;
  base::FakeClock clock_;
  FakeEventLog log_;
  std::unique_ptr<Controller> controller_;
  std::vector<FakeWorker> workers_;
  std::vector<std::pair<std::size_t, LeaseView>> held_;
  std::int64_t created_ = 0;
};

class InterleavingTest : public testing::TestWithParam<int> {};

TEST_P(InterleavingTest, EveryEvaluationEndsOnceAndEverySearchEnds) {
  Chaos chaos(static_cast<std::uint64_t>(GetParam()));
  for (int step = 0; step < 250; ++step) chaos.Step();
  chaos.Finish();
}

INSTANTIATE_TEST_SUITE_P(Seeds, InterleavingTest, testing::Range(0, 40));

}  // namespace
}  // namespace graft::controller
