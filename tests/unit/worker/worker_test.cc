// The worker between a fake controller, a real weight store and real trainers.
#include "services/worker/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/blob/blob_io.h"
#include "common/data/dataset_format.h"
#include "common/rpc/client.h"
#include "common/weights/manifest.h"
#include "common/weights/weights.h"
#include "services/weight_store/weight_store_server.h"
#include "tests/unit/worker/fake_controller.h"
#include "tests/unit/worker/testing.h"

namespace graft::worker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

absl::StatusOr<std::vector<digest::BlobDigest>> BlobsOfManifest(std::string_view bytes) {
  ASSIGN_OR_RETURN(const weights::Manifest manifest, weights::Manifest::Decode(bytes));
  return manifest.Blobs();
}

std::unique_ptr<weight_store::WeightStoreServer> StartStore(
    const std::string& directory, const std::string& listen = "127.0.0.1:0") {
  v1::WeightStoreConfig config;
  config.set_directory(directory);
  config.mutable_server()->set_listen(listen);
  return weight_store::WeightStoreServer::Start(config, BlobsOfManifest).value();
}

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() {
    v1::ClientConfig client;
    client.set_address(store_server_->address());
    store_ = std::make_unique<rpc::RemoteBlobStore>(rpc::MakeChannel(client).value(),
                                                    rpc::RemoteBlobStore::Options());
  }

  void SetUp() override {
    ASSERT_TRUE(blob::PutBytes(store_.get(), data::EncodeDataset(runner::TinyDataset())).ok());
  }

  // The address of the weight store comes from the controller.
  void StartWorker(std::int64_t slots = 1) {
    v1::WorkerConfig config;
    config.set_name("worker-under-test");
    config.mutable_controller()->set_address(controller_.address());
    config.set_directory(folder_.Join("worker"));
    config.set_slots(slots);
    config.set_backend("reference");
    config.set_trainer(Program("graft-trainer"));
    auto worker = Worker::Start(WithDefaults(config).value(), &sleeper_, &metrics_);
    ASSERT_TRUE(worker.ok()) << worker.status();
    worker_ = *std::move(worker);
  }

  // Waits until the one running trial has been trained: the trainer has saved weights and manifest.
  void AwaitTrained() {
    const absl::Time deadline = absl::Now() + absl::Minutes(1);
    while (absl::Now() < deadline) {
      int blobs = 0;
      std::error_code ignored;  // folders come and go
      using Iterator = std::filesystem::recursive_directory_iterator;
      for (const auto& entry : Iterator(folder_.Join("worker/trials"), ignored)) {
        const bool saved = entry.path().string().find("/outputs/blobs/") != std::string::npos;
        if (saved && entry.is_regular_file(ignored)) ++blobs;
      }
      if (blobs == 2) return;
      absl::SleepFor(absl::Milliseconds(5));
    }
    FAIL() << "the trial does not end";
  }

  v1::FailureReason ReasonOf(const std::string& trial) {
    return controller_.AwaitReport(trial).failure().reason();
  }

  base::TempDir folder_ = base::TempDir::Create().value();
  std::unique_ptr<weight_store::WeightStoreServer> store_server_ =
      StartStore(folder_.Join("store"));
  std::unique_ptr<rpc::RemoteBlobStore> store_;
  FakeController controller_{store_server_->address()};
  rpc::InterruptibleSleeper sleeper_;
  metrics::Registry metrics_;
  std::unique_ptr<Worker> worker_;
};

TEST_F(WorkerTest, TrainsUploadsAndReportsWhatItLeases) {
  v1::Lease lease = LeaseOf("t", runner::TinyInitSpec());
  lease.set_attempt(7);
  controller_.Enqueue(lease);
  StartWorker();
  const v1::ReportTrialRequest report = controller_.AwaitReport("t", 7);
  ASSERT_TRUE(report.has_result()) << report.failure().message();
  EXPECT_EQ(report.worker(), "worker-under-test");
  EXPECT_EQ(report.attempt(), 7);
  EXPECT_EQ(report.result().measurement().epochs_size(), 2);
  EXPECT_GT(report.result().measurement().cost().bytes_moved(), 0);
  const auto weights = digest::WeightsDigest::Parse(report.result().weights()).value();
  EXPECT_TRUE(weights::LoadWeights(weights, store_.get()).ok());
}

