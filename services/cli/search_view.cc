#include "services/cli/search_view.h"

#include <google/protobuf/util/time_util.h>

#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/transform/transformation.h"
#include "common/wire/architecture_wire.h"
#include "common/wire/time_wire.h"
#include "services/cli/output.h"

namespace graft::cli {
namespace {

using google::protobuf::RepeatedPtrField;
using google::protobuf::util::TimeUtil;

constexpr Table::Align kRight = Table::Align::kRight;

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return wire::FromProto(duration).value_or(absl::ZeroDuration());
}

std::optional<double> Metric(const v1::Measurement& measurement, const std::string& name) {
  const auto found = measurement.metrics().find(name);
  if (found == measurement.metrics().end()) return std::nullopt;
  return found->second;
}

std::optional<double> StartValue(const v1::SearchProgress& progress) {
  return progress.has_start_value() ? std::optional(progress.start_value()) : std::nullopt;
}

std::optional<double> BestValue(const v1::SearchProgress& progress) {
  return progress.has_best_value() ? std::optional(progress.best_value()) : std::nullopt;
}

// What a search that has not begun waits for.
std::string WaitingFor(const v1::SearchProgress& progress) {
  return progress.waiting_for().empty() ? "a free worker" : progress.waiting_for();
}

std::string PreservationLabel(const v1::Measurement& measurement) {
  if (!measurement.has_preservation_error()) return "-";
  return absl::StrFormat("%.1e", measurement.preservation_error());
}

// Without attributes that have their default values.
std::string EditLabel(const v1::Edit& proto) {
  absl::StatusOr<transform::Edit> edit = wire::FromProto(proto);
  if (!edit.ok()) return proto.transformation();
  if (const auto* kind = transform::FindTransformation(edit->transformation); kind != nullptr) {
    for (const arch::AttributeSpec& spec : kind->attributes()) {
      const auto given = edit->attributes.find(spec.name);
      if (given != edit->attributes.end() && given->second == spec.default_value) {
        edit->attributes.erase(given);
      }
    }
  }
  return transform::ToString(*edit);
}

void AppendLine(std::string& text, const std::string& label, const std::string& value) {
  absl::StrAppendFormat(&text, "%-22s %s\n", label, value);
}

void AppendMeasurement(const v1::Measurement& measurement, std::string& text) {
  for (const auto& [name, value] :
       std::map<std::string, double>(measurement.metrics().begin(), measurement.metrics().end())) {
    AppendLine(text, name, absl::StrFormat("%.4f", value));
  }
  const v1::Cost& cost = measurement.cost();
  AppendLine(text, "preservation error", PreservationLabel(measurement));
  AppendLine(text, "parameters", FormatCount(cost.parameters()));
  AppendLine(text, "MACs per image", FormatCount(cost.macs()));
  AppendLine(text, "wall time", cli::FormatDuration(ToDuration(cost.wall_time())));
  AppendLine(text, "images per second", absl::StrFormat("%.0f", cost.images_per_second()));
  AppendLine(text, "waited for data",
             absl::StrFormat("%.3f s", absl::ToDoubleSeconds(ToDuration(cost.data_wait()))));
}

}  // namespace

std::string StateLabel(v1::SearchState state) {
  return EnumLabel(v1::SearchState_Name(state), "SEARCH_STATE_");
}

std::string StateLabel(const v1::Trial& trial) {
  const std::string state = EnumLabel(v1::TrialState_Name(trial.state()), "TRIAL_STATE_");
  return trial.cached() ? state + " (cached)" : state;
}

bool HasEnded(v1::SearchState state) {
  return state == v1::SEARCH_STATE_SUCCEEDED || state == v1::SEARCH_STATE_FAILED ||
         state == v1::SEARCH_STATE_CANCELLED;
}

bool HasEnded(v1::TrialState state) {
  return state == v1::TRIAL_STATE_COMPLETED || state == v1::TRIAL_STATE_FAILED ||
         state == v1::TRIAL_STATE_CANCELLED;
}

std::string EditsLabel(const RepeatedPtrField<v1::Edit>& edits) {
  std::vector<std::string> labels;
  for (const v1::Edit& edit : edits) labels.push_back(EditLabel(edit));
  return absl::StrJoin(labels, ", ");
}

