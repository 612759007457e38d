#include "services/worker/worker.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/child_process.h"
#include "common/base/file.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/rpc/client.h"
#include "common/wire/time_wire.h"

namespace graft::worker {
namespace {

constexpr absl::Duration kPollWait = absl::Seconds(20);
constexpr absl::Duration kFirstHeartbeat = absl::Seconds(1);
constexpr absl::Duration kStopRepeat = absl::Milliseconds(200);
// How long Stop tries to reach a controller or a store that is away.
constexpr absl::Duration kStopPatience = absl::Seconds(5);
constexpr std::int64_t kDefaultCacheBytes = std::int64_t{10} << 30;
constexpr size_t kMaxDigestsTold = 1000;
constexpr int kCrashesBeforeQuarantine = 2;
constexpr size_t kMaxCrashesRemembered = 10'000;

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown-host";
}

v1::TrialEnded Failed(const std::string& trial, v1::FailureReason reason,
                      const std::string& message) {
  v1::TrialEnded end;
  end.set_trial(trial);
  end.mutable_failure()->set_reason(reason);
  end.mutable_failure()->set_message(message);
  return end;
}

// What names an attempt to the trainer: a later attempt at the same trial may begin here while an
// earlier one is still being stopped.
std::string RunId(const v1::Lease& lease) {
  return absl::StrCat(lease.trial(), "#", lease.attempt());
}

// What a failure to move inputs or results is to the controller. A store that cannot be reached is
// no fault of the trial: it is handed back.
v1::FailureReason ReasonOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kDataLoss:
      return v1::FAILURE_REASON_INPUT_MISSING;
    case absl::StatusCode::kInvalidArgument:
      return v1::FAILURE_REASON_INVALID;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return v1::FAILURE_REASON_PREEMPTED;
    default:
      return v1::FAILURE_REASON_INTERNAL;
  }
}

}  // namespace

absl::StatusOr<v1::WorkerConfig> WithDefaults(v1::WorkerConfig config) {
  if (config.name().empty()) config.set_name(absl::StrCat(HostName(), "-", getpid()));
  if (config.directory().empty()) config.set_directory("graft-worker");
  if (config.backend().empty()) config.set_backend("cpu");
  if (config.threads_per_trial() == 0) config.set_threads_per_trial(1);
  if (config.slots() == 0) {
    config.set_slots(std::max<std::int64_t>(
        std::thread::hardware_concurrency() / config.threads_per_trial(), 1));
  }
  if (config.cache_bytes() == 0) config.set_cache_bytes(kDefaultCacheBytes);
  if (config.trainer().empty()) {
    ASSIGN_OR_RETURN(const std::string folder, base::ProgramFolder());
    config.set_trainer(folder + "/graft-trainer");
  }
  return config;
}

absl::StatusOr<std::unique_ptr<Worker>> Worker::Start(const v1::WorkerConfig& config,
                                                      rpc::InterruptibleSleeper* sleeper,
                                                      metrics::Registry* metrics) {
  std::unique_ptr<Worker> worker(new Worker(config, sleeper, metrics));
  ASSIGN_OR_RETURN(worker->trainer_,
                   TrainerSupervisor::Start({.program = config.trainer(),
                                             .backend = config.backend(),
                                             .slots = config.slots(),
                                             .threads_per_trial = config.threads_per_trial()}));
  worker->info_.set_numerics_class(worker->trainer_->numerics_class());
  ASSIGN_OR_RETURN(const auto channel, rpc::MakeChannel(config.controller()));
  worker->controller_ = std::make_unique<ControllerClient>(channel, sleeper);
  RETURN_IF_ERROR(worker->OpenStores(config));
  worker->metrics_.Observe(
      [w = worker.get()] { return w->cache_->Stats(); },
      [w = worker.get()] { return static_cast<double>(w->trainer_->crash_count()); });
  worker->lease_thread_ = std::thread([w = worker.get()] { w->LeaseLoop(); });
  worker->heartbeat_thread_ = std::thread([w = worker.get()] { w->HeartbeatLoop(); });
  base::LogInfo("worker started", {{"worker", config.name()},
                                   {"slots", config.slots()},
                                   {"numerics_class", worker->info_.numerics_class()}});
  return worker;
}