// Messages of the lines, which must be numbered from 1 without gaps or repetitions.
std::vector<std::string> MessagesOf(const std::vector<v1::TrialLogEntry>& log) {
  std::vector<std::string> messages;
  for (const v1::TrialLogEntry& entry : log) {
    messages.push_back(entry.message());
    EXPECT_EQ(entry.line(), static_cast<std::int64_t>(messages.size())) << entry.message();
    EXPECT_GT(entry.time().seconds(), 0);
  }
  return messages;
}

TEST_F(WorkerTest, LogTellsTheTrialFromItsInputsToItsEnd) {
  StartWorker();
  controller_.Enqueue(LeaseOf("t", runner::TinyInitSpec()));
  controller_.AwaitReport("t");
  EXPECT_THAT(
      MessagesOf(controller_.log("t")),
      ElementsAre(HasSubstr("worker-under-test"), HasSubstr("inputs are here"),
                  HasSubstr("before training: accuracy"), HasSubstr("epoch 1 of 2: accuracy"),
                  HasSubstr("epoch 2 of 2: accuracy"), HasSubstr("in the store"), "completed"));
}

TEST_F(WorkerTest, LinesOfRefusedHeartbeatsComeWithALaterOne) {
  StartWorker();
  controller_.RefuseHeartbeats(2);
  controller_.Enqueue(LeaseOf("t", runner::TinyInitSpec(kEndlessEpochs)));
  controller_.AwaitEpochs("t", 3);
  EXPECT_THAT(MessagesOf(controller_.log("t")), Contains(HasSubstr("epoch 1 of")))
      << "heartbeats bring lines while the trial runs";
  controller_.SetDirective("t", v1::DIRECTIVE_HAND_BACK);
  controller_.AwaitReport("t");
  const std::vector<v1::TrialLogEntry> log = controller_.log("t");
  const std::vector<std::string> messages = MessagesOf(log);
  ASSERT_GT(messages.size(), 5U);
  EXPECT_THAT(messages.back(), HasSubstr("ended as FAILURE_REASON_PREEMPTED"));
  EXPECT_EQ(log.back().severity(), v1::LOG_SEVERITY_WARNING);
}

TEST_F(WorkerTest, FullDiskFailsTheTrialAndLeavesNothingHalfWritten) {
  const std::string directory = folder_.Join("worker");
  ASSERT_TRUE(base::CreateDirectories(directory).ok());
  if (mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "a small disk cannot be mounted here: " << std::strerror(errno);
  }
  const absl::Cleanup unmount = [&] {
    worker_.reset();
    umount(directory.c_str());
  };
  StartWorker();
  controller_.Enqueue(LeaseOf("first", runner::TinyInitSpec(1)));
  ASSERT_TRUE(controller_.AwaitReport("first").has_result());
  const std::string filler = directory + "/filler";
  // Until nothing more fits.
  std::ofstream(filler) << std::string(1 << 20, 'x') << std::flush;

  controller_.Enqueue(LeaseOf("full", runner::TinyInitSpec(2)));
  const v1::ReportTrialRequest report = controller_.AwaitReport("full");
  EXPECT_EQ(report.failure().reason(), v1::FAILURE_REASON_RESOURCE_EXHAUSTED);
  EXPECT_THAT(report.failure().message(), HasSubstr("No space left on device"));
  controller_.AwaitIdle();
  EXPECT_TRUE(std::filesystem::is_empty(directory + "/trials"));
  EXPECT_TRUE(std::filesystem::is_empty(directory + "/cache/tmp"));

  std::filesystem::remove(filler);
  controller_.Enqueue(LeaseOf("after", runner::TinyInitSpec(2)));
  EXPECT_TRUE(controller_.AwaitReport("after").has_result());
}

TEST_F(WorkerTest, ChildrenGrowFromUploadedParents) {
  StartWorker();
  controller_.Enqueue(LeaseOf("parent", runner::TinyInitSpec()));
  const v1::TrialResult parent = controller_.AwaitReport("parent").result();
  controller_.Enqueue(LeaseOf(
      "child", runner::TinyDeriveSpec({runner::Widen("conv1", 6), runner::Deepen("conv1", 3)}, 1,
                                      parent.weights())));
  const v1::ReportTrialRequest child = controller_.AwaitReport("child");
  ASSERT_TRUE(child.has_result()) << child.failure().message();
  EXPECT_LE(child.result().measurement().preservation_error(), 1e-5);
  const auto statistics =
      digest::WeightsDigest::Parse(child.result().calibration_statistics()).value();
  EXPECT_TRUE(weights::LoadWeights(statistics, store_.get()).ok());
  EXPECT_THAT(metrics_.Render(), HasSubstr("graft_worker_"));
}

