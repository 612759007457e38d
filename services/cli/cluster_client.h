// ClusterClient: the calls of SearchService as functions, and the weight store behind it.
#ifndef GRAFT_SERVICES_CLI_CLUSTER_CLIENT_H_
#define GRAFT_SERVICES_CLI_CLUSTER_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/blob/blob_store.h"
#include "proto/graft/v1/search_service.pb.h"

namespace graft::cli {

struct ClientOptions {
  std::string server;        // host:port of the controller
  std::string token_file;    // empty: none
  std::string tls_root;      // PEM file of root certificates; empty: plain text
  std::string weight_store;  // host:port; empty: what the controller says
};

// Errors are the server's; UNAVAILABLE names the address and what to try. Thread-safe.
class ClusterClient {
 public:
  virtual ~ClusterClient() = default;

  // INVALID_ARGUMENT: a file of the options cannot be read. Does not connect yet.
  static absl::StatusOr<std::unique_ptr<ClusterClient>> Create(const ClientOptions& options);

  virtual absl::StatusOr<v1::Search> CreateSearch(const v1::CreateSearchRequest& request) = 0;
  virtual absl::StatusOr<v1::Search> GetSearch(const std::string& name) = 0;
  virtual absl::StatusOr<v1::Search> CancelSearch(const std::string& name) = 0;
  virtual absl::StatusOr<v1::Search> PauseSearch(const std::string& name) = 0;
  virtual absl::StatusOr<v1::Search> ResumeSearch(const std::string& name) = 0;
  virtual absl::StatusOr<v1::Search> ExtendSearch(const std::string& name,
                                                  std::int64_t episodes) = 0;
  virtual absl::Status DeleteSearch(const std::string& name) = 0;
  virtual absl::StatusOr<v1::Trial> GetTrial(const std::string& name) = 0;
  // One page.
  virtual absl::StatusOr<v1::ListTrialLogResponse> ListTrialLog(
      const v1::ListTrialLogRequest& request) = 0;
  virtual absl::StatusOr<v1::Network> GetNetwork(const std::string& name) = 0;
  virtual absl::StatusOr<v1::Network> ImportNetwork(const v1::ImportNetworkRequest& request) = 0;
  virtual absl::StatusOr<v1::Dataset> CreateDataset(const v1::Dataset& dataset) = 0;
  virtual absl::StatusOr<v1::Dataset> GetDataset(const std::string& name) = 0;
  virtual absl::StatusOr<v1::Cluster> GetCluster() = 0;

  // All pages, at most `limit` items.
  virtual absl::StatusOr<std::vector<v1::Search>> ListSearches(
      const std::map<std::string, std::string>& labels, int limit) = 0;
  virtual absl::StatusOr<std::vector<v1::Episode>> ListEpisodes(const std::string& search) = 0;
  virtual absl::StatusOr<std::vector<v1::Trial>> ListTrials(const std::string& search) = 0;
  virtual absl::StatusOr<std::vector<v1::Network>> ListNetworks(const std::string& search,
                                                                int limit) = 0;
  virtual absl::StatusOr<std::vector<v1::Worker>> ListWorkers() = 0;
  virtual absl::StatusOr<std::vector<v1::Dataset>> ListDatasets() = 0;

  // Calls `on_update` for each update until the search has ended, or until `should_stop`, which is
  // asked several times a second and from another thread, says so. A broken connection is taken up
  // again where it broke, for up to `patience`.
  virtual absl::Status WatchSearch(
      const std::string& name, absl::Duration patience,
      const std::function<void(const v1::WatchSearchResponse&)>& on_update,
      const std::function<bool()>& should_stop) = 0;

  // The weight store, with this client's credentials. UNAVAILABLE if it does not answer.
  virtual absl::StatusOr<std::unique_ptr<blob::BlobStore>> OpenWeightStore() = 0;
};

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_CLUSTER_CLIENT_H_
