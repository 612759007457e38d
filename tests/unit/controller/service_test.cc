// The controller's services over real gRPC on a free port.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/fake_clock.h"
#include "common/base/field_error.h"
#include "common/base/file.h"
#include "common/blob/blob_io.h"
#include "common/blob/memory_blob_store.h"
#include "common/data/dataset_format.h"
#include "common/rpc/client.h"
#include "common/rpc/status_conversion.h"
#include "common/weights/weights.h"
#include "common/wire/architecture_wire.h"
#include "common/wire/outcome_wire.h"
#include "common/wire/trial_wire.h"
#include "proto/graft/v1/config.pb.h"
#include "proto/graft/v1/search_service.grpc.pb.h"
#include "proto/graft/v1/trial_service.grpc.pb.h"
#include "services/controller/controller_server.h"
#include "services/controller/storage/sqlite_trial_log.h"
#include "tests/unit/controller/fakes.h"

namespace graft::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

data::Dataset TinyDataset() {
  const auto images = [](std::size_t count) {
    return data::ImageSet{.pixels = std::vector<std::uint8_t>(count * 16, 7),
                          .labels = std::vector<std::uint8_t>(count, 1)};
  };
  auto dataset = data::Dataset::Create({.image_shape = {1, 4, 4},
                                        .class_names = {"zero", "one"},
                                        .train = images(50),
                                        .test = images(5)});
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  return *dataset;
}