TEST_F(WorkerTest, UnknownParentsAndDataSetsAreMissingInputs) {
  StartWorker();
  controller_.Enqueue(LeaseOf("orphan", runner::TinyDeriveSpec({runner::Widen("conv1", 6)})));
  EXPECT_EQ(ReasonOf("orphan"), v1::FAILURE_REASON_INPUT_MISSING);
  trial::TrialSpec spec = runner::TinyInitSpec();
  runner::TaskOf(spec).dataset_digest = std::string(64, 'b') + "/5";
  controller_.Enqueue(LeaseOf("no_data", spec));
  EXPECT_EQ(ReasonOf("no_data"), v1::FAILURE_REASON_INPUT_MISSING);
}

TEST_F(WorkerTest, KilledTrainerIsReportedAsACrashAndTheNextTrialRuns) {
  StartWorker();
  controller_.Enqueue(LeaseOf("victim", runner::TinyInitSpec(kEndlessEpochs)));
  controller_.AwaitEpochs("victim", 1);
  kill(worker_->trainer().trainer_pid(), SIGKILL);
  EXPECT_EQ(ReasonOf("victim"), v1::FAILURE_REASON_CRASHED);
  controller_.Enqueue(LeaseOf("next", runner::TinyInitSpec()));
  EXPECT_TRUE(controller_.AwaitReport("next").has_result());
}

TEST_F(WorkerTest, TrialThatWasPresentAtTwoCrashesRunsAlone) {
  StartWorker(/*slots=*/2);
  v1::Lease suspect = LeaseOf("suspect", runner::TinyInitSpec(kEndlessEpochs));
  for (int crash = 1; crash <= 2; ++crash) {
    suspect.set_attempt(crash);
    controller_.Enqueue(suspect);
    controller_.AwaitEpochs("suspect", 1, crash);
    kill(worker_->trainer().trainer_pid(), SIGKILL);
    EXPECT_EQ(controller_.AwaitReport("suspect", crash).failure().reason(),
              v1::FAILURE_REASON_CRASHED);
  }
  suspect.set_attempt(3);
  controller_.Enqueue(suspect);
  controller_.AwaitEpochs("suspect", 1, 3);
  controller_.Enqueue(LeaseOf("other", runner::TinyInitSpec(1)));
  // An epoch takes the other trial less than these take the suspect.
  controller_.AwaitEpochs("suspect", 30, 3);
  EXPECT_EQ(controller_.reports().size(), 2U);
  controller_.SetDirective("suspect", v1::DIRECTIVE_STOP);
  EXPECT_TRUE(controller_.AwaitReport("other").has_result());
}

TEST_F(WorkerTest, ResultOutlastsAControllerThatIsAwayOrWhoseDiskIsFull) {
  StartWorker();
  int refused = 0;
  for (const auto code : {grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::RESOURCE_EXHAUSTED}) {
    controller_.RefuseReports(3, code);
    const std::string trial = absl::StrCat("refused-with-", code);
    controller_.Enqueue(LeaseOf(trial, runner::TinyInitSpec()));
    EXPECT_TRUE(controller_.AwaitReport(trial).has_result());
    EXPECT_EQ(controller_.refused_reports(), refused += 3);
  }
}

TEST_F(WorkerTest, ResultThatIsFinishedWhenAStopArrivesIsReported) {
  StartWorker();
  controller_.Enqueue(LeaseOf("first", runner::TinyInitSpec(1)));
  ASSERT_TRUE(controller_.AwaitReport("first").has_result());
  // The data set is here now: the store is missed only by the result.
  const std::string address = store_server_->address();
  store_server_.reset();
  controller_.Enqueue(LeaseOf("finished", runner::TinyInitSpec(2)));
  AwaitTrained();
  controller_.SetDirective("finished", v1::DIRECTIVE_STOP);
  controller_.AwaitDirectives();
  store_server_ = StartStore(folder_.Join("store"), address);
  EXPECT_TRUE(controller_.AwaitReport("finished").has_result());
}

