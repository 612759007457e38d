#include "services/controller/storage/event_codec.h"

#include <google/protobuf/util/json_util.h>

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/wire/architecture_wire.h"
#include "common/wire/outcome_wire.h"
#include "common/wire/trial_wire.h"
#include "proto/graft/v1/event.pb.h"
#include "services/controller/wire/resource_wire.h"
#include "services/controller/wire/search_spec_wire.h"

namespace graft::controller {
namespace {

v1::Event::RequestTag ToProto(const RequestTag& request) {
  v1::Event::RequestTag proto;
  proto.set_id(request.id);
  proto.set_content(request.content);
  return proto;
}

RequestTag ReadTag(const v1::Event::RequestTag& proto) {
  return {.id = proto.id(), .content = proto.content()};
}

v1::Event::ChildProposal ToProto(const ChildProposal& child) {
  v1::Event::ChildProposal proto;
  proto.set_parent(child.parent.ToString());
  for (const transform::Edit& edit : child.edits) *proto.add_edits() = wire::ToProto(edit);
  proto.set_actions(child.actions);
  proto.set_edit_seed(child.edit_seed);
  return proto;
}

absl::StatusOr<ChildProposal> ReadChild(const v1::Event::ChildProposal& proto) {
  ASSIGN_OR_RETURN(const digest::NetworkDigest parent,
                   digest::NetworkDigest::Parse(proto.parent()));
  ChildProposal child{.parent = parent, .actions = proto.actions(), .edit_seed = proto.edit_seed()};
  for (const v1::Edit& edit : proto.edits()) {
    ASSIGN_OR_RETURN(transform::Edit parsed, wire::FromProto(edit));
    child.edits.push_back(std::move(parsed));
  }
  return child;
}

// ---- To the message: sets the event's field and returns the search it is about. ---------------

SearchId Write(const DatasetRegistered& event, v1::Event& proto) {
  v1::Event::DatasetRegistered& out = *proto.mutable_dataset_registered();
  *out.mutable_dataset() = ToProto(event.dataset);
  out.mutable_dataset()->clear_create_time();
  *out.mutable_request() = ToProto(event.request);
  return {};
}

SearchId Write(const SearchCreated& event, v1::Event& proto) {
  v1::Event::SearchCreated& out = *proto.mutable_search_created();
  out.set_search(event.search.number);
  *out.mutable_spec() = ToProto(*event.spec);
  *out.mutable_request() = ToProto(event.request);
  return event.search;
}

SearchId Write(const SearchPinned& event, v1::Event& proto) {
  proto.mutable_search_pinned()->set_search(event.search.number);
  proto.mutable_search_pinned()->set_numerics_class(event.numerics_class);
  return event.search;
}

SearchId Write(const EpisodeProposed& event, v1::Event& proto) {
  v1::Event::EpisodeProposed& out = *proto.mutable_episode_proposed();
  out.set_search(event.search.number);
  out.set_episode(event.episode);
  for (const ChildProposal& child : event.children) *out.add_children() = ToProto(child);
  return event.search;
}

SearchId Write(const TrialCreated& event, v1::Event& proto) {
  v1::Event::TrialCreated& out = *proto.mutable_trial_created();
  out.set_search(event.trial.search.number);
  out.set_number(event.trial.number);
  out.set_purpose(ToProto(event.purpose));
  out.set_episode(event.episode);
  out.set_trial_key(event.key.ToString());
  out.set_numerics_class(event.numerics_class);
  *out.mutable_spec() = wire::ToProto(*event.spec);
  return event.trial.search;
}

SearchId Write(const EvaluationLeased& event, v1::Event& proto) {
  v1::Event::EvaluationLeased& out = *proto.mutable_evaluation_leased();
  out.set_trial_key(event.key.ToString());
  out.set_attempt(event.attempt);
  out.set_worker(event.worker);
  return {};
}

SearchId Write(const EvaluationRequeued& event, v1::Event& proto) {
  v1::Event::EvaluationEnded& out = *proto.mutable_evaluation_requeued();
  out.set_trial_key(event.key.ToString());
  out.set_attempt(event.attempt);
  *out.mutable_failure() = wire::ToProto(event.failure);
  return {};
}

SearchId Write(const EvaluationCompleted& event, v1::Event& proto) {
  v1::Event::EvaluationCompleted& out = *proto.mutable_evaluation_completed();
  out.set_trial_key(event.key.ToString());
  out.set_attempt(event.attempt);
  *out.mutable_result() = wire::ToProto(*event.result);
  return {};
}

SearchId Write(const EvaluationFailed& event, v1::Event& proto) {
  v1::Event::EvaluationEnded& out = *proto.mutable_evaluation_failed();
  out.set_trial_key(event.key.ToString());
  out.set_attempt(event.attempt);
  *out.mutable_failure() = wire::ToProto(event.failure);
  return {};
}

SearchId Write(const EpisodeObserved& event, v1::Event& proto) {
  v1::Event::EpisodeObserved& out = *proto.mutable_episode_observed();
  out.set_search(event.search.number);
  out.set_episode(event.episode);
  out.mutable_trials()->Assign(event.trials.begin(), event.trials.end());
  out.set_policy_digest(event.policy_digest);
  return event.search;
}

SearchId Write(const SearchReporting& event, v1::Event& proto) {
  proto.mutable_search_reporting()->set_search(event.search.number);
  return event.search;
}

SearchId Write(const SearchSucceeded& event, v1::Event& proto) {
  v1::Event::SearchSucceeded& out = *proto.mutable_search_succeeded();
  out.set_search(event.search.number);
  out.set_start_value(event.report.start_value);
  out.set_best_value(event.report.best_value);
  out.set_best_network(event.report.best_network.ToString());
  return event.search;
}

SearchId Write(const SearchFailed& event, v1::Event& proto) {
  proto.mutable_search_failed()->set_search(event.search.number);
  proto.mutable_search_failed()->set_error(event.error);
  return event.search;
}

SearchId Write(const SearchCancelled& event, v1::Event& proto) {
  proto.mutable_search_cancelled()->set_search(event.search.number);
  *proto.mutable_search_cancelled()->mutable_request() = ToProto(event.request);
  return event.search;
}

template <typename Requested>
void WriteRequested(const Requested& event, v1::Event::SearchRequested& out) {
  out.set_search(event.search.number);
  *out.mutable_request() = ToProto(event.request);
}

SearchId Write(const SearchPaused& event, v1::Event& proto) {
  WriteRequested(event, *proto.mutable_search_paused());
  return event.search;
}

SearchId Write(const SearchResumed& event, v1::Event& proto) {
  WriteRequested(event, *proto.mutable_search_resumed());
  return event.search;
}

SearchId Write(const SearchExtended& event, v1::Event& proto) {
  v1::Event::SearchExtended& out = *proto.mutable_search_extended();
  out.set_search(event.search.number);
  out.set_episodes(event.episodes);
  *out.mutable_request() = ToProto(event.request);
  return event.search;
}

SearchId Write(const SearchDeleted& event, v1::Event& proto) {
  WriteRequested(event, *proto.mutable_search_deleted());
  return event.search;
}

SearchId Write(const NetworkImported& event, v1::Event& proto) {
  v1::Event::NetworkImported& out = *proto.mutable_network_imported();
  *out.mutable_architecture() = wire::ToProto(event.network.architecture);
  out.set_weights(event.network.weights.ToString());
  out.set_description(event.description);
  *out.mutable_request() = ToProto(event.request);
  return {};
}

// ---- From the message --------------------------------------------------------------------------

absl::StatusOr<Event> Read(const v1::Event::DatasetRegistered& proto) {
  ASSIGN_OR_RETURN(Dataset dataset, FromProto(proto.dataset()));
  return DatasetRegistered{.dataset = std::move(dataset), .request = ReadTag(proto.request())};
}

absl::StatusOr<Event> Read(const v1::Event::SearchCreated& proto) {
  ASSIGN_OR_RETURN(SearchSpec spec, FromProto(proto.spec()));
  return SearchCreated{.search = {proto.search()},
                       .spec = std::make_shared<const SearchSpec>(std::move(spec)),
                       .request = ReadTag(proto.request())};
}

absl::StatusOr<Event> Read(const v1::Event::SearchPinned& proto) {
  return SearchPinned{.search = {proto.search()}, .numerics_class = proto.numerics_class()};
}

absl::StatusOr<Event> Read(const v1::Event::EpisodeProposed& proto) {
  EpisodeProposed event{.search = {proto.search()}, .episode = proto.episode()};
  for (const v1::Event::ChildProposal& child : proto.children()) {
    ASSIGN_OR_RETURN(ChildProposal parsed, ReadChild(child));
    event.children.push_back(std::move(parsed));
  }
  return event;
}

absl::StatusOr<Event> Read(const v1::Event::TrialCreated& proto) {
  ASSIGN_OR_RETURN(const TrialPurpose purpose, FromProto(proto.purpose()));
  ASSIGN_OR_RETURN(const digest::TrialKey key, digest::TrialKey::Parse(proto.trial_key()));
  ASSIGN_OR_RETURN(trial::TrialSpec spec, wire::FromProto(proto.spec()));
  return TrialCreated{.trial = {.search = {proto.search()}, .number = proto.number()},
                      .purpose = purpose,
                      .episode = proto.episode(),
                      .key = key,
                      .numerics_class = proto.numerics_class(),
                      .spec = std::make_shared<const trial::TrialSpec>(std::move(spec))};
}

absl::StatusOr<Event> Read(const v1::Event::EvaluationLeased& proto) {
  ASSIGN_OR_RETURN(const digest::TrialKey key, digest::TrialKey::Parse(proto.trial_key()));
  return EvaluationLeased{.key = key, .attempt = proto.attempt(), .worker = proto.worker()};
}

absl::StatusOr<Event> Read(const v1::Event::EvaluationCompleted& proto) {
  ASSIGN_OR_RETURN(const digest::TrialKey key, digest::TrialKey::Parse(proto.trial_key()));
  ASSIGN_OR_RETURN(trial::TrialResult result, wire::FromProto(proto.result()));
  return EvaluationCompleted{
      .key = key,
      .attempt = proto.attempt(),
      .result = std::make_shared<const trial::TrialResult>(std::move(result))};
}

// EvaluationRequeued and EvaluationFailed.
template <typename Ended>
absl::StatusOr<Event> ReadEnded(const v1::Event::EvaluationEnded& proto) {
  ASSIGN_OR_RETURN(const digest::TrialKey key, digest::TrialKey::Parse(proto.trial_key()));
  return Ended{.key = key, .attempt = proto.attempt(), .failure = wire::FromProto(proto.failure())};
}

absl::StatusOr<Event> Read(const v1::Event::EpisodeObserved& proto) {
  return EpisodeObserved{.search = {proto.search()},
                         .episode = proto.episode(),
                         .trials = {proto.trials().begin(), proto.trials().end()},
                         .policy_digest = proto.policy_digest()};
}

absl::StatusOr<Event> Read(const v1::Event::SearchSucceeded& proto) {
  ASSIGN_OR_RETURN(const digest::NetworkDigest best,
                   digest::NetworkDigest::Parse(proto.best_network()));
  return SearchSucceeded{.search = {proto.search()},
                         .report = {.start_value = proto.start_value(),
                                    .best_value = proto.best_value(),
                                    .best_network = best}};
}

absl::StatusOr<Event> Read(const v1::Event::NetworkImported& proto) {
  ASSIGN_OR_RETURN(arch::Architecture architecture, wire::FromProto(proto.architecture()));
  ASSIGN_OR_RETURN(const digest::WeightsDigest weights,
                   digest::WeightsDigest::Parse(proto.weights()));
  return NetworkImported{.network = {.architecture = std::move(architecture), .weights = weights},
                         .description = proto.description(),
                         .request = ReadTag(proto.request())};
}

template <typename Requested>
Event ReadRequested(const v1::Event::SearchRequested& proto) {
  return Requested{.search = {proto.search()}, .request = ReadTag(proto.request())};
}

absl::StatusOr<Event> ReadEvent(const v1::Event& proto) {
  switch (proto.kind_case()) {
    case v1::Event::kDatasetRegistered:
      return Read(proto.dataset_registered());
    case v1::Event::kSearchCreated:
      return Read(proto.search_created());
    case v1::Event::kSearchPinned:
      return Read(proto.search_pinned());
    case v1::Event::kEpisodeProposed:
      return Read(proto.episode_proposed());
    case v1::Event::kTrialCreated:
      return Read(proto.trial_created());
    case v1::Event::kEvaluationLeased:
      return Read(proto.evaluation_leased());
    case v1::Event::kEvaluationRequeued:
      return ReadEnded<EvaluationRequeued>(proto.evaluation_requeued());
    case v1::Event::kEvaluationCompleted:
      return Read(proto.evaluation_completed());
    case v1::Event::kEvaluationFailed:
      return ReadEnded<EvaluationFailed>(proto.evaluation_failed());
    case v1::Event::kEpisodeObserved:
      return Read(proto.episode_observed());
    case v1::Event::kSearchReporting:
      return SearchReporting{.search = {proto.search_reporting().search()}};
    case v1::Event::kSearchSucceeded:
      return Read(proto.search_succeeded());
    case v1::Event::kSearchFailed:
      return SearchFailed{.search = {proto.search_failed().search()},
                          .error = proto.search_failed().error()};
    case v1::Event::kSearchCancelled:
      return SearchCancelled{.search = {proto.search_cancelled().search()},
                             .request = ReadTag(proto.search_cancelled().request())};
    case v1::Event::kSearchPaused:
      return ReadRequested<SearchPaused>(proto.search_paused());
    case v1::Event::kSearchResumed:
      return ReadRequested<SearchResumed>(proto.search_resumed());
    case v1::Event::kSearchExtended:
      return SearchExtended{.search = {proto.search_extended().search()},
                            .episodes = proto.search_extended().episodes(),
                            .request = ReadTag(proto.search_extended().request())};
    case v1::Event::kSearchDeleted:
      return ReadRequested<SearchDeleted>(proto.search_deleted());
    case v1::Event::kNetworkImported:
      return Read(proto.network_imported());
    case v1::Event::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("an event of no kind");
}

}  // namespace

absl::StatusOr<EncodedEvent> EncodeEvent(const Event& event) {
  v1::Event proto;
  EncodedEvent encoded;
  encoded.search = std::visit([&](const auto& kind) { return Write(kind, proto); }, event);
  const auto* descriptor = v1::Event::descriptor();
  encoded.kind = descriptor->FindFieldByNumber(proto.kind_case())->name();
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  const auto status = google::protobuf::util::MessageToJsonString(proto, &encoded.payload, options);
  if (!status.ok() || !base::IsValidUtf8(encoded.payload)) {
    return absl::InvalidArgumentError(
        absl::StrCat("an event cannot be written as text: ", std::string(status.message())));
  }
  return encoded;
}

absl::StatusOr<Event> DecodeEvent(std::string_view payload) {
  v1::Event proto;
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(payload.data(), payload.size()), &proto);
  if (!status.ok()) return absl::InvalidArgumentError(std::string(status.message()));
  return ReadEvent(proto);
}

}  // namespace graft::controller
