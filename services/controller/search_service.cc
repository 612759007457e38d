#include "services/controller/search_service.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/base/version.h"
#include "common/digest/sha256.h"
#include "common/rpc/status_conversion.h"
#include "common/wire/architecture_wire.h"
#include "services/controller/dataset_reader.h"
#include "services/controller/search_watch.h"
#include "services/controller/stored_weights.h"
#include "services/controller/wire/resource_names.h"
#include "services/controller/wire/resource_wire.h"
#include "services/controller/wire/search_spec_wire.h"

namespace graft::controller {
namespace {

constexpr std::size_t kMaxRequestIdBytes = 128;

// Answers a call at once.
template <typename Response>
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                 absl::StatusOr<Response> answer, Response* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (answer.ok()) *response = *std::move(answer);
  reactor->Finish(rpc::ToGrpc(answer.status()));
  return reactor;
}

// The same for what is made from a view of the core.
template <typename View, typename Response>
grpc::ServerUnaryReactor* AnswerView(grpc::CallbackServerContext* context,
                                     const absl::StatusOr<View>& view, Response* response) {
  if (!view.ok()) return Answer<Response>(context, view.status(), response);
  return Answer<Response>(context, ToProto(*view), response);
}

// The content is the message without its request id: within one program, equal messages have equal
// deterministic serialisations, and an id is not used again after years.
template <typename Request>
absl::StatusOr<RequestTag> TagOf(const Request& request) {
  if (request.request_id().empty()) return RequestTag{};
  if (request.request_id().size() > kMaxRequestIdBytes ||
      !base::IsValidUtf8(request.request_id())) {
    return base::InvalidFieldError(
        "request_id", absl::StrCat("expected at most ", kMaxRequestIdBytes, " bytes of UTF-8"));
  }
  Request content = request;
  content.clear_request_id();
  std::string bytes = Request::descriptor()->full_name();
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    content.SerializeToCodedStream(&coded);
  }
  return RequestTag{.id = request.request_id(), .content = digest::Sha256(bytes).ToHex()};
}

absl::StatusOr<WatchCursor> CursorOf(const v1::WatchSearchRequest& request) {
  ASSIGN_OR_RETURN(const SearchId search, ParseSearchName("name", request.name()));
  if (request.resume_token().empty()) return WatchCursor(search);
  std::int64_t sequence = 0;
  if (!absl::SimpleAtoi(request.resume_token(), &sequence) || sequence < 1) {
    return base::InvalidFieldError("resume_token", "is not a token that a watch gave");
  }
  return WatchCursor(search, sequence);
}

}  // namespace

SearchService::SearchService(Controller* controller, TrialLog* log, blob::BlobStore* store,
                             const Options& options)
    : controller_(controller), log_(log), store_(store), options_(options) {}

SearchService::~SearchService() = default;

template <typename Response, typename Make>
grpc::ServerUnaryReactor* SearchService::AnswerLater(grpc::CallbackServerContext* context,
                                                     Make make, Response* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  // gRPC keeps request and response until the reactor is finished.
  thread_.Post([make, response, reactor] {
    absl::StatusOr<Response> answer = make();
    if (answer.ok()) *response = *std::move(answer);
    reactor->Finish(rpc::ToGrpc(answer.status()));
  });
  return reactor;
}

// ---- Searches --------------------------------------------------------------------------------

absl::StatusOr<v1::Search> SearchService::Create(const v1::CreateSearchRequest& request) {
  ASSIGN_OR_RETURN(const RequestTag tag, TagOf(request));
  absl::StatusOr<SearchSpec> spec = FromProto(request.spec());
  if (!spec.ok()) return base::PrefixFieldViolations("spec", spec.status());
  const absl::StatusOr<SearchView> view = request.validate_only()
                                              ? controller_->ValidateSearch(*std::move(spec))
                                              : controller_->CreateSearch(*std::move(spec), tag);
  if (!view.ok()) return base::PrefixFieldViolations("spec", view.status());
  return ToProto(*view);
}