v1::SearchSpec TinySpec() {
  v1::SearchSpec spec;
  spec.mutable_task()->mutable_image_classification()->set_dataset("tiny");
  spec.mutable_space()->mutable_plain();
  spec.mutable_policy()->mutable_random();
  spec.mutable_start_recipe()->set_epochs(1);
  spec.mutable_recipe()->set_epochs(1);
  spec.mutable_budget()->set_episodes(1);
  spec.mutable_budget()->set_children_per_episode(2);
  (*spec.mutable_labels())["team"] = "vision";
  return spec;
}

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    v1::ControllerConfig config;
    config.mutable_server()->set_listen("127.0.0.1:0");
    config.set_public_weight_store("store.example:7071");
    auto server = ControllerServer::Start(config, {.log = &log_,
                                                   .trial_log = trial_log_.get(),
                                                   .store = &store_,
                                                   .clock = &clock_,
                                                   .explorers = FakeExplorers()});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    v1::ClientConfig client;
    client.set_address(server_->address());
    auto channel = rpc::MakeChannel(client);
    EXPECT_TRUE(channel.ok()) << channel.status();
    searches_ = v1::SearchService::NewStub(*channel);
    trials_ = v1::TrialService::NewStub(*channel);
    digest_ = blob::PutBytes(&store_, data::EncodeDataset(TinyDataset()))->ToString();
  }

  // Calls a unary method.
  template <typename Stub, typename Method, typename Request, typename Response>
  absl::Status Call(Stub& stub, Method method, const Request& request, Response* response) {
    grpc::ClientContext context;
    rpc::SetTimeout(absl::Seconds(60), &context);
    return rpc::FromGrpc((stub.*method)(&context, request, response));
  }

  absl::StatusOr<v1::Dataset> CreateDataset(const std::string& name, const std::string& digest) {
    v1::CreateDatasetRequest request;
    request.mutable_dataset()->set_name("datasets/" + name);
    request.mutable_dataset()->set_digest(digest);
    v1::Dataset dataset;
    const auto status =
        Call(*searches_, &v1::SearchService::Stub::CreateDataset, request, &dataset);
    if (!status.ok()) return status;
    return dataset;
  }

  absl::StatusOr<v1::Search> CreateSearch(const v1::SearchSpec& spec,
                                          const std::string& request_id = "",
                                          bool validate_only = false) {
    v1::CreateSearchRequest request;
    *request.mutable_spec() = spec;
    request.set_request_id(request_id);
    request.set_validate_only(validate_only);
    v1::Search search;
    const auto status = Call(*searches_, &v1::SearchService::Stub::CreateSearch, request, &search);
    if (!status.ok()) return status;
    return search;
  }

  static v1::LeaseTrialsRequest LeaseRequest(absl::Duration wait = absl::ZeroDuration(),
                                             const std::string& worker = "w") {
    v1::LeaseTrialsRequest request;
    request.mutable_worker()->set_name(worker);
    request.mutable_worker()->set_slots(4);
    request.mutable_worker()->set_numerics_class(kFakeClass);
    request.set_slots(4);
    // As real workers do: each question has an id, and a waiting call keeps its own.
    static int next_id = 0;
    request.set_request_id(absl::StrCat("request-", next_id++));
    request.mutable_wait()->set_seconds(absl::ToInt64Seconds(wait));
    return request;
  }

  absl::StatusOr<v1::LeaseTrialsResponse> Lease(absl::Duration wait = absl::ZeroDuration(),
                                                const std::string& worker = "w") {
    v1::LeaseTrialsResponse response;
    const auto status =
        Call(*trials_, &v1::TrialService::Stub::LeaseTrials, LeaseRequest(wait, worker), &response);
    if (!status.ok()) return status;
    return response;
  }

  absl::Status Complete(const v1::Lease& lease) {
    v1::ReportTrialRequest request;
    request.set_worker("w");
    request.set_trial(lease.trial());
    request.set_attempt(lease.attempt());
    *request.mutable_result() = wire::ToProto(FakeResult(*wire::FromProto(lease.spec())));
    v1::ReportTrialResponse response;
    return Call(*trials_, &v1::TrialService::Stub::ReportTrial, request, &response);
  }

  // Returns once the controller has heard from so many workers.
  void AwaitWorkers(int count) {
    v1::ListWorkersResponse response;
    while (response.workers_size() < count) {
      ASSERT_TRUE(Call(*searches_, &v1::SearchService::Stub::ListWorkers, v1::ListWorkersRequest(),
                       &response)
                      .ok());
    }
  }

  void WorkUntilIdle() {
    while (true) {
      const auto response = Lease();
      ASSERT_TRUE(response.ok()) << response.status();
      if (response->leases().empty()) return;
      for (const v1::Lease& lease : response->leases()) ASSERT_TRUE(Complete(lease).ok());
    }
  }

  // A line of a trial's log, as a worker sends it.
  static v1::TrialLogEntry Line(std::int64_t number) {
    v1::TrialLogEntry line;
    line.set_line(number);
    line.set_message(absl::StrCat("line ", number));
    return line;
  }

  absl::StatusOr<v1::ListTrialLogResponse> ListLog(const std::string& trial, int page_size = 0,
                                                   const std::string& token = "") {
    v1::ListTrialLogRequest request;
    request.set_parent(trial);
    request.set_page_size(page_size);
    request.set_page_token(token);
    v1::ListTrialLogResponse response;
    const auto status =
        Call(*searches_, &v1::SearchService::Stub::ListTrialLog, request, &response);
    if (!status.ok()) return status;
    return response;
  }

  // Returns once a trial's log has so many lines: the controller's own come from another thread.
  void AwaitLines(const std::string& trial, int count) {
    while (true) {
      const auto log = ListLog(trial);
      ASSERT_TRUE(log.ok()) << log.status();
      if (log->entries_size() >= count) return;
    }
  }

  // "attempt worker message" of each line.
  static std::vector<std::string> Told(const v1::ListTrialLogResponse& response) {
    std::vector<std::string> told;
    for (const v1::TrialLogEntry& entry : response.entries()) {
      told.push_back(absl::StrCat(entry.attempt(), " ", entry.worker(), " ", entry.message()));
    }
    return told;
  }

  const base::TempDir folder_ = base::TempDir::Create().value();
  const std::unique_ptr<SqliteTrialLog> trial_log_ =
      SqliteTrialLog::Open({.path = folder_.Join("logs")}).value();
  base::FakeClock clock_;
  FakeEventLog log_;
  blob::MemoryBlobStore store_;
  std::unique_ptr<ControllerServer> server_;
  std::unique_ptr<v1::SearchService::Stub> searches_;
  std::unique_ptr<v1::TrialService::Stub> trials_;
  std::string digest_;
};

