// A controller is killed at every transaction of a search, in both ways that a process can die
// there, and opened again on its database: the search must come to the same end by the same
// proposals.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/fake_clock.h"
#include "common/base/file.h"
#include "services/controller/core/controller.h"
#include "services/controller/storage/event_codec.h"
#include "services/controller/storage/sqlite_event_log.h"
#include "tests/unit/controller/event_bytes.h"
#include "tests/unit/controller/fakes.h"

namespace graft::controller {
namespace {

// What must not depend on where a controller died.
struct Course {
  // Bytes of what was proposed, created, learned and reported, in order.
  std::vector<std::string> decisions;
  std::int64_t appends = 0;  // of the first life
  SearchState state = SearchState::kPending;
};

bool IsDecision(const std::string& kind) {
  return kind == "episode_proposed" || kind == "trial_created" || kind == "episode_observed" ||
         kind == "search_reporting" || kind == "search_succeeded";
}

class RecoveryTest : public testing::Test {
 protected:
  static constexpr std::int64_t kNever = 1'000'000;

  RecoveryTest() { spec_.children_per_episode = 3; }

  // Explores the demo space with a real policy.
  void UseRealPolicy(const policy::PolicyOptions& policy) {
    explorers_ = MakeExplorer;
    dataset_.image_shape = {1, 28, 28};
    spec_.policy = policy;
  }

  // One life of a controller: submits what is missing and works until the end or its death.
  void Live(const std::string& path, std::int64_t death, bool written, Course& course) {
    auto file = SqliteEventLog::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    MortalEventLog log(file->get(), death, written);
    auto controller = Controller::Open({}, explorers_, &log, &clock_);
    ASSERT_TRUE(controller.ok() || log.dead()) << controller.status();
    if (!log.dead()) Submit(**controller, log);
    if (course.appends == 0) course.appends = log.appends();
  }

  // Every request has an id: a user, not knowing what became of it, asks again.
  void Submit(Controller& controller, const MortalEventLog& log) {
    (void)controller.CreateDataset(dataset_, {.id = "dataset", .content = "1"});
    if (log.dead()) return;
    const auto search = controller.CreateSearch(spec_, {.id = "search", .content = "1"});
    if (log.dead()) return;
    ASSERT_TRUE(search.ok()) << search.status();
    EXPECT_EQ(search->id, SearchId{1});
    FakeWorker worker(&controller, "worker");
    // What an earlier life had leased comes back once its lease is over.
    for (int i = 0; i < 2 && !log.dead(); ++i) {
      const absl::Status status = worker.Work([&log] { return log.dead(); });
      ASSERT_TRUE(status.ok() || log.dead()) << status;
      clock_.Advance(absl::Minutes(1));
      controller.Tick();
    }
  }

  Course Run(std::int64_t death, bool written) {
    const auto folder = base::TempDir::Create();
    EXPECT_TRUE(folder.ok()) << folder.status();
    const std::string path = folder->Join("controller.db");
    Course course;
    Live(path, death, written, course);
    if (death != kNever) Live(path, kNever, false, course);
    ReadBack(path, course);
    return course;
  }

  void ReadBack(const std::string& path, Course& course) {
    auto log = SqliteEventLog::Open(path);
    ASSERT_TRUE(log.ok()) << log.status();
    const absl::Status status = (*log)->Replay([&course](const Record& record) {
      const auto event = EncodeEvent(record.event);
      if (event.ok() && IsDecision(event->kind)) {
        course.decisions.push_back(EventBytes(record.event));
      }
      return event.status();
    });
    ASSERT_TRUE(status.ok()) << status;
    auto controller = Controller::Open({}, explorers_, log->get(), &clock_);
    ASSERT_TRUE(controller.ok()) << controller.status();
    course.state = (*controller)->GetSearch({1})->state;
  }

  void ExpectSameEnd(std::int64_t step) {
    const Course whole = Run(kNever, false);
    ASSERT_EQ(whole.state, SearchState::kSucceeded);
    ASSERT_GT(whole.appends, 20);
    for (std::int64_t death = 0; death < whole.appends; death += step) {
      for (const bool written : {false, true}) {
        SCOPED_TRACE("killed at append " + std::to_string(death) + (written ? ", written" : ""));
        const Course course = Run(death, written);
        ASSERT_EQ(course.state, whole.state);
        ASSERT_TRUE(course.decisions == whole.decisions);
      }
    }
  }

  base::FakeClock clock_;
  ExplorerFactory explorers_ = FakeExplorers();
  Dataset dataset_ = FakeDataset();
  SearchSpec spec_ = FakeSpec();
};

TEST_F(RecoveryTest, SearchEndsAlikeWhereverTheControllerIsKilled) { ExpectSameEnd(1); }

TEST_F(RecoveryTest, RandomPolicyRepeatsItselfAfterARestart) {
  UseRealPolicy(policy::RandomOptions{});
  ExpectSameEnd(9);
}

TEST_F(RecoveryTest, EasPolicyRepeatsItselfAfterARestart) {
  UseRealPolicy(policy::EasOptions{});
  ExpectSameEnd(9);
}

}  // namespace
}  // namespace graft::controller