grpc::ServerUnaryReactor* SearchService::CreateSearch(grpc::CallbackServerContext* context,
                                                      const v1::CreateSearchRequest* request,
                                                      v1::Search* response) {
  return Answer(context, Create(*request), response);
}

grpc::ServerUnaryReactor* SearchService::GetSearch(grpc::CallbackServerContext* context,
                                                   const v1::GetSearchRequest* request,
                                                   v1::Search* response) {
  const auto get = [&]() -> absl::StatusOr<SearchView> {
    ASSIGN_OR_RETURN(const SearchId id, ParseSearchName("name", request->name()));
    return controller_->GetSearch(id);
  };
  return AnswerView(context, get(), response);
}

grpc::ServerUnaryReactor* SearchService::ListSearches(grpc::CallbackServerContext* context,
                                                      const v1::ListSearchesRequest* request,
                                                      v1::ListSearchesResponse* response) {
  const auto list = [&]() -> absl::StatusOr<v1::ListSearchesResponse> {
    PageRequest<SearchId> page;
    ASSIGN_OR_RETURN(page.size, ParsePageSize(request->page_size()));
    ASSIGN_OR_RETURN(const auto after, ParseNumberToken(request->page_token()));
    if (after.has_value()) page.after = SearchId{*after};
    const auto found =
        controller_->ListSearches(page, {request->labels().begin(), request->labels().end()});
    v1::ListSearchesResponse proto;
    for (const SearchView& search : found.items) *proto.add_searches() = ToProto(search);
    if (found.next) proto.set_next_page_token(PageToken(std::optional(found.next->number)));
    return proto;
  };
  return Answer(context, list(), response);
}

template <typename Request, typename Change>
absl::StatusOr<SearchView> SearchService::ChangeSearch(const Request& request,
                                                       Change change) const {
  ASSIGN_OR_RETURN(const SearchId id, ParseSearchName("name", request.name()));
  ASSIGN_OR_RETURN(const RequestTag tag, TagOf(request));
  return change(id, tag);
}

grpc::ServerUnaryReactor* SearchService::CancelSearch(grpc::CallbackServerContext* context,
                                                      const v1::CancelSearchRequest* request,
                                                      v1::Search* response) {
  const auto cancel = [this](SearchId id, const RequestTag& tag) {
    return controller_->CancelSearch(id, tag);
  };
  return AnswerView(context, ChangeSearch(*request, cancel), response);
}

grpc::ServerUnaryReactor* SearchService::PauseSearch(grpc::CallbackServerContext* context,
                                                     const v1::PauseSearchRequest* request,
                                                     v1::Search* response) {
  const auto pause = [this](SearchId id, const RequestTag& tag) {
    return controller_->PauseSearch(id, tag);
  };
  return AnswerView(context, ChangeSearch(*request, pause), response);
}

grpc::ServerUnaryReactor* SearchService::ResumeSearch(grpc::CallbackServerContext* context,
                                                      const v1::ResumeSearchRequest* request,
                                                      v1::Search* response) {
  const auto resume = [this](SearchId id, const RequestTag& tag) {
    return controller_->ResumeSearch(id, tag);
  };
  return AnswerView(context, ChangeSearch(*request, resume), response);
}

grpc::ServerUnaryReactor* SearchService::ExtendSearch(grpc::CallbackServerContext* context,
                                                      const v1::ExtendSearchRequest* request,
                                                      v1::Search* response) {
  const auto extend = [this, request](SearchId id, const RequestTag& tag) {
    return controller_->ExtendSearch(id, request->episodes(), tag);
  };
  return AnswerView(context, ChangeSearch(*request, extend), response);
}

grpc::ServerUnaryReactor* SearchService::DeleteSearch(grpc::CallbackServerContext* context,
                                                      const v1::DeleteSearchRequest* request,
                                                      google::protobuf::Empty* response) {
  const auto erase = [&]() -> absl::StatusOr<google::protobuf::Empty> {
    ASSIGN_OR_RETURN(const SearchId id, ParseSearchName("name", request->name()));
    ASSIGN_OR_RETURN(const RequestTag tag, TagOf(*request));
    RETURN_IF_ERROR(controller_->DeleteSearch(id, tag));
    return google::protobuf::Empty();
  };
  return Answer(context, erase(), response);
}

