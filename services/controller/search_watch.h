// SearchService::Watch. Internal to the service's sources.
#ifndef GRAFT_SERVICES_CONTROLLER_SEARCH_WATCH_H_
#define GRAFT_SERVICES_CONTROLLER_SEARCH_WATCH_H_

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "common/base/mutex.h"
#include "services/controller/search_service.h"

namespace graft::controller {

// A WatchSearch call: writes one update at a time, then asks the controller for the next. Lives
// until gRPC is done with it and nobody pokes it any more. Thread-safe.
class SearchService::Watch final : public grpc::ServerWriteReactor<v1::WatchSearchResponse> {
 public:
  static std::shared_ptr<Watch> Start(SearchService* service, Controller* controller,
                                      const WatchCursor& cursor);

  SearchId search() const { return search_; }

  // Writes the next update if there is one and none is being written.
  void Poke();
  // Ends the call once what is being written is out.
  void End(const grpc::Status& status);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  Watch(SearchService* service, Controller* controller, const WatchCursor& cursor)
      : service_(service), controller_(controller), search_(cursor.search()), cursor_(cursor) {}

  // Decides what to do next and does it.
  void Step();

  SearchService* const service_;
  Controller* const controller_;
  const SearchId search_;
  std::shared_ptr<Watch> self_;  // until OnDone

  base::Mutex mutex_;
  WatchCursor cursor_ ABSL_GUARDED_BY(mutex_);
  v1::WatchSearchResponse response_;  // of gRPC while `writing_`
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mutex_);  // asked for by End
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_SEARCH_WATCH_H_
