#include "services/worker/trainer/trainer_server.h"

#include <utility>

#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/runner/runner.h"
#include "services/worker/trainer/framing.h"

namespace graft::worker {

TrainerServer::TrainerServer(int socket, const TrainerContext& context, std::int64_t slots)
    : socket_(socket), context_(context), slots_(slots) {}

TrainerServer::~TrainerServer() { Shutdown(); }

absl::Status TrainerServer::Run() {
  for (std::int64_t i = 0; i < slots_; ++i) threads_.emplace_back([this] { RunSlot(); });
  v1::TrainerEvent event;
  event.mutable_ready()->set_numerics_class(runner::NumericsClassOf(*context_.backend));
  event.mutable_ready()->set_slots(slots_);
  Send(event);
  const absl::Status status = ServeRequests();
  Shutdown();
  return status;
}

absl::Status TrainerServer::ServeRequests() {
  while (true) {
    v1::TrainerRequest request;
    ASSIGN_OR_RETURN(const bool received, ReadFrame(socket_, &request));
    if (!received) return absl::OkStatus();
    if (request.has_start()) {
      Enqueue(request.start());
    } else if (request.has_stop()) {
      StopTrial(request.stop().trial());
    } else {
      return absl::DataLossError("a request without a kind");
    }
  }
}

void TrainerServer::Enqueue(const v1::StartTrial& start) {
  auto trial = std::make_shared<Trial>();
  trial->start = start;
  base::MutexLock lock(&mutex_);
  if (!trials_.emplace(start.trial(), trial).second) {
    base::LogError("trial was started twice", {{"trial", start.trial()}});
    return;
  }
  queue_.push_back(std::move(trial));
  changed_.Signal();
}

void TrainerServer::StopTrial(const std::string& name) {
  base::MutexLock lock(&mutex_);
  // One that is not there has just ended; its end is on the way.
  if (const auto found = trials_.find(name); found != trials_.end()) found->second->stop = true;
}

void TrainerServer::Shutdown() {
  {
    base::MutexLock lock(&mutex_);
    closing_ = true;
    for (auto& [name, trial] : trials_) trial->stop = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void TrainerServer::RunSlot() {
  while (const std::shared_ptr<Trial> trial = NextTrial()) {
    const std::string& name = trial->start.trial();
    base::LogDebug("trial begins", {{"trial", name}});
    v1::TrainerEvent event;
    *event.mutable_ended() =
        RunTrialJob(context_, trial->start, trial->stop, [&](const v1::TrialProgress& progress) {
          v1::TrainerEvent epoch;
          *epoch.mutable_progress() = progress;
          Send(epoch);
        });
    {
      // Forgotten before the worker hears of the end: it may start the same trial again at once.
      base::MutexLock lock(&mutex_);
      trials_.erase(name);
    }
    Send(event);
  }
}

std::shared_ptr<TrainerServer::Trial> TrainerServer::NextTrial() {
  base::MutexLock lock(&mutex_);
  while (queue_.empty() && !closing_) changed_.Wait(&mutex_);
  if (closing_) return nullptr;
  std::shared_ptr<Trial> trial = std::move(queue_.front());
  queue_.pop_front();
  return trial;
}

void TrainerServer::Send(const v1::TrainerEvent& event) {
  base::MutexLock lock(&send_mutex_);
  // A worker that has gone is noticed by whoever reads.
  if (const absl::Status sent = WriteFrame(socket_, event); !sent.ok()) {
    base::LogWarning("event not sent", {{"status", sent}});
  }
}

}  // namespace graft::worker
