// SearchService: the controller's gRPC face towards users.
#ifndef GRAFT_SERVICES_CONTROLLER_SEARCH_SERVICE_H_
#define GRAFT_SERVICES_CONTROLLER_SEARCH_SERVICE_H_

#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "common/base/mutex.h"
#include "common/blob/blob_store.h"
#include "proto/graft/v1/search_service.grpc.pb.h"
#include "services/controller/core/controller.h"
#include "services/controller/core/trial_log.h"
#include "services/controller/task_thread.h"

namespace graft::controller {

// Parses, calls the controller, converts. A watch holds no thread: it writes one update at a time
// and sleeps until its search changes. Thread-safe.
class SearchService final : public v1::SearchService::CallbackService {
 public:
  struct Options {
    // Address of the weight store as told to clients.
    std::string weight_store_address;
  };

  // All must outlive the server; data sets' headers are read from `store`.
  SearchService(Controller* controller, TrialLog* log, blob::BlobStore* store,
                const Options& options);
  ~SearchService() override;

  // A search has changed: its watches go on.
  void OnSearchChanged(SearchId search);
  // Ends all watches with UNAVAILABLE, and later ones at once.
  void Drain();

  grpc::ServerUnaryReactor* CreateSearch(grpc::CallbackServerContext* context,
                                         const v1::CreateSearchRequest* request,
                                         v1::Search* response) override;
  grpc::ServerUnaryReactor* GetSearch(grpc::CallbackServerContext* context,
                                      const v1::GetSearchRequest* request,
                                      v1::Search* response) override;
  grpc::ServerUnaryReactor* ListSearches(grpc::CallbackServerContext* context,
                                         const v1::ListSearchesRequest* request,
                                         v1::ListSearchesResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchSearchResponse>* WatchSearch(
      grpc::CallbackServerContext* context, const v1::WatchSearchRequest* request) override;
  grpc::ServerUnaryReactor* CancelSearch(grpc::CallbackServerContext* context,
                                         const v1::CancelSearchRequest* request,
                                         v1::Search* response) override;
  grpc::ServerUnaryReactor* PauseSearch(grpc::CallbackServerContext* context,
                                        const v1::PauseSearchRequest* request,
                                        v1::Search* response) override;
  grpc::ServerUnaryReactor* ResumeSearch(grpc::CallbackServerContext* context,
                                         const v1::ResumeSearchRequest* request,
                                         v1::Search* response) override;
  grpc::ServerUnaryReactor* ExtendSearch(grpc::CallbackServerContext* context,
                                         const v1::ExtendSearchRequest* request,
                                         v1::Search* response) override;
  grpc::ServerUnaryReactor* DeleteSearch(grpc::CallbackServerContext* context,
                                         const v1::DeleteSearchRequest* request,
                                         google::protobuf::Empty* response) override;
  grpc::ServerUnaryReactor* GetTrial(grpc::CallbackServerContext* context,
                                     const v1::GetTrialRequest* request,
                                     v1::Trial* response) override;
  grpc::ServerUnaryReactor* ListTrials(grpc::CallbackServerContext* context,
                                       const v1::ListTrialsRequest* request,
                                       v1::ListTrialsResponse* response) override;
  grpc::ServerUnaryReactor* ListTrialLog(grpc::CallbackServerContext* context,
                                         const v1::ListTrialLogRequest* request,
                                         v1::ListTrialLogResponse* response) override;
  grpc::ServerUnaryReactor* GetNetwork(grpc::CallbackServerContext* context,
                                       const v1::GetNetworkRequest* request,
                                       v1::Network* response) override;
  grpc::ServerUnaryReactor* ListNetworks(grpc::CallbackServerContext* context,
                                         const v1::ListNetworksRequest* request,
                                         v1::ListNetworksResponse* response) override;
  grpc::ServerUnaryReactor* ImportNetwork(grpc::CallbackServerContext* context,
                                          const v1::ImportNetworkRequest* request,
                                          v1::Network* response) override;
  grpc::ServerUnaryReactor* ListEpisodes(grpc::CallbackServerContext* context,
                                         const v1::ListEpisodesRequest* request,
                                         v1::ListEpisodesResponse* response) override;
  grpc::ServerUnaryReactor* ListWorkers(grpc::CallbackServerContext* context,
                                        const v1::ListWorkersRequest* request,
                                        v1::ListWorkersResponse* response) override;
  grpc::ServerUnaryReactor* CreateDataset(grpc::CallbackServerContext* context,
                                          const v1::CreateDatasetRequest* request,
                                          v1::Dataset* response) override;
  grpc::ServerUnaryReactor* GetDataset(grpc::CallbackServerContext* context,
                                       const v1::GetDatasetRequest* request,
                                       v1::Dataset* response) override;
  grpc::ServerUnaryReactor* ListDatasets(grpc::CallbackServerContext* context,
                                         const v1::ListDatasetsRequest* request,
                                         v1::ListDatasetsResponse* response) override;
  grpc::ServerUnaryReactor* GetCluster(grpc::CallbackServerContext* context,
                                       const v1::GetClusterRequest* request,
                                       v1::Cluster* response) override;

 private:
  class Watch;

  absl::StatusOr<v1::Search> Create(const v1::CreateSearchRequest& request);
  // Calls `change` with the search and the tag of `request`.
  template <typename Request, typename Change>
  absl::StatusOr<SearchView> ChangeSearch(const Request& request, Change change) const;
  absl::StatusOr<v1::ListTrialLogResponse> List(const v1::ListTrialLogRequest& request) const;
  absl::StatusOr<v1::ListNetworksResponse> List(const v1::ListNetworksRequest& request) const;
  absl::StatusOr<v1::Dataset> Create(const v1::CreateDatasetRequest& request);
  absl::StatusOr<v1::Network> Import(const v1::ImportNetworkRequest& request);
  // Answers a call that waits for the weight store, from a thread of its own.
  template <typename Response, typename Make>
  grpc::ServerUnaryReactor* AnswerLater(grpc::CallbackServerContext* context, Make make,
                                        Response* response);
  void Remove(const std::shared_ptr<Watch>& watch);

  Controller* const controller_;
  TrialLog* const log_;
  blob::BlobStore* const store_;
  const Options options_;

  base::Mutex mutex_;
  std::map<SearchId, std::set<std::shared_ptr<Watch>>> watches_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;

  TaskThread thread_;  // reads data sets' headers; last: ends before all else
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_SEARCH_SERVICE_H_