TEST_F(ServiceTest, DatasetIsDescribedByItsBlob) {
  const auto dataset = CreateDataset("tiny", digest_);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->name(), "datasets/tiny");
  EXPECT_EQ(dataset->train_images(), 50);
  EXPECT_EQ(dataset->test_images(), 5);
  EXPECT_THAT(dataset->image_shape(), ElementsAre(1, 4, 4));
  EXPECT_THAT(dataset->classes(), ElementsAre("zero", "one"));
}

TEST_F(ServiceTest, DatasetErrorsHaveTheirCodes) {
  const std::string missing = digest::BlobDigest::Of("nothing").ToString();
  EXPECT_TRUE(absl::IsFailedPrecondition(CreateDataset("tiny", missing).status()));
  const std::string garbage = blob::PutBytes(&store_, "no data set")->ToString();
  const auto not_one = CreateDataset("tiny", garbage);
  EXPECT_TRUE(absl::IsInvalidArgument(not_one.status())) << not_one.status();
  EXPECT_EQ(base::FieldViolations(not_one.status()).at(0).field, "dataset.digest");
  std::string cut = data::EncodeDataset(TinyDataset());
  cut.pop_back();
  const std::string truncated = blob::PutBytes(&store_, cut)->ToString();
  EXPECT_TRUE(absl::IsInvalidArgument(CreateDataset("tiny", truncated).status()));
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  const auto bad_name = CreateDataset("Bad Name", digest_);
  EXPECT_EQ(base::FieldViolations(bad_name.status()).at(0).field, "dataset.name");
}

TEST_F(ServiceTest, SearchRunsToItsReport) {
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  const auto created = CreateSearch(TinySpec());
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->state(), v1::SEARCH_STATE_PENDING);
  EXPECT_EQ(created->spec().policy().random().widen_actions(), 4) << "defaults filled in";
  WorkUntilIdle();
  v1::GetSearchRequest request;
  request.set_name(created->name());
  v1::Search search;
  ASSERT_TRUE(Call(*searches_, &v1::SearchService::Stub::GetSearch, request, &search).ok());
  EXPECT_EQ(search.state(), v1::SEARCH_STATE_SUCCEEDED) << search.error();
  EXPECT_EQ(search.progress().best_network(), search.report().best_network());
  EXPECT_TRUE(search.has_end_time());

  v1::GetNetworkRequest network_request;
  network_request.set_name(search.report().best_network().substr(0, 9 + 8));
  v1::Network network;
  ASSERT_TRUE(
      Call(*searches_, &v1::SearchService::Stub::GetNetwork, network_request, &network).ok());
  EXPECT_EQ(network.name(), search.report().best_network());
  EXPECT_THAT(network.parents(), SizeIs(1));
  EXPECT_THAT(network.edits(), SizeIs(1));

  v1::ListTrialsRequest list;
  list.set_parent(created->name());
  list.set_page_size(3);
  v1::ListTrialsResponse trials;
  ASSERT_TRUE(Call(*searches_, &v1::SearchService::Stub::ListTrials, list, &trials).ok());
  EXPECT_THAT(trials.trials(), SizeIs(3));
  list.set_page_token(trials.next_page_token());
  ASSERT_TRUE(Call(*searches_, &v1::SearchService::Stub::ListTrials, list, &trials).ok());
  EXPECT_THAT(trials.trials(), SizeIs(2));
  EXPECT_EQ(trials.next_page_token(), "");
}