TEST_F(WorkerTest, AttemptsAtOneTrialPassEachOther) {
  StartWorker(/*slots=*/2);
  v1::Lease lease = LeaseOf("t", runner::TinyInitSpec(kEndlessEpochs));
  controller_.Enqueue(lease);
  controller_.AwaitEpochs("t", 1, /*attempt=*/1);
  lease.set_attempt(2);
  controller_.Enqueue(lease);
  controller_.AwaitEpochs("t", 1, /*attempt=*/2);

  controller_.SetDirective("t", v1::DIRECTIVE_STOP, /*attempt=*/1);
  controller_.AwaitGone("t", /*attempt=*/1);
  controller_.SetDirective("t", v1::DIRECTIVE_HAND_BACK, /*attempt=*/2);
  EXPECT_EQ(controller_.AwaitReport("t", 2).failure().reason(), v1::FAILURE_REASON_PREEMPTED);
  EXPECT_THAT(controller_.reports(), SizeIs(1));

  lease = LeaseOf("t", runner::TinyInitSpec());
  lease.set_attempt(3);
  controller_.Enqueue(lease);
  EXPECT_TRUE(controller_.AwaitReport("t", 3).has_result());
}

TEST_F(WorkerTest, DataSetsThatAKilledWorkerLeftInPartsAreFetchedAgain) {
  const std::string bytes = data::EncodeDataset(runner::TinyDataset());
  const std::string part = bytes.substr(0, bytes.size() / 2);
  const digest::BlobDigest digest = digest::BlobDigest::Of(bytes);
  const std::string name = digest.sha256().ToHex();
  const std::string copies = folder_.Join("worker/datasets/");
  const std::string cached =
      absl::StrCat(folder_.Join("worker/cache/blobs/"), name.substr(0, 2), "/");
  for (const std::string& path : {copies + name, copies + "dataset-killed/" + name,
                                  absl::StrCat(cached, name.substr(2), "-", digest.size_bytes())}) {
    ASSERT_TRUE(base::CreateDirectories(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(base::WriteFileDurably(path, part).ok());
  }
  StartWorker();
  controller_.Enqueue(LeaseOf("t", runner::TinyInitSpec()));
  const v1::ReportTrialRequest report = controller_.AwaitReport("t");
  EXPECT_TRUE(report.has_result()) << report.failure().message();
  EXPECT_FALSE(std::filesystem::exists(copies + name));
  EXPECT_FALSE(std::filesystem::exists(copies + "dataset-killed"));
}

TEST_F(WorkerTest, StopDirectiveEndsATrialWithoutAReport) {
  StartWorker();
  controller_.Enqueue(LeaseOf("cancelled", runner::TinyInitSpec(kEndlessEpochs)));
  controller_.AwaitEpochs("cancelled", 1);
  controller_.SetDirective("cancelled", v1::DIRECTIVE_STOP);
  controller_.AwaitIdle();
  EXPECT_TRUE(controller_.reports().empty());
}

TEST_F(WorkerTest, HandBackDirectiveIsReportedAsPreempted) {
  StartWorker();
  controller_.Enqueue(LeaseOf("t", runner::TinyInitSpec(kEndlessEpochs)));
  controller_.AwaitEpochs("t", 1);
  controller_.SetDirective("t", v1::DIRECTIVE_HAND_BACK);
  EXPECT_EQ(ReasonOf("t"), v1::FAILURE_REASON_PREEMPTED);
}

TEST_F(WorkerTest, StoppingHandsRunningTrialsBack) {
  StartWorker(/*slots=*/2);
  for (const char* trial : {"a", "b"}) {
    controller_.Enqueue(LeaseOf(trial, runner::TinyInitSpec(kEndlessEpochs)));
  }
  controller_.AwaitEpochs("a", 1);
  controller_.AwaitEpochs("b", 1);
  worker_->Stop();
  EXPECT_EQ(ReasonOf("a"), v1::FAILURE_REASON_PREEMPTED);
  EXPECT_EQ(ReasonOf("b"), v1::FAILURE_REASON_PREEMPTED);
}

// Stop must not wait for a controller that may never come back; hanging here is the failure.
TEST_F(WorkerTest, StopsWhileTheControllerIsAway) {
  StartWorker();
  controller_.Enqueue(LeaseOf("t", runner::TinyInitSpec(kEndlessEpochs)));
  controller_.AwaitEpochs("t", 1);
  controller_.Stop();
  worker_->Stop();
  EXPECT_TRUE(controller_.reports().empty());
}

}  // namespace
}  // namespace graft::worker
