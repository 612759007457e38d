#include "services/cli/cluster_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/rng.h"
#include "common/base/status_macros.h"
#include "common/rpc/client.h"
#include "common/rpc/remote_blob_store.h"
#include "common/rpc/retry.h"
#include "common/rpc/status_conversion.h"
#include "proto/graft/v1/config.pb.h"
#include "proto/graft/v1/search_service.grpc.pb.h"

namespace graft::cli {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(60);
constexpr absl::Duration kStopPollInterval = absl::Milliseconds(50);
constexpr int kPageSize = 500;
// A controller that is being started again answers within seconds.
constexpr rpc::RetryPolicy kRetryPolicy = {.max_attempts = 7, .max_backoff = absl::Seconds(1)};

v1::ClientConfig ToConfig(const ClientOptions& options, const std::string& address) {
  v1::ClientConfig config;
  config.set_address(address);
  config.set_token_path(options.token_file);
  if (!options.tls_root.empty()) config.mutable_tls()->set_root_certificates(options.tls_root);
  return config;
}

std::string NewRequestId() {
  base::Rng rng = rpc::JitterRng();
  return absl::StrCat("cli-", absl::Hex(rng.NextU64(), absl::kZeroPad16),
                      absl::Hex(rng.NextU64(), absl::kZeroPad16));
}

class GrpcClusterClient final : public ClusterClient {
 public:
  GrpcClusterClient(ClientOptions options, const std::shared_ptr<grpc::Channel>& channel)
      : options_(std::move(options)), stub_(v1::SearchService::NewStub(channel)) {}

  absl::StatusOr<v1::Search> CreateSearch(const v1::CreateSearchRequest& request) override {
    v1::CreateSearchRequest identified = request;
    if (identified.request_id().empty()) identified.set_request_id(NewRequestId());
    return Call<v1::Search>(&v1::SearchService::Stub::CreateSearch, identified);
  }

  absl::StatusOr<v1::Search> GetSearch(const std::string& name) override {
    return Get<v1::GetSearchRequest, v1::Search>(&v1::SearchService::Stub::GetSearch, name);
  }

  absl::StatusOr<v1::Search> CancelSearch(const std::string& name) override {
    return Call<v1::Search>(&v1::SearchService::Stub::CancelSearch,
                            Change<v1::CancelSearchRequest>(name));
  }

  absl::StatusOr<v1::Search> PauseSearch(const std::string& name) override {
    return Call<v1::Search>(&v1::SearchService::Stub::PauseSearch,
                            Change<v1::PauseSearchRequest>(name));
  }

  absl::StatusOr<v1::Search> ResumeSearch(const std::string& name) override {
    return Call<v1::Search>(&v1::SearchService::Stub::ResumeSearch,
                            Change<v1::ResumeSearchRequest>(name));
  }

  absl::StatusOr<v1::Search> ExtendSearch(const std::string& name, std::int64_t episodes) override {
    auto request = Change<v1::ExtendSearchRequest>(name);
    request.set_episodes(episodes);
    return Call<v1::Search>(&v1::SearchService::Stub::ExtendSearch, request);
  }

  absl::Status DeleteSearch(const std::string& name) override {
    return Call<google::protobuf::Empty>(&v1::SearchService::Stub::DeleteSearch,
                                         Change<v1::DeleteSearchRequest>(name))
        .status();
  }

  absl::StatusOr<v1::Network> ImportNetwork(const v1::ImportNetworkRequest& request) override {
    v1::ImportNetworkRequest identified = request;
    identified.set_request_id(NewRequestId());
    return Call<v1::Network>(&v1::SearchService::Stub::ImportNetwork, identified);
  }

  absl::StatusOr<v1::Trial> GetTrial(const std::string& name) override {
    return Get<v1::GetTrialRequest, v1::Trial>(&v1::SearchService::Stub::GetTrial, name);
  }

  absl::StatusOr<v1::ListTrialLogResponse> ListTrialLog(
      const v1::ListTrialLogRequest& request) override {
    return Call<v1::ListTrialLogResponse>(&v1::SearchService::Stub::ListTrialLog, request);
  }