Worker::Worker(const v1::WorkerConfig& config, rpc::InterruptibleSleeper* sleeper,
               metrics::Registry* metrics)
    : config_(config), sleeper_(sleeper), metrics_(metrics) {
  info_.set_name(config.name());
  info_.set_slots(config.slots());
  info_.set_threads(config.threads_per_trial());
  info_.set_host(HostName());
  info_.set_version(std::string(base::Version()));
}

absl::Status Worker::OpenStores(const v1::WorkerConfig& config) {
  for (const char* folder : {"/cache", "/datasets", "/trials"}) {
    RETURN_IF_ERROR(base::CreateDirectories(config.directory() + folder));
  }
  ASSIGN_OR_RETURN(local_, blob::DiskBlobStore::Open(
                               {.directory = config.directory() + "/cache", .sync_writes = false}));
  // Now that the lock of the cache is ours: what a killed worker has left.
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(config.directory() + "/trials", ignored)) {
    std::filesystem::remove_all(entry.path(), ignored);
  }
  datasets_ = std::make_unique<DatasetFiles>(config.directory() + "/datasets");
  v1::ClientConfig store = config.weight_store();
  if (store.address().empty()) {
    base::LogInfo("asking the controller for the weight store",
                  {{"controller", config.controller().address()}});
    ASSIGN_OR_RETURN(const v1::Cluster cluster, controller_->GetCluster());
    store = config.controller();
    store.set_address(cluster.weight_store());
  }
  ASSIGN_OR_RETURN(const auto channel, rpc::MakeChannel(store));
  remote_ = std::make_unique<rpc::RemoteBlobStore>(
      channel, rpc::RemoteBlobStore::Options{.sleeper = sleeper_});
  ASSIGN_OR_RETURN(cache_, blob::CachingBlobStore::Create(
                               local_.get(), remote_.get(),
                               {.limit_bytes = static_cast<std::uint64_t>(config.cache_bytes())}));
  return absl::OkStatus();
}

Worker::~Worker() { Stop(); }