std::string SearchTable(const std::vector<v1::Search>& searches) {
  Table table({{"SEARCH"},
               {"NAME"},
               {"STATE"},
               {"EPISODE", kRight},
               {"CHILDREN", kRight},
               {"START", kRight},
               {"BEST", kRight},
               {"CREATED"}});
  for (const v1::Search& search : searches) {
    const v1::SearchProgress& progress = search.progress();
    table.AddRow({ShortName(search.name()), search.spec().display_name(),
                  StateLabel(search.state()),
                  absl::StrCat(progress.episode(), "/", progress.episodes()),
                  absl::StrCat(progress.distinct_children()), FormatPercent(StartValue(progress)),
                  FormatPercent(BestValue(progress)), TimeUtil::ToString(search.create_time())});
  }
  return table.ToString();
}

std::string TrialTable(const std::vector<v1::Trial>& trials) {
  Table table({{"TRIAL", kRight},
               {"EPISODE", kRight},
               {"STATE"},
               {"ACCURACY", kRight},
               {"BEFORE", kRight},
               {"PRESERVED"},
               {"PARAMS", kRight},
               {"MACS", kRight},
               {"ARCHITECTURE"}});
  for (const v1::Trial& trial : trials) {
    const v1::Measurement& measurement = trial.result().measurement();
    std::string state = StateLabel(trial);
    if (trial.state() == v1::TRIAL_STATE_FAILED) state += ": " + trial.failure().message();
    const bool measured = trial.has_result();
    table.AddRow({absl::StrCat(trial.number()), absl::StrCat(trial.episode()), state,
                  FormatPercent(Metric(measurement, "accuracy")),
                  FormatPercent(Metric(measurement, "initial_accuracy")),
                  PreservationLabel(measurement),
                  measured ? FormatCount(measurement.cost().parameters()) : "-",
                  measured ? FormatCount(measurement.cost().macs()) : "-", trial.summary()});
  }
  return table.ToString();
}

std::string NetworkTable(const std::vector<v1::Network>& networks) {
  Table table({{"NETWORK"},
               {"ACCURACY", kRight},
               {"PARAMS", kRight},
               {"MACS", kRight},
               {"PARENT"},
               {"TRIAL"},
               {"ARCHITECTURE"}});
  for (const v1::Network& network : networks) {
    const v1::Cost& cost = network.measurement().cost();
    table.AddRow({ShortName(network.name()),
                  FormatPercent(Metric(network.measurement(), "accuracy")),
                  FormatCount(cost.parameters()), FormatCount(cost.macs()),
                  network.parents().empty() ? "-" : ShortName(network.parents(0)),
                  ShortName(network.trial()), network.summary()});
  }
  return table.ToString();
}

std::string WorkerTable(const std::vector<v1::Worker>& workers) {
  Table table({{"WORKER"},
               {"HOST"},
               {"SLOTS", kRight},
               {"THREADS", kRight},
               {"RUNNING", kRight},
               {"NUMERICS"},
               {"VERSION"},
               {"LAST SEEN"}});
  for (const v1::Worker& worker : workers) {
    table.AddRow({ShortName(worker.name()), worker.host(), absl::StrCat(worker.slots()),
                  absl::StrCat(worker.threads()), absl::StrCat(worker.trials_size()),
                  worker.numerics_class(), worker.version(),
                  TimeUtil::ToString(worker.last_seen_time())});
  }
  return table.ToString();
}

std::string DatasetTable(const std::vector<v1::Dataset>& datasets) {
  Table table({{"DATASET"},
               {"TRAIN", kRight},
               {"TEST", kRight},
               {"IMAGE"},
               {"CLASSES", kRight},
               {"DIGEST"}});
  for (const v1::Dataset& dataset : datasets) {
    table.AddRow({ShortName(dataset.name()), absl::StrCat(dataset.train_images()),
                  absl::StrCat(dataset.test_images()), absl::StrJoin(dataset.image_shape(), "x"),
                  absl::StrCat(dataset.classes_size()), dataset.digest().substr(0, 12)});
  }
  return table.ToString();
}