  absl::StatusOr<v1::Network> GetNetwork(const std::string& name) override {
    return Get<v1::GetNetworkRequest, v1::Network>(&v1::SearchService::Stub::GetNetwork, name);
  }

  absl::StatusOr<v1::Dataset> CreateDataset(const v1::Dataset& dataset) override {
    v1::CreateDatasetRequest request;
    *request.mutable_dataset() = dataset;
    request.set_request_id(NewRequestId());
    return Call<v1::Dataset>(&v1::SearchService::Stub::CreateDataset, request);
  }

  absl::StatusOr<v1::Dataset> GetDataset(const std::string& name) override {
    return Get<v1::GetDatasetRequest, v1::Dataset>(&v1::SearchService::Stub::GetDataset, name);
  }

  absl::StatusOr<v1::Cluster> GetCluster() override {
    return Call<v1::Cluster>(&v1::SearchService::Stub::GetCluster, v1::GetClusterRequest());
  }

  absl::StatusOr<std::vector<v1::Search>> ListSearches(
      const std::map<std::string, std::string>& labels, int limit) override {
    v1::ListSearchesRequest request;
    request.mutable_labels()->insert(labels.begin(), labels.end());
    return ListAll<v1::Search, v1::ListSearchesResponse>(
        &v1::SearchService::Stub::ListSearches, request, limit,
        [](const v1::ListSearchesResponse& page) -> auto& { return page.searches(); });
  }

  absl::StatusOr<std::vector<v1::Episode>> ListEpisodes(const std::string& search) override {
    v1::ListEpisodesRequest request;
    request.set_parent(search);
    return ListAll<v1::Episode, v1::ListEpisodesResponse>(
        &v1::SearchService::Stub::ListEpisodes, request, kNoLimit,
        [](const v1::ListEpisodesResponse& page) -> auto& { return page.episodes(); });
  }

  absl::StatusOr<std::vector<v1::Trial>> ListTrials(const std::string& search) override {
    v1::ListTrialsRequest request;
    request.set_parent(search);
    return ListAll<v1::Trial, v1::ListTrialsResponse>(
        &v1::SearchService::Stub::ListTrials, request, kNoLimit,
        [](const v1::ListTrialsResponse& page) -> auto& { return page.trials(); });
  }

  absl::StatusOr<std::vector<v1::Network>> ListNetworks(const std::string& search,
                                                        int limit) override {
    v1::ListNetworksRequest request;
    request.set_search(search);
    return ListAll<v1::Network, v1::ListNetworksResponse>(
        &v1::SearchService::Stub::ListNetworks, request, limit,
        [](const v1::ListNetworksResponse& page) -> auto& { return page.networks(); });
  }

  absl::StatusOr<std::vector<v1::Worker>> ListWorkers() override {
    ASSIGN_OR_RETURN(const v1::ListWorkersResponse response,
                     Call<v1::ListWorkersResponse>(&v1::SearchService::Stub::ListWorkers,
                                                   v1::ListWorkersRequest()));
    return std::vector<v1::Worker>(response.workers().begin(), response.workers().end());
  }

  absl::StatusOr<std::vector<v1::Dataset>> ListDatasets() override {
    return ListAll<v1::Dataset, v1::ListDatasetsResponse>(
        &v1::SearchService::Stub::ListDatasets, v1::ListDatasetsRequest(), kNoLimit,
        [](const v1::ListDatasetsResponse& page) -> auto& { return page.datasets(); });
  }

  absl::Status WatchSearch(const std::string& name, absl::Duration patience,
                           const std::function<void(const v1::WatchSearchResponse&)>& on_update,
                           const std::function<bool()>& should_stop) override {
    v1::WatchSearchRequest request;
    request.set_name(name);
    rpc::Backoff backoff({}, rpc::JitterRng());
    absl::Time give_up = absl::Now() + patience;
    while (true) {
      const absl::Status status = WatchOnce(
          request,
          [&](const v1::WatchSearchResponse& update) {
            give_up = absl::Now() + patience;
            backoff.Reset();
            on_update(update);
          },
          should_stop);
      if (should_stop()) return absl::OkStatus();
      if (!rpc::IsRetryable(status) || absl::Now() >= give_up) return Explain(status);
      absl::SleepFor(backoff.Next());
    }
  }

