#include "services/controller/search_watch.h"

#include <utility>

#include "common/rpc/status_conversion.h"
#include "services/controller/wire/resource_wire.h"

namespace graft::controller {

std::shared_ptr<SearchService::Watch> SearchService::Watch::Start(SearchService* service,
                                                                  Controller* controller,
                                                                  const WatchCursor& cursor) {
  std::shared_ptr<Watch> watch(new Watch(service, controller, cursor));
  watch->self_ = watch;
  return watch;
}

void SearchService::Watch::Poke() { Step(); }

void SearchService::Watch::End(const grpc::Status& status) {
  {
    base::MutexLock lock(&mutex_);
    if (!end_.has_value()) end_ = status;
  }
  Step();
}

void SearchService::Watch::Step() {
  std::optional<grpc::Status> finish;
  {
    base::MutexLock lock(&mutex_);
    if (writing_ || finished_) return;
    if (end_.has_value()) {
      finish = end_;
    } else {
      const absl::StatusOr<std::optional<Update>> update = controller_->NextUpdate(cursor_);
      if (!update.ok()) {
        const bool over = absl::IsOutOfRange(update.status());
        finish = over ? grpc::Status::OK : rpc::ToGrpc(update.status());
      } else if (!update->has_value()) {
        return;
      } else {
        response_ = ToProto(**update);
        writing_ = true;
      }
    }
    finished_ = finish.has_value();
  }
  // Outside the lock: gRPC may call back before it returns.
  if (finish.has_value()) {
    Finish(*finish);
  } else {
    StartWrite(&response_);
  }
}

void SearchService::Watch::OnWriteDone(bool ok) {
  {
    base::MutexLock lock(&mutex_);
    writing_ = false;
  }
  if (ok) {
    Step();
  } else {
    End(grpc::Status::CANCELLED);
  }
}

void SearchService::Watch::OnCancel() { End(grpc::Status::CANCELLED); }

void SearchService::Watch::OnDone() {
  const std::shared_ptr<Watch> self = std::move(self_);
  service_->Remove(self);
}

}  // namespace graft::controller