TEST_F(ServiceTest, BadSearchNamesTheFieldOfTheRequest) {
  const auto unknown = CreateSearch(TinySpec(), "", /*validate_only=*/true);
  EXPECT_TRUE(absl::IsInvalidArgument(unknown.status())) << unknown.status();
  EXPECT_EQ(base::FieldViolations(unknown.status()).at(0).field,
            "spec.task.image_classification.dataset");
  EXPECT_EQ(base::ErrorReason(unknown.status()), "UNKNOWN_DATASET");
}

TEST_F(ServiceTest, SameRequestIdReturnsTheFirstSearch) {
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  const auto first = CreateSearch(TinySpec(), "id");
  const auto again = CreateSearch(TinySpec(), "id");
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(first->name(), again->name());
  v1::SearchSpec other = TinySpec();
  other.set_seed(7);
  EXPECT_TRUE(absl::IsAlreadyExists(CreateSearch(other, "id").status()));
}

TEST_F(ServiceTest, ListIsFilteredByLabels) {
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  ASSERT_TRUE(CreateSearch(TinySpec()).ok());
  v1::SearchSpec other = TinySpec();
  (*other.mutable_labels())["team"] = "audio";
  ASSERT_TRUE(CreateSearch(other).ok());
  v1::ListSearchesRequest request;
  (*request.mutable_labels())["team"] = "vision";
  v1::ListSearchesResponse response;
  ASSERT_TRUE(Call(*searches_, &v1::SearchService::Stub::ListSearches, request, &response).ok());
  ASSERT_THAT(response.searches(), SizeIs(1));
  EXPECT_EQ(response.searches(0).name(), "searches/1");
}

TEST_F(ServiceTest, UnknownAndMalformedNamesHaveTheirCodes) {
  v1::GetSearchRequest request;
  v1::Search search;
  request.set_name("searches/99");
  EXPECT_TRUE(
      absl::IsNotFound(Call(*searches_, &v1::SearchService::Stub::GetSearch, request, &search)));
  request.set_name("99");
  const auto status = Call(*searches_, &v1::SearchService::Stub::GetSearch, request, &search);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(base::FieldViolations(status).at(0).field, "name");
}

TEST_F(ServiceTest, WaitingLeaseGetsTheTrialThatComesUp) {
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  auto waiting = std::async(std::launch::async, [this] { return Lease(absl::Seconds(60)); });
  ASSERT_TRUE(CreateSearch(TinySpec()).ok());
  const auto response = waiting.get();
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_THAT(response->leases(), SizeIs(1));
  EXPECT_EQ(response->leases(0).display_name(), "searches/1/trials/0");
}

TEST_F(ServiceTest, WaitingLeaseIsAnsweredEmptyWhenItsWaitIsOver) {
  auto waiting = std::async(std::launch::async, [this] { return Lease(absl::Seconds(30)); });
  // Time runs until the call, whenever it arrives, has waited long enough.
  while (waiting.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    clock_.Advance(absl::Seconds(10));
    server_->Tick();
  }
  const auto response = waiting.get();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->leases(), SizeIs(0));
}

TEST_F(ServiceTest, DrainEndsWaitingLeasesAndWatches) {
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  ASSERT_TRUE(CreateSearch(TinySpec()).ok());
  grpc::ClientContext context;
  v1::WatchSearchRequest request;
  request.set_name("searches/1");
  const auto watch = searches_->WatchSearch(&context, request);
  v1::WatchSearchResponse update;
  ASSERT_TRUE(watch->Read(&update));
  ASSERT_TRUE(Lease().ok());  // takes the start trial: another lease has to wait
  auto waiting =
      std::async(std::launch::async, [this] { return Lease(absl::Seconds(60), "waiter"); });
  AwaitWorkers(2);
  server_->Drain();
  const absl::Status waited = waiting.get().status();
  EXPECT_TRUE(absl::IsUnavailable(waited)) << waited;
  while (watch->Read(&update)) {
  }
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServiceTest, WatchEndsWithTheSearchAndCanBeResumed) {
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  ASSERT_TRUE(CreateSearch(TinySpec()).ok());
  grpc::ClientContext context;
  v1::WatchSearchRequest request;
  request.set_name("searches/1");
  const auto watch = searches_->WatchSearch(&context, request);
  v1::WatchSearchResponse update;
  ASSERT_TRUE(watch->Read(&update));
  EXPECT_TRUE(update.has_search()) << "the search comes first";
  WorkUntilIdle();
  std::string middle;
  v1::Search last;
  while (watch->Read(&update)) {
    if (middle.empty()) middle = update.resume_token();
    if (update.has_search()) last = update.search();
  }
  EXPECT_TRUE(watch->Finish().ok());
  EXPECT_EQ(last.state(), v1::SEARCH_STATE_SUCCEEDED);

  ASSERT_FALSE(middle.empty());
  grpc::ClientContext resumed_context;
  request.set_resume_token(middle);
  const auto resumed = searches_->WatchSearch(&resumed_context, request);
  int updates = 0;
  while (resumed->Read(&update)) ++updates;
  EXPECT_GT(updates, 0);
  EXPECT_TRUE(resumed->Finish().ok());
}

