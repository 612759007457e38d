#ifndef GRAFT_TESTS_UNIT_RPC_FAKE_SERVICE_H_
#define GRAFT_TESTS_UNIT_RPC_FAKE_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <string>

#include "common/base/mutex.h"
#include "proto/graft/v1/weight_store.grpc.pb.h"

namespace graft::rpc {

// A weight store of which two methods work: GetStatistics answers at once; CommitManifest waits
// until Release is called or the call is cancelled. Thread-safe.
class FakeService final : public v1::WeightStore::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetStatistics(grpc::CallbackServerContext* context,
                                          const v1::GetStatisticsRequest*,
                                          v1::Statistics* response) override {
    response->set_blob_count(7);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerUnaryReactor* CommitManifest(grpc::CallbackServerContext*,
                                           const v1::CommitManifestRequest*,
                                           v1::CommitManifestResponse*) override {
    auto* reactor = new Waiting(this);
    base::MutexLock lock(&mutex_);
    waiting_ = reactor;
    changed_.SignalAll();
    return reactor;
  }

  // Returns once a CommitManifest waits.
  void AwaitCall() {
    base::MutexLock lock(&mutex_);
    while (waiting_ == nullptr) changed_.Wait(&mutex_);
  }

  // Lets the waiting call succeed.
  void Release() { End(grpc::Status::OK); }

 private:
  class Waiting final : public grpc::ServerUnaryReactor {
   public:
    explicit Waiting(FakeService* service) : service_(service) {}
    void OnCancel() override { service_->End(grpc::Status::CANCELLED); }
    void OnDone() override { delete this; }

   private:
    FakeService* const service_;
  };

  void End(const grpc::Status& status) {
    grpc::ServerUnaryReactor* reactor = nullptr;
    {
      base::MutexLock lock(&mutex_);
      std::swap(reactor, waiting_);
    }
    if (reactor != nullptr) reactor->Finish(status);
  }

  base::Mutex mutex_;
  base::CondVar changed_;
  grpc::ServerUnaryReactor* waiting_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace graft::rpc

#endif  // GRAFT_TESTS_UNIT_RPC_FAKE_SERVICE_H_