// ---- Watches ---------------------------------------------------------------------------------

grpc::ServerWriteReactor<v1::WatchSearchResponse>* SearchService::WatchSearch(
    grpc::CallbackServerContext* context, const v1::WatchSearchRequest* request) {
  const absl::StatusOr<WatchCursor> cursor = CursorOf(*request);
  const auto watch = Watch::Start(this, controller_, cursor.ok() ? *cursor : WatchCursor({}));
  if (!cursor.ok()) {
    watch->End(rpc::ToGrpc(cursor.status()));
    return watch.get();
  }
  bool draining = false;
  {
    base::MutexLock lock(&mutex_);
    draining = draining_;
    if (!draining) watches_[cursor->search()].insert(watch);
  }
  if (draining) {
    watch->End({grpc::StatusCode::UNAVAILABLE, "the controller drains"});
  } else {
    watch->Poke();
  }
  return watch.get();
}

void SearchService::OnSearchChanged(SearchId search) {
  std::vector<std::shared_ptr<Watch>> watches;
  {
    base::MutexLock lock(&mutex_);
    const auto found = watches_.find(search);
    if (found == watches_.end()) return;
    watches.assign(found->second.begin(), found->second.end());
  }
  for (const std::shared_ptr<Watch>& watch : watches) watch->Poke();
}

void SearchService::Drain() {
  std::map<SearchId, std::set<std::shared_ptr<Watch>>> watches;
  {
    base::MutexLock lock(&mutex_);
    draining_ = true;
    watches = watches_;
  }
  for (const auto& [search, watches_of_search] : watches) {
    for (const std::shared_ptr<Watch>& watch : watches_of_search) {
      watch->End({grpc::StatusCode::UNAVAILABLE, "the controller drains"});
    }
  }
}

void SearchService::Remove(const std::shared_ptr<Watch>& watch) {
  base::MutexLock lock(&mutex_);
  const auto found = watches_.find(watch->search());
  if (found == watches_.end()) return;
  found->second.erase(watch);
  if (found->second.empty()) watches_.erase(found);
}

// ---- Trials and networks ---------------------------------------------------------------------

grpc::ServerUnaryReactor* SearchService::GetTrial(grpc::CallbackServerContext* context,
                                                  const v1::GetTrialRequest* request,
                                                  v1::Trial* response) {
  const auto get = [&]() -> absl::StatusOr<TrialView> {
    ASSIGN_OR_RETURN(const TrialId id, ParseTrialName("name", request->name()));
    return controller_->GetTrial(id);
  };
  return AnswerView(context, get(), response);
}

grpc::ServerUnaryReactor* SearchService::ListTrials(grpc::CallbackServerContext* context,
                                                    const v1::ListTrialsRequest* request,
                                                    v1::ListTrialsResponse* response) {
  const auto list = [&]() -> absl::StatusOr<v1::ListTrialsResponse> {
    ASSIGN_OR_RETURN(const SearchId search, ParseSearchName("parent", request->parent()));
    PageRequest<std::int64_t> page;
    ASSIGN_OR_RETURN(page.size, ParsePageSize(request->page_size()));
    ASSIGN_OR_RETURN(page.after, ParseNumberToken(request->page_token()));
    ASSIGN_OR_RETURN(const auto found, controller_->ListTrials(search, page));
    v1::ListTrialsResponse proto;
    for (const TrialView& trial : found.items) *proto.add_trials() = ToProto(trial);
    proto.set_next_page_token(PageToken(found.next));
    return proto;
  };
  return Answer(context, list(), response);
}