TEST_F(ServiceTest, WatchOfAnUnknownSearchIsNotFound) {
  for (const auto& [name, code] : {std::pair("searches/9", grpc::StatusCode::NOT_FOUND),
                                   std::pair("9", grpc::StatusCode::INVALID_ARGUMENT)}) {
    grpc::ClientContext context;
    v1::WatchSearchRequest request;
    request.set_name(name);
    const auto watch = searches_->WatchSearch(&context, request);
    v1::WatchSearchResponse update;
    EXPECT_FALSE(watch->Read(&update));
    EXPECT_EQ(watch->Finish().error_code(), code);
  }
}

TEST_F(ServiceTest, CancelReachesTheWorkerThroughItsHeartbeat) {
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  ASSERT_TRUE(CreateSearch(TinySpec()).ok());
  const auto leases = Lease();
  ASSERT_TRUE(leases.ok());
  v1::HeartbeatRequest beat;
  *beat.mutable_worker() = LeaseRequest().worker();
  v1::LeaseStatus& status = *beat.add_leases();
  status.set_trial(leases->leases(0).trial());
  status.set_attempt(leases->leases(0).attempt());
  v1::HeartbeatResponse answer;
  ASSERT_TRUE(Call(*trials_, &v1::TrialService::Stub::Heartbeat, beat, &answer).ok());
  EXPECT_EQ(answer.directives(0).directive(), v1::DIRECTIVE_CONTINUE);
  EXPECT_GT(answer.interval().seconds(), 0);
  v1::CancelSearchRequest cancel;
  cancel.set_name("searches/1");
  v1::Search search;
  ASSERT_TRUE(Call(*searches_, &v1::SearchService::Stub::CancelSearch, cancel, &search).ok());
  ASSERT_TRUE(Call(*trials_, &v1::TrialService::Stub::Heartbeat, beat, &answer).ok());
  EXPECT_EQ(answer.directives(0).directive(), v1::DIRECTIVE_STOP);
  EXPECT_TRUE(absl::IsFailedPrecondition(Complete(leases->leases(0))));
}

TEST_F(ServiceTest, LogOfATrialHoldsWhatHeartbeatsAndReportsBring) {
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  ASSERT_TRUE(CreateSearch(TinySpec()).ok());
  const v1::Lease lease = Lease()->leases(0);
  v1::HeartbeatRequest beat;
  *beat.mutable_worker() = LeaseRequest().worker();
  v1::LeaseStatus& status = *beat.add_leases();
  status.set_trial(lease.trial());
  status.set_attempt(lease.attempt());
  *status.add_log() = Line(1);
  *status.add_log() = Line(2);
  v1::HeartbeatResponse answer;
  ASSERT_TRUE(Call(*trials_, &v1::TrialService::Stub::Heartbeat, beat, &answer).ok());

  const auto first = ListLog("searches/1/trials/0", /*page_size=*/1);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(Told(*first), ElementsAre("1 w line 1"));
  const auto second = ListLog("searches/1/trials/0", /*page_size=*/1, first->next_page_token());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(Told(*second), ElementsAre("1 w line 2"));
  EXPECT_EQ(second->next_page_token(), "");

  v1::ReportTrialRequest report;
  report.set_worker("w");
  report.set_trial(lease.trial());
  report.set_attempt(lease.attempt());
  report.mutable_failure()->set_reason(v1::FAILURE_REASON_INTERNAL);
  report.mutable_failure()->set_message("broken");
  *report.add_log() = Line(3);
  v1::ReportTrialResponse done;
  ASSERT_TRUE(Call(*trials_, &v1::TrialService::Stub::ReportTrial, report, &done).ok());
  AwaitLines("searches/1/trials/0", 4);
  const auto rest = ListLog("searches/1/trials/0", 0, second->resume_token());
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_THAT(Told(*rest), ElementsAre("1 w line 3", "1 w queued again: internal"));
}

