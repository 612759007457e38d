#include "services/controller/core/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "common/base/fake_clock.h"
#include "tests/unit/controller/fakes.h"

namespace graft::controller {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class ReplayTest : public testing::Test {
 protected:
  ReplayTest() {
    auto controller = Controller::Open({}, FakeExplorers(), &log_, &clock_);
    EXPECT_TRUE(controller.ok()) << controller.status();
    controller_ = *std::move(controller);
    EXPECT_TRUE(controller_->CreateDataset(FakeDataset(), {}).ok());
    worker_.emplace(controller_.get(), "worker");
  }

  SearchId Create() {
    const auto search = controller_->CreateSearch(FakeSpec(), {});
    EXPECT_TRUE(search.ok()) << search.status();
    return search->id;
  }

  SearchRecording Record(SearchId id) {
    const SearchView search = *controller_->GetSearch(id);
    SearchRecording recording{
        .spec = *search.spec, .dataset = FakeDataset(), .numerics_class = search.numerics_class};
    const auto trials = controller_->ListTrials(id, {.size = 1000});
    for (const TrialView& trial : trials->items) {
      const digest::TrialKey& key = trial.trial.key;
      if (trial.trial.state == TrialState::kCompleted) {
        recording.outcomes.emplace(key, *trial.result);
      } else if (trial.trial.state == TrialState::kFailed) {
        recording.outcomes.emplace(key, *trial.failure);
      } else {
        recording.open.insert(key);
      }
    }
    const auto episodes = controller_->ListEpisodes(id, {.size = 1000});
    for (const EpisodeView& view : episodes->items) {
      recording.policy_digests.push_back(view.episode.policy_digest);
    }
    return recording;
  }

  static SearchReplay Replay(const SearchRecording& recording, std::uint64_t quirk = 0) {
    const auto replay = ReplaySearch(recording, FakeExplorers(quirk));
    EXPECT_TRUE(replay.ok()) << replay.status();
    return *replay;
  }

  base::FakeClock clock_;
  FakeEventLog log_;
  std::unique_ptr<Controller> controller_;
  std::optional<FakeWorker> worker_;
};

TEST_F(ReplayTest, FinishedSearchIsRepeatedToItsLastPolicy) {
  const SearchId id = Create();
  ASSERT_TRUE(worker_->Work().ok());
  const SearchReplay replay = Replay(Record(id));
  EXPECT_TRUE(replay.equal) << replay.difference;
  ASSERT_THAT(replay.episodes, SizeIs(2));
  EXPECT_EQ(replay.episodes[1].replayed, replay.episodes[1].recorded);
  EXPECT_FALSE(replay.episodes[1].replayed.empty());
}

TEST_F(ReplayTest, FailedAndUnfinishedTrialsAreRepeatedAsTheyAre) {
  const SearchId id = Create();
  ASSERT_TRUE(worker_->Complete(worker_->Lease(1)->at(0)).ok());
  ASSERT_TRUE(worker_->Fail(worker_->Lease(1)->at(0), trial::FailureReason::kDiverged).ok());
  ASSERT_TRUE(
      worker_->Work([&] { return controller_->GetSearch(id)->progress.episode == 2; }).ok());
  const SearchReplay replay = Replay(Record(id));
  EXPECT_TRUE(replay.equal) << replay.difference;
  EXPECT_EQ(replay.episodes[1].replayed, "");
}

TEST_F(ReplayTest, AnotherPolicyIsTold) {
  const SearchId id = Create();
  ASSERT_TRUE(worker_->Work().ok());
  const SearchReplay replay = Replay(Record(id), /*quirk=*/1);
  EXPECT_FALSE(replay.equal);
  // By a trial that was not recorded, or, where it chose the same children, by its state.
  EXPECT_FALSE(replay.difference.empty());
}

TEST_F(ReplayTest, ChangedMeasurementIsToldByTheEpisodeThatLearnedFromIt) {
  const SearchId id = Create();
  ASSERT_TRUE(worker_->Work().ok());
  SearchRecording recording = Record(id);
  const digest::TrialKey key = controller_->GetTrial({id, 1})->trial.key;
  std::get<trial::TrialResult>(recording.outcomes.at(key)).measurement.metrics["accuracy"] += 0.1;
  const SearchReplay replay = Replay(recording);
  EXPECT_FALSE(replay.equal);
  EXPECT_THAT(replay.difference, HasSubstr("after episode 1 the policy's digest was"));
}

TEST_F(ReplayTest, SearchFromAnImportedNetworkIsRepeated) {
  const trial::NetworkRef start{
      .architecture = FakeStart(),
      .weights = digest::WeightsDigest(digest::BlobDigest::Of("imported"))};
  const auto network = controller_->ImportNetwork(start, "elsewhere", {});
  ASSERT_TRUE(network.ok()) << network.status();
  SearchSpec spec = FakeSpec();
  spec.start_network = network->digest;
  spec.start_recipe.epochs = 0;
  const auto search = controller_->CreateSearch(spec, {});
  ASSERT_TRUE(search.ok()) << search.status();
  const LeaseView lease = worker_->Lease(1)->at(0);
  const auto* derive = std::get_if<trial::Derive>(&lease.spec->origin);
  ASSERT_NE(derive, nullptr);
  EXPECT_EQ(derive->inputs.at(0).network.weights, start.weights);
  ASSERT_TRUE(worker_->Complete(lease).ok());
  ASSERT_TRUE(worker_->Work().ok());
  EXPECT_EQ(controller_->GetSearch(search->id)->state, SearchState::kSucceeded);
  SearchRecording recording = Record(search->id);
  recording.start_network = start;
  EXPECT_TRUE(Replay(recording).equal);
}

TEST_F(ReplayTest, UnknownStartNetworkIsRefused) {
  SearchSpec spec = FakeSpec();
  spec.start_network = digest::NetworkDigest(digest::Sha256("nowhere"));
  const auto search = controller_->CreateSearch(spec, {});
  ASSERT_TRUE(absl::IsInvalidArgument(search.status())) << search.status();
  EXPECT_THAT(std::string(search.status().message()), HasSubstr("start_network"));
}

}  // namespace
}  // namespace graft::controller