absl::StatusOr<v1::ListTrialLogResponse> SearchService::List(
    const v1::ListTrialLogRequest& request) const {
  ASSIGN_OR_RETURN(const TrialId id, ParseTrialName("parent", request.parent()));
  ASSIGN_OR_RETURN(const std::size_t size, ParsePageSize(request.page_size()));
  ASSIGN_OR_RETURN(LogPosition position, ParseLogToken(request.page_token()));
  ASSIGN_OR_RETURN(const TrialView trial, controller_->GetTrial(id));
  // One more than the page tells whether another page follows.
  ASSIGN_OR_RETURN(std::vector<LoggedLine> lines, log_->Read(trial.trial.key, position, size + 1));
  const bool more = lines.size() > size;
  if (more) lines.pop_back();
  v1::ListTrialLogResponse proto;
  for (const LoggedLine& line : lines) *proto.add_entries() = ToProto(line);
  if (!lines.empty()) position = lines.back().position();
  proto.set_resume_token(PageToken(position));
  if (more) proto.set_next_page_token(proto.resume_token());
  return proto;
}

grpc::ServerUnaryReactor* SearchService::ListTrialLog(grpc::CallbackServerContext* context,
                                                      const v1::ListTrialLogRequest* request,
                                                      v1::ListTrialLogResponse* response) {
  return Answer(context, List(*request), response);
}

grpc::ServerUnaryReactor* SearchService::GetNetwork(grpc::CallbackServerContext* context,
                                                    const v1::GetNetworkRequest* request,
                                                    v1::Network* response) {
  const auto get = [&]() -> absl::StatusOr<Network> {
    ASSIGN_OR_RETURN(const std::string prefix, ParseNetworkName("name", request->name()));
    return controller_->GetNetwork(prefix);
  };
  return AnswerView(context, get(), response);
}

absl::StatusOr<v1::ListNetworksResponse> SearchService::List(
    const v1::ListNetworksRequest& request) const {
  ASSIGN_OR_RETURN(const std::size_t size, ParsePageSize(request.page_size()));
  v1::ListNetworksResponse proto;
  if (request.search().empty()) {
    ASSIGN_OR_RETURN(const auto after, ParseNumberToken(request.page_token()));
    const auto found = controller_->ListNetworks({.after = after, .size = size});
    for (const Network& network : found.items) *proto.add_networks() = ToProto(network);
    proto.set_next_page_token(PageToken(found.next));
    return proto;
  }
  ASSIGN_OR_RETURN(const SearchId search, ParseSearchName("search", request.search()));
  ASSIGN_OR_RETURN(const auto after, ParseRankToken(request.page_token()));
  ASSIGN_OR_RETURN(const auto found,
                   controller_->ListSearchNetworks(search, {.after = after, .size = size}));
  for (const Network& network : found.items) *proto.add_networks() = ToProto(network);
  proto.set_next_page_token(PageToken(found.next));
  return proto;
}

grpc::ServerUnaryReactor* SearchService::ListNetworks(grpc::CallbackServerContext* context,
                                                      const v1::ListNetworksRequest* request,
                                                      v1::ListNetworksResponse* response) {
  return Answer(context, List(*request), response);
}

absl::StatusOr<v1::Network> SearchService::Import(const v1::ImportNetworkRequest& request) {
  ASSIGN_OR_RETURN(const RequestTag tag, TagOf(request));
  absl::StatusOr<arch::Architecture> architecture =
      wire::ExpandFromProto(request.architecture(), {});
  if (!architecture.ok()) {
    return base::PrefixFieldViolations("architecture", architecture.status());
  }
  const absl::StatusOr<digest::WeightsDigest> weights =
      digest::WeightsDigest::Parse(request.weights());
  if (!weights.ok()) {
    return base::InvalidFieldError("weights", base::ToStd(weights.status().message()));
  }
  RETURN_IF_ERROR(CheckStoredWeights(*store_, *architecture, *weights));
  ASSIGN_OR_RETURN(
      const Network network,
      controller_->ImportNetwork({.architecture = *std::move(architecture), .weights = *weights},
                                 request.description(), tag));
  return ToProto(network);
}

grpc::ServerUnaryReactor* SearchService::ImportNetwork(grpc::CallbackServerContext* context,
                                                       const v1::ImportNetworkRequest* request,
                                                       v1::Network* response) {
  return AnswerLater(
      context, [this, request] { return Import(*request); }, response);
}

