#include "services/controller/wire/resource_wire.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/wire/architecture_wire.h"
#include "common/wire/log_wire.h"
#include "common/wire/outcome_wire.h"
#include "common/wire/time_wire.h"
#include "common/wire/trial_wire.h"
#include "services/controller/wire/resource_names.h"
#include "services/controller/wire/search_spec_wire.h"

namespace graft::controller {
namespace {

v1::SearchState ToProto(SearchState state) {
  switch (state) {
    case SearchState::kPending:
      return v1::SEARCH_STATE_PENDING;
    case SearchState::kRunning:
      return v1::SEARCH_STATE_RUNNING;
    case SearchState::kReporting:
      return v1::SEARCH_STATE_REPORTING;
    case SearchState::kPaused:
      return v1::SEARCH_STATE_PAUSED;
    case SearchState::kSucceeded:
      return v1::SEARCH_STATE_SUCCEEDED;
    case SearchState::kFailed:
      return v1::SEARCH_STATE_FAILED;
    case SearchState::kCancelled:
      return v1::SEARCH_STATE_CANCELLED;
  }
  return v1::SEARCH_STATE_UNSPECIFIED;
}

v1::TrialState ToProto(TrialState state) {
  switch (state) {
    case TrialState::kQueued:
      return v1::TRIAL_STATE_QUEUED;
    case TrialState::kLeased:
      return v1::TRIAL_STATE_LEASED;
    case TrialState::kCompleted:
      return v1::TRIAL_STATE_COMPLETED;
    case TrialState::kFailed:
      return v1::TRIAL_STATE_FAILED;
    case TrialState::kCancelled:
      return v1::TRIAL_STATE_CANCELLED;
  }
  return v1::TRIAL_STATE_UNSPECIFIED;
}

v1::SearchProgress ToProto(const SearchProgress& progress, const SearchSpec& spec) {
  const auto count = [&progress](TrialState state) {
    return progress.trials_by_state[static_cast<int>(state)];
  };
  v1::SearchProgress proto;
  proto.set_episode(progress.episode);
  proto.set_episodes(spec.episodes);
  proto.set_queued_trials(count(TrialState::kQueued));
  proto.set_running_trials(count(TrialState::kLeased));
  proto.set_completed_trials(count(TrialState::kCompleted));
  proto.set_failed_trials(count(TrialState::kFailed));
  proto.set_distinct_children(progress.distinct_children);
  if (progress.start_value) proto.set_start_value(*progress.start_value);
  if (progress.best_value) proto.set_best_value(*progress.best_value);
  if (progress.best_network) proto.set_best_network(NetworkName(*progress.best_network));
  if (progress.time_left) *proto.mutable_time_left() = wire::ToProto(*progress.time_left);
  proto.set_max_preservation_error(progress.max_preservation_error);
  proto.set_waiting_for(progress.waiting_for);
  return proto;
}

}  // namespace

v1::TrialPurpose ToProto(TrialPurpose purpose) {
  switch (purpose) {
    case TrialPurpose::kStart:
      return v1::TRIAL_PURPOSE_START;
    case TrialPurpose::kChild:
      return v1::TRIAL_PURPOSE_CHILD;
    case TrialPurpose::kReport:
      return v1::TRIAL_PURPOSE_REPORT;
  }
  return v1::TRIAL_PURPOSE_UNSPECIFIED;
}

absl::StatusOr<TrialPurpose> FromProto(v1::TrialPurpose purpose) {
  switch (purpose) {
    case v1::TRIAL_PURPOSE_START:
      return TrialPurpose::kStart;
    case v1::TRIAL_PURPOSE_CHILD:
      return TrialPurpose::kChild;
    case v1::TRIAL_PURPOSE_REPORT:
      return TrialPurpose::kReport;
    default:
      return base::InvalidFieldError("purpose", absl::StrCat("has no value ", purpose));
  }
}

v1::Search ToProto(const SearchView& search) {
  v1::Search proto;
  if (search.id.number != 0) proto.set_name(ToString(search.id));
  *proto.mutable_spec() = ToProto(*search.spec);
  proto.set_state(ToProto(search.state));
  proto.set_error(search.error);
  *proto.mutable_create_time() = wire::ToProto(search.create_time);
  if (HasEnded(search.state)) *proto.mutable_end_time() = wire::ToProto(search.end_time);
  *proto.mutable_progress() = ToProto(search.progress, *search.spec);
  proto.set_numerics_class(search.numerics_class);
  if (search.report.has_value()) {
    v1::SearchReport& report = *proto.mutable_report();
    report.set_start_test_accuracy(search.report->start_value);
    report.set_best_test_accuracy(search.report->best_value);
    report.set_best_network(NetworkName(search.report->best_network));
  }
  return proto;
}

v1::Trial ToProto(const TrialView& view) {
  const Trial& trial = view.trial;
  v1::Trial proto;
  proto.set_name(ToString(trial.id));
  proto.set_number(trial.id.number);
  proto.set_purpose(ToProto(trial.purpose));
  proto.set_episode(trial.episode);
  *proto.mutable_spec() = wire::ToProto(*view.spec);
  proto.set_state(ToProto(trial.state));
  proto.set_trial_key(trial.key.ToString());
  proto.set_fingerprint(view.spec->architecture.fingerprint().ToString());
  proto.set_summary(arch::Summary(view.spec->architecture));
  proto.set_cached(trial.cached);
  proto.set_attempts(view.attempts);
  proto.set_worker(view.worker);
  if (view.failure.has_value()) *proto.mutable_failure() = wire::ToProto(*view.failure);
  if (view.result != nullptr) *proto.mutable_result() = wire::ToProto(*view.result);
  if (view.network.has_value()) proto.set_network(NetworkName(*view.network));
  if (view.parent.has_value()) proto.set_parent_network(NetworkName(*view.parent));
  proto.set_epochs_done(view.epochs_done);
  *proto.mutable_create_time() = wire::ToProto(trial.create_time);
  if (HasEnded(trial.state)) *proto.mutable_end_time() = wire::ToProto(trial.end_time);
  return proto;
}

v1::Network ToProto(const Network& network) {
  v1::Network proto;
  proto.set_name(NetworkName(network.digest));
  *proto.mutable_architecture() = wire::ToProto(network.ref.architecture);
  proto.set_fingerprint(network.ref.architecture.fingerprint().ToString());
  proto.set_summary(arch::Summary(network.ref.architecture));
  proto.set_weights(network.ref.weights.ToString());
  if (network.result != nullptr) {
    *proto.mutable_measurement() = wire::ToProto(network.result->measurement);
  }
  for (const digest::NetworkDigest& parent : network.parents) {
    proto.add_parents(NetworkName(parent));
  }
  for (const transform::Edit& edit : network.edits) *proto.add_edits() = wire::ToProto(edit);
  if (network.trial.has_value()) proto.set_trial(ToString(*network.trial));
  proto.set_description(network.description);
  *proto.mutable_create_time() = wire::ToProto(network.create_time);
  return proto;
}

v1::Episode ToProto(const EpisodeView& view) {
  v1::Episode proto;
  proto.set_number(view.episode.number);
  std::int64_t trial = view.episode.first_trial;
  for (const ChildProposal& child : view.episode.children) {
    v1::EpisodeChild& out = *proto.add_children();
    out.set_trial(ToString(TrialId{.search = view.search, .number = trial++}));
    out.set_parent_network(NetworkName(child.parent));
    out.set_actions(child.actions);
  }
  proto.set_policy_digest(view.episode.policy_digest);
  return proto;
}

v1::Worker ToProto(const WorkerView& worker) {
  v1::Worker proto;
  proto.set_name(absl::StrCat("workers/", worker.info.name));
  proto.set_slots(worker.info.slots);
  proto.set_threads(worker.info.threads);
  for (const TrialId& trial : worker.trials) proto.add_trials(ToString(trial));
  proto.set_numerics_class(worker.info.numerics_class);
  proto.set_host(worker.info.host);
  proto.set_version(worker.info.version);
  *proto.mutable_last_seen_time() = wire::ToProto(worker.last_seen);
  return proto;
}

v1::Dataset ToProto(const Dataset& dataset) {
  v1::Dataset proto;
  proto.set_name(DatasetName(dataset.name));
  proto.set_digest(dataset.digest.ToString());
  proto.set_train_images(dataset.train_images);
  proto.set_test_images(dataset.test_images);
  for (const std::int64_t extent : dataset.image_shape.dims()) proto.add_image_shape(extent);
  for (const std::string& name : dataset.class_names) proto.add_classes(name);
  *proto.mutable_create_time() = wire::ToProto(dataset.create_time);
  return proto;
}

absl::StatusOr<Dataset> FromProto(const v1::Dataset& proto) {
  ASSIGN_OR_RETURN(std::string name, ParseDatasetName("name", proto.name()));
  absl::StatusOr<digest::BlobDigest> digest = digest::BlobDigest::Parse(proto.digest());
  if (!digest.ok()) {
    return base::InvalidFieldError("digest", base::ToStd(digest.status().message()));
  }
  const std::vector<std::int64_t> extents(proto.image_shape().begin(), proto.image_shape().end());
  absl::StatusOr<tensor::Shape> image_shape = tensor::Shape::Create(extents);
  if (!image_shape.ok()) {
    return base::InvalidFieldError("image_shape", base::ToStd(image_shape.status().message()));
  }
  return Dataset{.name = std::move(name),
                 .digest = *digest,
                 .train_images = proto.train_images(),
                 .test_images = proto.test_images(),
                 .image_shape = *image_shape,
                 .class_names = {proto.classes().begin(), proto.classes().end()}};
}

v1::WatchSearchResponse ToProto(const Update& update) {
  v1::WatchSearchResponse proto;
  if (update.resume_sequence != 0) proto.set_resume_token(absl::StrCat(update.resume_sequence));
  if (const auto* search = std::get_if<SearchView>(&update.item)) {
    *proto.mutable_search() = ToProto(*search);
  } else {
    *proto.mutable_trial() = ToProto(std::get<TrialView>(update.item));
  }
  return proto;
}

v1::TrialLogEntry ToProto(const LoggedLine& line) {
  v1::TrialLogEntry proto = wire::ToProto(line.entry);
  proto.set_attempt(line.attempt);
  proto.set_worker(line.worker);
  return proto;
}

}  // namespace graft::controller