TEST_F(ServiceTest, LinesOfAnAttemptThatIsOverAreKeptAndThoseOfNoAttemptAreNot) {
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  ASSERT_TRUE(CreateSearch(TinySpec()).ok());
  const v1::Lease lease = Lease()->leases(0);
  v1::CancelSearchRequest cancel;
  cancel.set_name("searches/1");
  v1::Search search;
  ASSERT_TRUE(Call(*searches_, &v1::SearchService::Stub::CancelSearch, cancel, &search).ok());
  v1::HeartbeatRequest beat;
  *beat.mutable_worker() = LeaseRequest().worker();
  for (const std::int64_t attempt : {lease.attempt(), lease.attempt() + 1}) {
    v1::LeaseStatus& status = *beat.add_leases();
    status.set_trial(lease.trial());
    status.set_attempt(attempt);
    *status.add_log() = Line(1);
    *status.add_log() = Line(kClosingLine);
  }
  v1::HeartbeatResponse answer;
  ASSERT_TRUE(Call(*trials_, &v1::TrialService::Stub::Heartbeat, beat, &answer).ok());
  EXPECT_EQ(answer.directives(0).directive(), v1::DIRECTIVE_STOP);
  const auto log = ListLog("searches/1/trials/0");
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_THAT(Told(*log), ElementsAre("1 w line 1")) << "the closing line is the controller's";
}

TEST_F(ServiceTest, WorkersNamesAreBoundedAndReadable) {
  for (const std::string& name :
       {std::string(), std::string(200, 'w'), std::string("w\x1b[31m"), std::string("\xff")}) {
    v1::ReportTrialRequest report;
    report.set_worker(name);
    report.set_trial(std::string(64, 'a'));
    report.set_attempt(1);
    report.mutable_failure();
    v1::ReportTrialResponse done;
    EXPECT_FALSE(Call(*trials_, &v1::TrialService::Stub::ReportTrial, report, &done).ok());
    const auto leased = Lease(absl::ZeroDuration(), name);
    EXPECT_FALSE(leased.ok()) << name;
  }
}

TEST_F(ServiceTest, LogTellsOfAWorkerThatFellSilent) {
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  ASSERT_TRUE(CreateSearch(TinySpec()).ok());
  ASSERT_TRUE(Lease().ok());
  clock_.Advance(absl::Minutes(5));
  server_->Tick();
  AwaitLines("searches/1/trials/0", 1);
  const auto log = ListLog("searches/1/trials/0");
  ASSERT_TRUE(log.ok()) << log.status();
  ASSERT_THAT(log->entries(), SizeIs(1));
  EXPECT_THAT(log->entries(0).message(), HasSubstr("queued again: lost, worker w fell silent"));
  EXPECT_EQ(log->entries(0).severity(), v1::LOG_SEVERITY_WARNING);
}