grpc::ServerUnaryReactor* SearchService::ListEpisodes(grpc::CallbackServerContext* context,
                                                      const v1::ListEpisodesRequest* request,
                                                      v1::ListEpisodesResponse* response) {
  const auto list = [&]() -> absl::StatusOr<v1::ListEpisodesResponse> {
    ASSIGN_OR_RETURN(const SearchId search, ParseSearchName("parent", request->parent()));
    PageRequest<std::int64_t> page;
    ASSIGN_OR_RETURN(page.size, ParsePageSize(request->page_size()));
    ASSIGN_OR_RETURN(page.after, ParseNumberToken(request->page_token()));
    ASSIGN_OR_RETURN(const auto found, controller_->ListEpisodes(search, page));
    v1::ListEpisodesResponse proto;
    for (const EpisodeView& episode : found.items) *proto.add_episodes() = ToProto(episode);
    proto.set_next_page_token(PageToken(found.next));
    return proto;
  };
  return Answer(context, list(), response);
}

// ---- Workers, data sets, cluster -------------------------------------------------------------

grpc::ServerUnaryReactor* SearchService::ListWorkers(grpc::CallbackServerContext* context,
                                                     const v1::ListWorkersRequest* request,
                                                     v1::ListWorkersResponse* response) {
  v1::ListWorkersResponse proto;
  for (const WorkerView& worker : controller_->ListWorkers()) {
    *proto.add_workers() = ToProto(worker);
  }
  return Answer<v1::ListWorkersResponse>(context, std::move(proto), response);
}

absl::StatusOr<v1::Dataset> SearchService::Create(const v1::CreateDatasetRequest& request) {
  ASSIGN_OR_RETURN(const RequestTag tag, TagOf(request));
  absl::StatusOr<Dataset> named = FromProto(request.dataset());
  if (!named.ok()) return base::PrefixFieldViolations("dataset", named.status());
  ASSIGN_OR_RETURN(Dataset dataset, ReadDataset(*store_, named->name, named->digest));
  const absl::StatusOr<Dataset> created = controller_->CreateDataset(std::move(dataset), tag);
  if (!created.ok()) return base::PrefixFieldViolations("dataset", created.status());
  return ToProto(*created);
}

grpc::ServerUnaryReactor* SearchService::CreateDataset(grpc::CallbackServerContext* context,
                                                       const v1::CreateDatasetRequest* request,
                                                       v1::Dataset* response) {
  return AnswerLater(
      context, [this, request] { return Create(*request); }, response);
}

grpc::ServerUnaryReactor* SearchService::GetDataset(grpc::CallbackServerContext* context,
                                                    const v1::GetDatasetRequest* request,
                                                    v1::Dataset* response) {
  const auto get = [&]() -> absl::StatusOr<Dataset> {
    ASSIGN_OR_RETURN(const std::string name, ParseDatasetName("name", request->name()));
    return controller_->GetDataset(name);
  };
  return AnswerView(context, get(), response);
}

grpc::ServerUnaryReactor* SearchService::ListDatasets(grpc::CallbackServerContext* context,
                                                      const v1::ListDatasetsRequest* request,
                                                      v1::ListDatasetsResponse* response) {
  const auto list = [&]() -> absl::StatusOr<v1::ListDatasetsResponse> {
    PageRequest<std::string> page;
    ASSIGN_OR_RETURN(page.size, ParsePageSize(request->page_size()));
    ASSIGN_OR_RETURN(page.after, ParseTextToken(request->page_token()));
    const auto found = controller_->ListDatasets(page);
    v1::ListDatasetsResponse proto;
    for (const Dataset& dataset : found.items) *proto.add_datasets() = ToProto(dataset);
    proto.set_next_page_token(PageToken(found.next));
    return proto;
  };
  return Answer(context, list(), response);
}

grpc::ServerUnaryReactor* SearchService::GetCluster(grpc::CallbackServerContext* context,
                                                    const v1::GetClusterRequest* request,
                                                    v1::Cluster* response) {
  v1::Cluster cluster;
  cluster.set_weight_store(options_.weight_store_address);
  cluster.set_version(std::string(base::Version()));
  return Answer<v1::Cluster>(context, std::move(cluster), response);
}

}  // namespace graft::controller