std::string Describe(const v1::Search& search) {
  const v1::SearchProgress& progress = search.progress();
  std::string text;
  AppendLine(text, "search", ShortName(search.name()));
  AppendLine(text, "name", search.spec().display_name());
  AppendLine(text, "state", StateLabel(search.state()));
  if (!search.error().empty()) AppendLine(text, "error", search.error());
  if (!progress.waiting_for().empty()) AppendLine(text, "waits for", progress.waiting_for());
  AppendLine(text, "episode", absl::StrCat(progress.episode(), " of ", progress.episodes()));
  AppendLine(text, "trials",
             absl::StrCat(progress.completed_trials(), " completed, ", progress.running_trials(),
                          " running, ", progress.queued_trials(), " queued, ",
                          progress.failed_trials(), " failed"));
  AppendLine(text, "distinct children", absl::StrCat(progress.distinct_children()));
  AppendLine(text, "start network", FormatPercent(StartValue(progress)));
  AppendLine(text, "best child", FormatPercent(BestValue(progress)));
  AppendLine(text, "best network", ShortName(progress.best_network()));
  AppendLine(text, "preservation error",
             absl::StrFormat("at most %.1e", progress.max_preservation_error()));
  AppendLine(text, "numerics class", search.numerics_class());
  if (progress.has_time_left()) {
    AppendLine(text, "time left", cli::FormatDuration(ToDuration(progress.time_left())));
  }
  if (search.has_report()) {
    AppendLine(text, "test: start network", FormatPercent(search.report().start_test_accuracy()));
    AppendLine(text, "test: best network", FormatPercent(search.report().best_test_accuracy()));
  }
  return text;
}

std::string Describe(const v1::Trial& trial) {
  std::string text;
  AppendLine(text, "trial", trial.name());
  AppendLine(text, "purpose", EnumLabel(v1::TrialPurpose_Name(trial.purpose()), "TRIAL_PURPOSE_"));
  AppendLine(text, "episode", absl::StrCat(trial.episode()));
  AppendLine(text, "state", StateLabel(trial));
  AppendLine(text, "attempts", absl::StrCat(trial.attempts()));
  AppendLine(text, "worker", trial.worker());
  if (trial.has_failure()) {
    AppendLine(
        text, "last failure",
        absl::StrCat(EnumLabel(v1::FailureReason_Name(trial.failure().reason()), "FAILURE_REASON_"),
                     ": ", trial.failure().message()));
  }
  AppendLine(text, "architecture", trial.summary());
  AppendLine(text, "fingerprint", trial.fingerprint());
  AppendLine(text, "trial key", trial.trial_key());
  AppendLine(text, "parent", ShortName(trial.parent_network()));
  AppendLine(text, "edits", EditsLabel(trial.spec().origin().derive().edits()));
  AppendLine(text, "network", ShortName(trial.network()));
  if (trial.has_result()) AppendMeasurement(trial.result().measurement(), text);
  return text;
}

std::string Describe(const v1::Network& network) {
  std::string text;
  AppendLine(text, "network", network.name());
  AppendLine(text, "architecture", network.summary());
  AppendLine(text, "fingerprint", network.fingerprint());
  AppendLine(text, "weights", network.weights());
  AppendLine(text, "made by", network.trial());
  AppendLine(text, "parent", network.parents().empty() ? "-" : ShortName(network.parents(0)));
  AppendLine(text, "edits", EditsLabel(network.edits()));
  AppendMeasurement(network.measurement(), text);
  return text;
}

std::string ProgressLine(const v1::Search& search) {
  const v1::SearchProgress& progress = search.progress();
  if (search.state() == v1::SEARCH_STATE_PENDING) {
    return absl::StrCat("waiting for ", WaitingFor(progress));
  }
  std::string text = progress.episode() == 0
                         ? "start network trains"
                         : absl::StrCat("episode ", progress.episode(), "/", progress.episodes());
  if (search.state() == v1::SEARCH_STATE_REPORTING) text = "final report on the test images";
  absl::StrAppend(&text, "  trials ", progress.completed_trials(), " done, ",
                  progress.running_trials(), " running, ", progress.queued_trials(), " queued");
  if (progress.failed_trials() > 0)
    absl::StrAppend(&text, ", ", progress.failed_trials(), " failed");
  if (progress.has_best_value()) {
    absl::StrAppend(&text, "  best ", FormatPercent(progress.best_value()));
  }
  if (progress.has_start_value()) {
    absl::StrAppend(&text, "  start ", FormatPercent(progress.start_value()));
  }
  if (!progress.waiting_for().empty()) {
    absl::StrAppend(&text, "  waiting for ", progress.waiting_for());
  } else if (progress.has_time_left() && !HasEnded(search.state())) {
    absl::StrAppend(&text, "  ", cli::FormatDuration(ToDuration(progress.time_left())), " left");
  }
  return text;
}

}  // namespace graft::cli