  absl::StatusOr<std::unique_ptr<blob::BlobStore>> OpenWeightStore() override {
    std::string address = options_.weight_store;
    if (address.empty()) {
      ASSIGN_OR_RETURN(const v1::Cluster cluster, GetCluster());
      address = cluster.weight_store();
    }
    ASSIGN_OR_RETURN(const auto channel, rpc::MakeChannel(ToConfig(options_, address)));
    // The controller may name an address that serves others and not this machine.
    rpc::RemoteBlobStore probe(channel, {.retry = kRetryPolicy});
    const absl::Status answer = probe.Contains(digest::BlobDigest::Of("")).status();
    if (absl::IsUnavailable(answer)) {
      return absl::UnavailableError(
          absl::StrCat("no weight store answers at ", address, " (", answer.message(),
                       "); --weight-store names its address as it is reached from here"));
    }
    RETURN_IF_ERROR(answer);
    return std::make_unique<rpc::RemoteBlobStore>(channel, rpc::RemoteBlobStore::Options());
  }

 private:
  static constexpr int kNoLimit = std::numeric_limits<int>::max();

  // A request to change a search.
  template <typename Request>
  static Request Change(const std::string& name) {
    Request request;
    request.set_name(name);
    request.set_request_id(NewRequestId());
    return request;
  }

  template <typename Response, typename Request>
  using Method = grpc::Status (v1::SearchService::Stub::*)(grpc::ClientContext*, const Request&,
                                                           Response*);

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(Method<Response, Request> method, const Request& request) {
    Response response;
    const absl::Status status = rpc::Retry(kRetryPolicy, &rpc::RealSleeper(), [&] {
      grpc::ClientContext context;
      rpc::SetTimeout(kCallTimeout, &context);
      response.Clear();
      return rpc::FromGrpc((stub_.get()->*method)(&context, request, &response));
    });
    if (!status.ok()) return Explain(status);
    return response;
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Get(Method<Response, Request> method, const std::string& name) {
    Request request;
    request.set_name(name);
    return Call<Response>(method, request);
  }

  template <typename Item, typename Response, typename Request, typename Items>
  absl::StatusOr<std::vector<Item>> ListAll(Method<Response, Request> method, Request request,
                                            int limit, Items items_of) {
    std::vector<Item> all;
    while (static_cast<int>(all.size()) < limit) {
      request.set_page_size(std::min(kPageSize, limit - static_cast<int>(all.size())));
      ASSIGN_OR_RETURN(const Response page, Call<Response>(method, request));
      const auto& items = items_of(page);
      all.insert(all.end(), items.begin(), items.end());
      if (page.next_page_token().empty()) break;
      request.set_page_token(page.next_page_token());
    }
    return all;
  }

  // One connection; moves the request's resume token on.
  absl::Status WatchOnce(v1::WatchSearchRequest& request,
                         const std::function<void(const v1::WatchSearchResponse&)>& on_update,
                         const std::function<bool()>& should_stop) {
    grpc::ClientContext context;
    // A blocked Read notices nothing but the cancellation of its call.
    const std::jthread canceller([&](const std::stop_token& read_is_over) {
      while (!read_is_over.stop_requested() && !should_stop()) absl::SleepFor(kStopPollInterval);
      if (!read_is_over.stop_requested()) context.TryCancel();
    });
    const auto reader = stub_->WatchSearch(&context, request);
    v1::WatchSearchResponse response;
    while (reader->Read(&response)) {
      request.set_resume_token(response.resume_token());
      on_update(response);
    }
    return rpc::FromGrpc(reader->Finish());
  }

  absl::Status Explain(const absl::Status& status) const {
    if (!absl::IsUnavailable(status)) return status;
    return absl::UnavailableError(
        absl::StrCat("no controller answers at ", options_.server, " (", status.message(),
                     "); `graft local` starts one here, --server names another"));
  }

  const ClientOptions options_;
  const std::unique_ptr<v1::SearchService::Stub> stub_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ClusterClient>> ClusterClient::Create(const ClientOptions& options) {
  ASSIGN_OR_RETURN(const auto channel, rpc::MakeChannel(ToConfig(options, options.server)));
  return std::make_unique<GrpcClusterClient>(options, channel);
}

}  // namespace graft::cli
