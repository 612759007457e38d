// Controller::Transaction. Internal to the controller's sources.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_CONTROLLER_TRANSACTION_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_CONTROLLER_TRANSACTION_H_

#include <utility>

#include "absl/base/thread_annotations.h"
#include "services/controller/core/controller.h"

namespace graft::controller {

// Holds the controller's lock for a scope; once it is released, tells the listener what changed.
class ABSL_SCOPED_LOCKABLE Controller::Transaction {
 public:
  explicit Transaction(Controller* controller) ABSL_EXCLUSIVE_LOCK_FUNCTION(controller->mutex_)
      : controller_(controller) {
    controller_->mutex_.Lock();
  }

  ~Transaction() ABSL_UNLOCK_FUNCTION() {
    const News news = std::exchange(controller_->news_, {});
    ControllerListener* const listener = controller_->listener_;
    controller_->mutex_.Unlock();
    if (listener == nullptr) return;
    for (const AttemptEnd& end : news.failures) listener->OnAttemptFailed(end);
    for (const SearchId id : news.searches) listener->OnSearchChanged(id);
    if (news.work) listener->OnWork();
  }

  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

 private:
  Controller* const controller_;
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_CONTROLLER_TRANSACTION_H_
