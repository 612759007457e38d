// A controller for tests of the worker.
#ifndef GRAFT_TESTS_UNIT_WORKER_FAKE_CONTROLLER_H_
#define GRAFT_TESTS_UNIT_WORKER_FAKE_CONTROLLER_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "proto/graft/v1/search_service.grpc.pb.h"
#include "proto/graft/v1/trial_service.grpc.pb.h"

namespace graft::worker {

// Serves TrialService and SearchService.GetCluster on a free port of loopback. Hands out the leases
// that a test queues, in order, one a slot; answers heartbeats with CONTINUE unless a test has set
// another directive; remembers every report. Knows nothing of searches, expiry or attempts: a test
// plays those. Thread-safe.
class FakeController {
 public:
  static constexpr std::int64_t kEveryAttempt = 0;

  // `weight_store`: what GetCluster answers.
  explicit FakeController(std::string weight_store);
  // Stops as Stop does.
  ~FakeController();

  const std::string& address() const { return address_; }
  // Cancels waiting calls and listens no more: the controller has gone.
  void Stop();

  void Enqueue(const v1::Lease& lease);
  // From the next heartbeat on, for one attempt or all.
  void SetDirective(const std::string& trial, v1::Directive directive,
                    std::int64_t attempt = kEveryAttempt);
  // The next `count` reports are answered with `code` and not remembered.
  void RefuseReports(int count, grpc::StatusCode code = grpc::StatusCode::UNAVAILABLE);

  // Wait until what they return is there; a test that waits in vain ends by its time limit.
  v1::ReportTrialRequest AwaitReport(const std::string& trial, std::int64_t attempt = 1);
  // A heartbeat that says of the attempt that at least so many epochs are done.
  void AwaitEpochs(const std::string& trial, std::int64_t epochs, std::int64_t attempt = 1);
  // A heartbeat that holds no lease, or not this attempt's, after all that came before this call.
  void AwaitIdle();
  void AwaitGone(const std::string& trial, std::int64_t attempt);
  // The worker has acted on the directives that were set before this call.
  void AwaitDirectives();

  // Fails the next `count` heartbeats.
  void RefuseHeartbeats(int count);

  std::vector<v1::ReportTrialRequest> reports() const;
  // Lines about a trial's attempt, of heartbeats that were answered and reports; each once.
  std::vector<v1::TrialLogEntry> log(const std::string& trial, std::int64_t attempt = 1) const;
  int refused_reports() const;

 private:
  class Trials;
  class Searches;

  void KeepLines(const std::string& trial, std::int64_t attempt,
                 const google::protobuf::RepeatedPtrField<v1::TrialLogEntry>& lines)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<v1::Lease> queue_ ABSL_GUARDED_BY(mutex_);
  // By trial and attempt.
  std::map<std::pair<std::string, std::int64_t>, v1::Directive> directives_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::ReportTrialRequest> reports_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::int64_t>, std::vector<v1::TrialLogEntry>> log_
      ABSL_GUARDED_BY(mutex_);
  int heartbeats_to_refuse_ ABSL_GUARDED_BY(mutex_) = 0;
  // Done, by trial and attempt.
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> epochs_ ABSL_GUARDED_BY(mutex_);
  // Number of the newest heartbeat that held it, by trial and attempt.
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> last_held_ ABSL_GUARDED_BY(mutex_);
  std::int64_t heartbeats_ ABSL_GUARDED_BY(mutex_) = 0;
  std::int64_t last_idle_ ABSL_GUARDED_BY(mutex_) = 0;  // number of the newest one without leases
  int to_refuse_ ABSL_GUARDED_BY(mutex_) = 0;
  grpc::StatusCode refusal_ ABSL_GUARDED_BY(mutex_) = grpc::StatusCode::UNAVAILABLE;
  int refused_ ABSL_GUARDED_BY(mutex_) = 0;

  const std::string weight_store_;
  std::unique_ptr<Trials> trials_;
  std::unique_ptr<Searches> searches_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace graft::worker

#endif  // GRAFT_TESTS_UNIT_WORKER_FAKE_CONTROLLER_H_
