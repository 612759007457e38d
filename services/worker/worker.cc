#include "services/worker/worker.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/child_process.h"
#include "common/base/clock.h"
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
// Of all attempts' lines in a heartbeat; gRPC's limit is 4 MiB.
constexpr size_t kHeartbeatLogBytes = 1 << 20;
// After a trial that found a disk full: another worker may have room, this one may have it later.
constexpr rpc::RetryPolicy kDiskFullPolicy = {.initial_backoff = absl::Seconds(1),
                                              .max_backoff = absl::Minutes(5)};
// Below the worker's folder. The last two hold nothing that outlives the process.
constexpr char kCacheFolder[] = "/cache";
constexpr char kTrialsFolder[] = "/trials";
constexpr char kDatasetsFolder[] = "/datasets";

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown-host";
}

// Of what a killed worker has left; makes the folder if it is missing.
absl::Status MakeEmpty(const std::string& folder) {
  RETURN_IF_ERROR(base::CreateDirectories(folder));
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    std::filesystem::remove_all(entry.path(), ignored);
  }
  return absl::OkStatus();
}

// What the machine has, or the control group of this process (cgroup v2, as containers have it).
std::int64_t MachineMemoryBytes() {
  const std::int64_t physical = std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  const absl::StatusOr<std::string> text = base::ReadFile("/sys/fs/cgroup/memory.max");
  std::int64_t limit = 0;
  if (!text.ok() || !absl::SimpleAtoi(*text, &limit) || limit <= 0) return physical;
  return std::min(physical, limit);
}

std::string Describe(const v1::WorkerInfo& info) {
  return absl::StrCat("host ", info.host(), ", version ", info.version(), ", ",
                      info.numerics_class());
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
  if (config.trial_memory_bytes() == 0) {
    config.set_trial_memory_bytes(MachineMemoryBytes() / config.slots());
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
                                             .threads_per_trial = config.threads_per_trial(),
                                             .trial_memory_bytes = config.trial_memory_bytes(),
                                             .kernel_table = config.kernel_table()}));
  worker->info_.set_numerics_class(worker->trainer_->numerics_class());
  ASSIGN_OR_RETURN(const auto channel, rpc::MakeChannel(config.controller()));
  worker->controller_ = std::make_unique<ControllerClient>(channel, sleeper);
  RETURN_IF_ERROR(worker->OpenStores(config));
  worker->shared_ = {.worker = config.name(),
                     .description = Describe(worker->info_),
                     .directory = config.directory() + kTrialsFolder,
                     .controller = worker->controller_.get(),
                     .remote = worker->remote_.get(),
                     .store = worker->cache_.get(),
                     .datasets = worker->datasets_.get(),
                     .trainer = worker->trainer_.get(),
                     .quarantine = &worker->quarantine_,
                     .metrics = &worker->metrics_,
                     .clock = &base::RealClock()};
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
    : config_(config),
      sleeper_(sleeper),
      metrics_(metrics),
      disk_full_backoff_(kDiskFullPolicy, rpc::JitterRng()) {
  info_.set_name(config.name());
  info_.set_slots(config.slots());
  info_.set_threads(config.threads_per_trial());
  info_.set_host(HostName());
  info_.set_version(std::string(base::Version()));
}

absl::Status Worker::OpenStores(const v1::WorkerConfig& config) {
  ASSIGN_OR_RETURN(local_,
                   blob::DiskBlobStore::Open(
                       {.directory = config.directory() + kCacheFolder, .sync_writes = false}));
  // Now that the lock of the cache is ours.
  for (const char* folder : {kTrialsFolder, kDatasetsFolder}) {
    RETURN_IF_ERROR(MakeEmpty(config.directory() + folder));
  }
  datasets_ = std::make_unique<DatasetFiles>(config.directory() + kDatasetsFolder);
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
      for (ActiveTrial& trial : active_) {
        if (!trial.done) trial.attempt.HandBack();
      }
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
    const absl::Duration rest = rest_until_ - absl::Now();
    if (rest > absl::ZeroDuration()) {
      changed_.WaitFor(&mutex_, rest);
    } else if (active < config_.slots()) {
      return config_.slots() - active;
    } else {
      changed_.Wait(&mutex_);
    }
  }
}

void Worker::Begin(const v1::Lease& lease) {
  const base::MutexLock lock(&mutex_);
  ActiveTrial& trial = active_.emplace_back(lease, &shared_);
  if (stopping_) trial.attempt.HandBack();
  trial.thread = std::thread([this, &trial] { Run(trial); });
  metrics_.SetRunning(static_cast<double>(active_.size()));
}

void Worker::Run(ActiveTrial& trial) {
  const v1::TrialEnded end = trial.attempt.Run();
  const base::MutexLock lock(&mutex_);
  if (end.failure().reason() == v1::FAILURE_REASON_RESOURCE_EXHAUSTED) {
    rest_until_ = absl::Now() + disk_full_backoff_.Next();
    base::LogWarning("no trials are leased for a while: a disk is full",
                     {{"until", absl::FormatTime(rest_until_, absl::UTCTimeZone())}});
  } else if (end.has_result()) {
    disk_full_backoff_.Reset();
  }
  trial.done = true;
  changed_.SignalAll();
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
    const v1::HeartbeatRequest request = NewHeartbeat();
    const auto response = controller_->Heartbeat(request);
    if (!response.ok()) {
      base::LogWarning("heartbeat failed", {{"status", response.status()}});
      continue;
    }
    Obey(request, *response);
    const absl::StatusOr<absl::Duration> asked = wire::FromProto(response->interval());
    if (asked.ok() && *asked > absl::ZeroDuration()) interval = *asked;
  }
}

v1::HeartbeatRequest Worker::NewHeartbeat() {
  v1::HeartbeatRequest request;
  *request.mutable_worker() = info_;
  size_t log_budget_bytes = kHeartbeatLogBytes;
  const base::MutexLock lock(&mutex_);
  for (const ActiveTrial& trial : active_) {
    if (!trial.done) *request.add_leases() = trial.attempt.Status(log_budget_bytes);
  }
  return request;
}

void Worker::Obey(const v1::HeartbeatRequest& request, const v1::HeartbeatResponse& response) {
  const base::MutexLock lock(&mutex_);
  for (const v1::LeaseStatus& status : request.leases()) {
    if (Attempt* attempt = FindActive(status.trial(), status.attempt())) {
      attempt->Acknowledge(status);
    }
  }
  for (const v1::LeaseDirective& directive : response.directives()) {
    Attempt* attempt = FindActive(directive.trial(), directive.attempt());
    if (attempt == nullptr) continue;
    if (directive.directive() == v1::DIRECTIVE_STOP) attempt->Drop();
    if (directive.directive() == v1::DIRECTIVE_HAND_BACK) attempt->HandBack();
  }
}

Attempt* Worker::FindActive(const std::string& trial, std::int64_t attempt) {
  for (ActiveTrial& active : active_) {
    const v1::Lease& lease = active.attempt.lease();
    if (!active.done && lease.trial() == trial && lease.attempt() == attempt) {
      return &active.attempt;
    }
  }
  return nullptr;
}

}  // namespace graft::worker
