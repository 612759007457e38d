#include "services/worker/trainer_supervisor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"

namespace graft::worker {
namespace {

// After a failed start: long enough not to spin, short enough not to matter.
constexpr absl::Duration kRelaunchPause = absl::Seconds(1);

}  // namespace

v1::TrialEnded FailedTrial(const std::string& trial, v1::FailureReason reason,
                           const std::string& message) {
  v1::TrialEnded end;
  end.set_trial(trial);
  end.mutable_failure()->set_reason(reason);
  end.mutable_failure()->set_message(message);
  return end;
}

absl::StatusOr<std::unique_ptr<TrainerSupervisor>> TrainerSupervisor::Start(
    const TrainerOptions& options) {
  std::unique_ptr<TrainerSupervisor> supervisor(new TrainerSupervisor(options));
  ASSIGN_OR_RETURN(const v1::TrainerReady ready, supervisor->Launch());
  supervisor->numerics_class_ = ready.numerics_class();
  supervisor->reader_ = std::thread([s = supervisor.get()] { s->ReadEvents(); });
  return supervisor;
}

TrainerSupervisor::~TrainerSupervisor() {
  {
    const base::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  if (const std::shared_ptr<TrainerProcess> trainer = process()) trainer->Close();
  if (reader_.joinable()) reader_.join();
}

v1::TrialEnded TrainerSupervisor::Run(
    const v1::StartTrial& start, const std::function<void(const v1::TrialProgress&)>& on_progress) {
  RunningTrial trial;
  trial.on_progress = on_progress;
  if (const std::shared_ptr<TrainerProcess> trainer = Enter(start.trial(), trial)) {
    v1::TrainerRequest request;
    *request.mutable_start() = start;
    // A trainer that has gone is noticed by the reader, which then ends this trial.
    const absl::Status sent = trainer->Send(request);
    if (absl::IsInvalidArgument(sent)) {
      End(FailedTrial(start.trial(), v1::FAILURE_REASON_INVALID, std::string(sent.message())));
    }
  }
  const base::MutexLock lock(&mutex_);
  while (!trial.ended) changed_.Wait(&mutex_);
  const auto entry = running_.find(start.trial());
  if (entry != running_.end() && entry->second == &trial) running_.erase(entry);
  return std::move(trial.end);
}

std::shared_ptr<TrainerProcess> TrainerSupervisor::Enter(const std::string& name,
                                                         RunningTrial& trial) {
  const base::MutexLock lock(&mutex_);
  if (!running_.emplace(name, &trial).second) {
    trial.end = FailedTrial(name, v1::FAILURE_REASON_INTERNAL, "it runs here already");
    trial.ended = true;
    return nullptr;
  }
  while (process_ == nullptr && !stopping_ && !trial.ended) changed_.Wait(&mutex_);
  if (stopping_ && !trial.ended) {
    trial.end = FailedTrial(name, v1::FAILURE_REASON_PREEMPTED, "the trainer is being stopped");
    trial.ended = true;
  }
  return trial.ended ? nullptr : process_;
}

void TrainerSupervisor::Stop(const std::string& trial) {
  const std::shared_ptr<TrainerProcess> trainer = process();
  if (trainer == nullptr) {
    // It waits for a trainer: nobody else would end it.
    End(FailedTrial(trial, v1::FAILURE_REASON_PREEMPTED, "stopped while no trainer was running"));
    return;
  }
  v1::TrainerRequest request;
  request.mutable_stop()->set_trial(trial);
  const absl::Status sent = trainer->Send(request);
  if (!sent.ok()) base::LogDebug("stop not sent", {{"trial", trial}, {"status", sent}});
}

std::int64_t TrainerSupervisor::crash_count() const {
  const base::MutexLock lock(&mutex_);
  return crashes_;
}

pid_t TrainerSupervisor::trainer_pid() const {
  const std::shared_ptr<TrainerProcess> trainer = process();
  return trainer == nullptr ? -1 : trainer->pid();
}

absl::StatusOr<v1::TrainerReady> TrainerSupervisor::Launch() {
  ASSIGN_OR_RETURN(std::shared_ptr<TrainerProcess> trainer, TrainerProcess::Start(options_));
  v1::TrainerEvent event;
  const absl::StatusOr<bool> received = trainer->Receive(&event);
  if (!received.ok() || !*received || !event.has_ready()) {
    return absl::UnavailableError(
        absl::StrCat(options_.program, " ", trainer->Close(), " before it was ready"));
  }
  const base::MutexLock lock(&mutex_);
  process_ = std::move(trainer);
  changed_.SignalAll();
  return event.ready();
}

void TrainerSupervisor::ReadEvents() {
  while (const std::shared_ptr<TrainerProcess> trainer = process()) {
    v1::TrainerEvent event;
    const absl::StatusOr<bool> received = trainer->Receive(&event);
    if (received.ok() && *received) {
      Handle(event);
      continue;
    }
    {
      const base::MutexLock lock(&mutex_);
      if (stopping_) return;
      process_ = nullptr;
      ++crashes_;
    }
    const std::string how = trainer->Close();
    base::LogError("trainer ended; starting it again", {{"end", how}});
    EndAllCrashed(how);
    if (!Relaunch()) return;
  }
}

void TrainerSupervisor::Handle(const v1::TrainerEvent& event) {
  if (event.has_ended()) {
    End(event.ended());
  } else if (event.has_progress()) {
    std::function<void(const v1::TrialProgress&)> on_progress;
    {
      const base::MutexLock lock(&mutex_);
      const auto found = running_.find(event.progress().trial());
      if (found != running_.end()) on_progress = found->second->on_progress;
    }
    if (on_progress) on_progress(event.progress());
  }
}

void TrainerSupervisor::End(const v1::TrialEnded& end) {
  const base::MutexLock lock(&mutex_);
  const auto found = running_.find(end.trial());
  if (found == running_.end() || found->second->ended) return;
  found->second->end = end;
  found->second->ended = true;
  changed_.SignalAll();
}

void TrainerSupervisor::EndAllCrashed(const std::string& how) {
  const base::MutexLock lock(&mutex_);
  for (auto& [name, trial] : running_) {
    if (trial->ended) continue;
    trial->end = FailedTrial(name, v1::FAILURE_REASON_CRASHED, absl::StrCat("the trainer ", how));
    trial->ended = true;
  }
  changed_.SignalAll();
}

bool TrainerSupervisor::Relaunch() {
  while (true) {
    const absl::StatusOr<v1::TrainerReady> ready = Launch();
    if (!ready.ok()) base::LogError("trainer does not start", {{"status", ready.status()}});
    const base::MutexLock lock(&mutex_);
    if (!ready.ok() && !stopping_) changed_.WaitFor(&mutex_, kRelaunchPause);
    if (stopping_) return false;
    if (ready.ok()) return true;
  }
}

std::shared_ptr<TrainerProcess> TrainerSupervisor::process() const {
  const base::MutexLock lock(&mutex_);
  return process_;
}

}  // namespace graft::worker
