#include "services/controller/wire/recording_wire.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/wire/architecture_wire.h"
#include "common/wire/outcome_wire.h"
#include "services/controller/wire/resource_wire.h"
#include "services/controller/wire/search_spec_wire.h"

namespace graft::controller {
namespace {

absl::Status ReadTrial(const v1::Trial& trial, SearchRecording& recording) {
  ASSIGN_OR_RETURN(const digest::TrialKey key, digest::TrialKey::Parse(trial.trial_key()));
  switch (trial.state()) {
    case v1::TRIAL_STATE_COMPLETED: {
      ASSIGN_OR_RETURN(trial::TrialResult result, wire::FromProto(trial.result()));
      recording.outcomes.insert_or_assign(key, std::move(result));
      return absl::OkStatus();
    }
    case v1::TRIAL_STATE_FAILED:
      recording.outcomes.insert_or_assign(key, wire::FromProto(trial.failure()));
      return absl::OkStatus();
    default:
      recording.open.insert(key);
      return absl::OkStatus();
  }
}

absl::StatusOr<trial::NetworkRef> ReadNetwork(const v1::Network& network) {
  absl::StatusOr<arch::Architecture> architecture = wire::FromProto(network.architecture());
  if (!architecture.ok()) {
    return base::PrefixFieldViolations("architecture", architecture.status());
  }
  ASSIGN_OR_RETURN(const digest::WeightsDigest weights,
                   digest::WeightsDigest::Parse(network.weights()));
  return trial::NetworkRef{.architecture = *std::move(architecture), .weights = weights};
}

}  // namespace

absl::StatusOr<SearchRecording> FromProto(const v1::SearchRecording& proto) {
  absl::StatusOr<SearchSpec> spec = FromProto(proto.search().spec());
  if (!spec.ok()) return base::PrefixFieldViolations("search.spec", spec.status());
  absl::StatusOr<Dataset> dataset = FromProto(proto.dataset());
  if (!dataset.ok()) return base::PrefixFieldViolations("dataset", dataset.status());
  SearchRecording recording{.spec = *std::move(spec),
                            .dataset = *std::move(dataset),
                            .numerics_class = proto.search().numerics_class()};
  if (proto.has_start_network()) {
    absl::StatusOr<trial::NetworkRef> start = ReadNetwork(proto.start_network());
    if (!start.ok()) return base::PrefixFieldViolations("start_network", start.status());
    recording.start_network = *std::move(start);
  }
  for (int i = 0; i < proto.trials_size(); ++i) {
    const absl::Status status = ReadTrial(proto.trials(i), recording);
    if (!status.ok()) {
      return base::InvalidFieldError(absl::StrCat("trials[", i, "]"),
                                     base::ToStd(status.message()));
    }
  }
  for (const v1::Episode& episode : proto.episodes()) {
    recording.policy_digests.push_back(episode.policy_digest());
  }
  return recording;
}

v1::SearchReplay ToProto(const SearchReplay& replay) {
  v1::SearchReplay proto;
  proto.set_trials(replay.trials);
  for (const ReplayedEpisode& episode : replay.episodes) {
    v1::SearchReplay::Episode& out = *proto.add_episodes();
    out.set_number(episode.episode);
    out.set_recorded_policy_digest(episode.recorded);
    out.set_replayed_policy_digest(episode.replayed);
  }
  proto.set_equal(replay.equal);
  proto.set_difference(replay.difference);
  return proto;
}

}  // namespace graft::controller