TEST_F(ServiceTest, LogsOfUnknownTrialsAndBadTokensHaveTheirCodes) {
  EXPECT_TRUE(absl::IsNotFound(ListLog("searches/1/trials/0").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ListLog("searches/1").status()));
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  ASSERT_TRUE(CreateSearch(TinySpec()).ok());
  ASSERT_TRUE(Lease().ok());
  EXPECT_TRUE(ListLog("searches/1/trials/0").ok());
  const auto bad = ListLog("searches/1/trials/0", 0, "dG9rZW4=");
  EXPECT_TRUE(absl::IsInvalidArgument(bad.status())) << bad.status();
  EXPECT_EQ(base::FieldViolations(bad.status()).at(0).field, "page_token");
}

TEST_F(ServiceTest, ImportedNetworkMustFitItsArchitecture) {
  v1::ImportNetworkRequest request;
  const arch::Architecture architecture = FakeStart();
  *request.mutable_architecture() = wire::ToProto(architecture);
  tensor::NamedTensors tensors;
  for (const arch::NodeIndex parameter : architecture.parameters()) {
    tensors.Set(
        architecture.TensorName(parameter),
        tensor::Tensor::Zeros(tensor::DType::kFloat32, architecture.node(parameter).type.shape));
  }
  const std::string first = tensors.begin()->first;
  const auto import = [&]() -> absl::StatusOr<v1::Network> {
    grpc::ClientContext context;
    v1::Network network;
    const grpc::Status status = searches_->ImportNetwork(&context, request, &network);
    if (!status.ok()) return rpc::FromGrpc(status);
    return network;
  };
  request.set_weights(digest::WeightsDigest(digest::BlobDigest::Of("missing")).ToString());
  EXPECT_TRUE(absl::IsFailedPrecondition(import().status())) << import().status();

  request.set_weights(weights::SaveWeights(tensors, &store_)->ToString());
  const auto imported = import();
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_FALSE(imported->has_measurement());
  EXPECT_EQ(import()->name(), imported->name()) << "the same again";

  tensors.Erase(first);
  request.set_weights(weights::SaveWeights(tensors, &store_)->ToString());
  const auto refused = import();
  ASSERT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("tensor " + first));
}

TEST_F(ServiceTest, MalformedWorkerCallsAreInvalid) {
  v1::LeaseTrialsRequest request = LeaseRequest();
  request.set_slots(0);
  v1::LeaseTrialsResponse leases;
  EXPECT_TRUE(absl::IsInvalidArgument(
      Call(*trials_, &v1::TrialService::Stub::LeaseTrials, request, &leases)));
  v1::ReportTrialRequest report;
  report.set_trial(std::string(64, 'a'));
  v1::ReportTrialResponse done;
  EXPECT_TRUE(
      absl::IsInvalidArgument(Call(*trials_, &v1::TrialService::Stub::ReportTrial, report, &done)));
  report.set_worker("w");
  report.mutable_failure();
  EXPECT_TRUE(
      absl::IsNotFound(Call(*trials_, &v1::TrialService::Stub::ReportTrial, report, &done)));
}

TEST_F(ServiceTest, ClusterTellsWhereTheStoreIs) {
  v1::Cluster cluster;
  ASSERT_TRUE(
      Call(*searches_, &v1::SearchService::Stub::GetCluster, v1::GetClusterRequest(), &cluster)
          .ok());
  EXPECT_EQ(cluster.weight_store(), "store.example:7071");
  EXPECT_FALSE(cluster.version().empty());
}

TEST_F(ServiceTest, MetricsTellStatesAndPolicy) {
  ASSERT_TRUE(CreateDataset("tiny", digest_).ok());
  ASSERT_TRUE(CreateSearch(TinySpec()).ok());
  ASSERT_TRUE(Lease().ok());
  const std::string text = server_->metrics().Render();
  EXPECT_THAT(text, HasSubstr("graft_searches{state=\"running\"} 1"));
  EXPECT_THAT(text, HasSubstr("graft_trials{state=\"leased\"} 1"));
  EXPECT_THAT(text, HasSubstr("graft_policy_entropy{search=\"searches/1\"} 0.5"));
}

}  // namespace
}  // namespace graft::controller