void Worker::Stop() {
  {
    const base::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  if (controller_ != nullptr) controller_->CancelPoll();
  if (lease_thread_.joinable()) lease_thread_.join();
  {
    const absl::Time patience_ends = absl::Now() + kStopPatience;
    const base::MutexLock lock(&mutex_);
    while (true) {
      Reap();
      if (active_.empty()) break;
      // Asked again until it is heard: a trial may not have reached the trainer yet.
      for (ActiveTrial& trial : active_) Interrupt(trial, Wish::kHandBack);
      // A controller or a store that is away may stay away: what it does not hear in time is left
      // to its leases' expiry.
      if (absl::Now() >= patience_ends) sleeper_->Interrupt();
      changed_.WaitFor(&mutex_, kStopRepeat);
    }
  }
  sleeper_->Interrupt();
  if (heartbeat_thread_.joinable()) heartbeat_thread_.join();
}

void Worker::LeaseLoop() {
  rpc::Backoff backoff({}, rpc::JitterRng());
  base::Rng ids = rpc::JitterRng();
  std::string request_id;
  while (const std::int64_t free = AwaitFreeSlots()) {
    if (request_id.empty()) request_id = absl::StrCat(absl::Hex(ids.NextU64()));
    v1::LeaseTrialsRequest request;
    *request.mutable_worker() = info_;
    request.set_slots(free);
    request.set_request_id(request_id);
    const std::vector<digest::BlobDigest> cached = cache_->CachedDigests();
    const size_t told = std::min(cached.size(), kMaxDigestsTold);
    for (size_t i = cached.size() - told; i < cached.size(); ++i) {
      request.add_cached_digests(cached[i].ToString());
    }
    const auto leases = controller_->LeaseTrials(request, kPollWait);
    if (leases.ok()) {
      backoff.Reset();
      request_id.clear();
      for (const v1::Lease& lease : *leases) Begin(lease);
    } else if (Pause(backoff.Next())) {
      // The same id again: leases whose answer was lost are handed out once more, not twice.
      base::LogWarning("no leases", {{"status", leases.status()}});
    }
  }
}

bool Worker::Pause(absl::Duration duration) {
  const absl::Time end = absl::Now() + duration;
  const base::MutexLock lock(&mutex_);
  while (!stopping_) {
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return true;
    changed_.WaitFor(&mutex_, left);
  }
  return false;
}

std::int64_t Worker::AwaitFreeSlots() {
  const base::MutexLock lock(&mutex_);
  while (true) {
    Reap();
    if (stopping_) return 0;
    const auto active = static_cast<std::int64_t>(active_.size());
    if (active < config_.slots()) return config_.slots() - active;
    changed_.Wait(&mutex_);
  }
}

void Worker::Begin(const v1::Lease& lease) {
  const base::MutexLock lock(&mutex_);
  ActiveTrial& trial = active_.emplace_back();
  trial.lease = lease;
  if (stopping_) trial.wish = Wish::kHandBack;
  trial.thread = std::thread([this, &trial] { RunTrial(trial); });
  metrics_.SetRunning(static_cast<double>(active_.size()));
}

void Worker::Reap() {
  for (auto trial = active_.begin(); trial != active_.end();) {
    if (!trial->done) {
      ++trial;
      continue;
    }
    // `done` is the last thing that the thread sets under the lock: joining does not wait.
    trial->thread.join();
    trial = active_.erase(trial);
  }
  metrics_.SetRunning(static_cast<double>(active_.size()));
}

void Worker::HeartbeatLoop() {
  absl::Duration interval = kFirstHeartbeat;
  while (sleeper_->Sleep(interval)) {
    const auto response = controller_->Heartbeat(NewHeartbeat());
    if (!response.ok()) {
      base::LogWarning("heartbeat failed", {{"status", response.status()}});
      continue;
    }
    Obey(*response);
    const absl::StatusOr<absl::Duration> asked = wire::FromProto(response->interval());
    if (asked.ok() && *asked > absl::ZeroDuration()) interval = *asked;
  }
}

v1::HeartbeatRequest Worker::NewHeartbeat() {
  v1::HeartbeatRequest request;
  *request.mutable_worker() = info_;
  const base::MutexLock lock(&mutex_);
  for (const ActiveTrial& trial : active_) {
    if (trial.done) continue;
    v1::LeaseStatus& status = *request.add_leases();
    status.set_trial(trial.lease.trial());
    status.set_attempt(trial.lease.attempt());
    status.set_epochs_done(trial.progress.measurement().epoch());
    *status.mutable_measurement() = trial.progress.measurement();
  }
  return request;
}

void Worker::Obey(const v1::HeartbeatResponse& response) {
  const base::MutexLock lock(&mutex_);
  for (const v1::LeaseDirective& directive : response.directives()) {
    for (ActiveTrial& trial : active_) {
      if (trial.lease.trial() != directive.trial() ||
          trial.lease.attempt() != directive.attempt()) {
        continue;
      }
      if (directive.directive() == v1::DIRECTIVE_STOP) Interrupt(trial, Wish::kDrop);
      if (directive.directive() == v1::DIRECTIVE_HAND_BACK) Interrupt(trial, Wish::kHandBack);
    }
  }
}

void Worker::Interrupt(ActiveTrial& trial, Wish wish) {
  if (trial.done) return;
  if (trial.wish != Wish::kDrop) trial.wish = wish;
  trainer_->Stop(RunId(trial.lease));
}

Worker::Wish Worker::WishOf(const ActiveTrial& trial) {
  const base::MutexLock lock(&mutex_);
  return trial.wish;
}

void Worker::RememberCrash(const std::string& trial) {
  const base::MutexLock lock(&mutex_);
  if (crashes_.size() < kMaxCrashesRemembered) ++crashes_[trial];
}

void Worker::RunTrial(ActiveTrial& trial) {
  const v1::Lease& lease = trial.lease;
  base::LogInfo("trial started", {{"trial", lease.display_name()}, {"attempt", lease.attempt()}});
  const v1::TrialEnded end = Execute(trial);
  metrics_.CountEnd(end);
  // Before the report, after which another slot may lease the trial.
  if (end.failure().reason() == v1::FAILURE_REASON_CRASHED) RememberCrash(lease.trial());
  // A result that is finished is offered in any case: a controller that wanted the trial dropped
  // refuses it.
  if (WishOf(trial) == Wish::kDrop && !end.has_result()) {
    base::LogInfo("trial dropped", {{"trial", lease.display_name()}});
  } else {
    Report(lease, end);
  }
  const base::MutexLock lock(&mutex_);
  trial.done = true;
  changed_.SignalAll();
}

v1::TrialEnded Worker::Execute(ActiveTrial& trial) {
  const v1::Lease& lease = trial.lease;
  const auto failed = [&](const absl::Status& status) {
    return Failed(lease.trial(), ReasonOf(status), status.ToString());
  };
  absl::StatusOr<TrialFiles> files = TrialFiles::Create(config_.directory() + "/trials");
  if (!files.ok()) return failed(files.status());
  std::int64_t bytes = 0;
  const absl::StatusOr<v1::StartTrial> start = Prepare(lease, *files, &bytes);
  if (!start.ok()) return failed(start.status());
  if (WishOf(trial) != Wish::kRun) {
    return Failed(lease.trial(), v1::FAILURE_REASON_PREEMPTED, "handed back before it started");
  }
  v1::TrialEnded end = Train(trial, *start);
  if (end.has_result()) {
    const absl::Status uploaded = Upload(end.result(), *files, &bytes);
    if (!uploaded.ok()) return failed(uploaded);
    end.mutable_result()->mutable_measurement()->mutable_cost()->set_bytes_moved(bytes);
  }
  metrics_.AddBytesMoved(static_cast<double>(bytes));
  return end;
}

absl::StatusOr<v1::StartTrial> Worker::Prepare(const v1::Lease& lease, TrialFiles& files,
                                               std::int64_t* bytes) {
  v1::StartTrial start;
  start.set_trial(RunId(lease));
  *start.mutable_spec() = lease.spec();
  start.set_fingerprint(lease.fingerprint());
  start.set_inputs_path(files.inputs_path());
  start.set_outputs_path(files.outputs_path());
  for (const v1::Origin::Input& input : lease.spec().origin().derive().inputs()) {
    ASSIGN_OR_RETURN(const digest::WeightsDigest weights,
                     digest::WeightsDigest::Parse(input.network().weights()));
    RETURN_IF_ERROR(base::Annotate(files.FetchWeights(weights, cache_.get(), bytes),
                                   absl::StrCat("weights of the ", input.role())));
  }
  const std::string& dataset = lease.spec().task().image_classification().dataset_digest();
  ASSIGN_OR_RETURN(const digest::BlobDigest digest, digest::BlobDigest::Parse(dataset));
  // Straight from the store: the file is the cached copy.
  ASSIGN_OR_RETURN(*start.mutable_dataset_path(), datasets_->Fetch(digest, remote_.get(), bytes));
  return start;
}

v1::TrialEnded Worker::Train(ActiveTrial& trial, const v1::StartTrial& start) {
  const auto run = [&] {
    return trainer_->Run(start, [&](const v1::TrialProgress& progress) {
      const base::MutexLock lock(&mutex_);
      trial.progress = progress;
    });
  };
  bool alone = false;
  {
    const base::MutexLock lock(&mutex_);
    const auto crashes = crashes_.find(trial.lease.trial());
    alone = crashes != crashes_.end() && crashes->second >= kCrashesBeforeQuarantine;
  }
  if (alone) {
    const std::unique_lock<std::shared_mutex> company(company_);
    return run();
  }
  const std::shared_lock<std::shared_mutex> company(company_);
  return run();
}

absl::Status Worker::Upload(const v1::TrialResult& result, TrialFiles& files, std::int64_t* bytes) {
  for (const std::string& text : {result.weights(), result.calibration_statistics()}) {
    if (text.empty()) continue;
    ASSIGN_OR_RETURN(const digest::WeightsDigest weights, digest::WeightsDigest::Parse(text));
    RETURN_IF_ERROR(files.UploadWeights(weights, cache_.get(), remote_.get(), bytes));
  }
  return absl::OkStatus();
}

void Worker::Report(const v1::Lease& lease, const v1::TrialEnded& end) {
  v1::ReportTrialRequest report;
  report.set_worker(config_.name());
  report.set_trial(lease.trial());
  report.set_attempt(lease.attempt());
  if (end.has_result()) {
    *report.mutable_result() = end.result();
  } else {
    *report.mutable_failure() = end.failure();
  }
  const absl::Status reported = controller_->ReportTrial(report);
  if (reported.ok()) {
    base::LogInfo("trial reported",
                  {{"trial", lease.display_name()},
                   {"outcome", end.has_result() ? "completed"
                                                : v1::FailureReason_Name(end.failure().reason())},
                   {"message", end.failure().message()}});
  } else {
    base::LogWarning("report refused", {{"trial", lease.display_name()}, {"status", reported}});
  }
}

}  // namespace graft::worker
