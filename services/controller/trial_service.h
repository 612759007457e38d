// TrialService: the controller's gRPC face towards workers.
#ifndef GRAFT_SERVICES_CONTROLLER_TRIAL_SERVICE_H_
#define GRAFT_SERVICES_CONTROLLER_TRIAL_SERVICE_H_

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "proto/graft/v1/trial_service.grpc.pb.h"
#include "services/controller/core/controller.h"
#include "services/controller/core/trial_log.h"
#include "services/controller/task_thread.h"

namespace graft::controller {

// Parses, calls the controller, converts. A LeaseTrials that finds nothing waits in a list, without
// a thread, until trials are queued, its wait is over, its client goes away or the service drains.
// Thread-safe.
class TrialService final : public v1::TrialService::CallbackService {
 public:
  // All must outlive the server.
  TrialService(Controller* controller, TrialLog* log, const base::Clock* clock);
  ~TrialService() override;

  grpc::ServerUnaryReactor* LeaseTrials(grpc::CallbackServerContext* context,
                                        const v1::LeaseTrialsRequest* request,
                                        v1::LeaseTrialsResponse* response) override;
  grpc::ServerUnaryReactor* Heartbeat(grpc::CallbackServerContext* context,
                                      const v1::HeartbeatRequest* request,
                                      v1::HeartbeatResponse* response) override;
  grpc::ServerUnaryReactor* ReportTrial(grpc::CallbackServerContext* context,
                                        const v1::ReportTrialRequest* request,
                                        v1::ReportTrialResponse* response) override;

  // Trials were queued: waiting calls are tried again, by the service's own thread.
  void OnWork();
  // Ends the calls whose wait is over. O(waiting calls).
  void Tick();
  // Ends all waiting calls with UNAVAILABLE, and later ones at once.
  void Drain();

 private:
  class LeaseCall;
  using Waiting = std::list<LeaseCall*>;

  // Finishes the call if it can be answered now.
  bool TryLease(LeaseCall& call);
  // Lets a call wait. False: work came up since `epoch`, it has to be tried again.
  bool Enqueue(LeaseCall& call, std::int64_t epoch);
  void ServeWaiting();
  void ServeWaiting(const std::string& numerics_class);
  void Forget(LeaseCall& call);
  // What cannot be logged is dropped: no trial should fail for it.
  void Log(const Attempt& attempt, const std::string& worker,
           const google::protobuf::RepeatedPtrField<v1::TrialLogEntry>& lines);

  Controller* const controller_;
  TrialLog* const log_;
  const base::Clock* const clock_;

  base::Mutex mutex_;
  // By numerics class, in order of arrival. A call is finished by whoever takes it out.
  std::map<std::string, Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::int64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;  // counts OnWork
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;

  TaskThread thread_;  // last: ends before all else
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_TRIAL_SERVICE_H_
