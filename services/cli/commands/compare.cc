#include <google/protobuf/util/message_differencer.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/wire/time_wire.h"
#include "proto/graft/v1/comparison.pb.h"
#include "services/cli/commands/commands.h"
#include "services/cli/output.h"
#include "services/cli/resource_name.h"
#include "services/cli/search_view.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

std::optional<double> ObjectiveOf(const v1::Trial& trial, const v1::Search& search) {
  if (!trial.has_result()) return std::nullopt;
  const auto& metrics = trial.result().measurement().metrics();
  const auto found = metrics.find(search.spec().objective().metric());
  if (found == metrics.end()) return std::nullopt;
  return found->second;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

v1::SearchComparison::Side Summarize(const v1::Search& search,
                                     const std::vector<v1::Trial>& trials) {
  v1::SearchComparison::Side side;
  *side.mutable_search() = search;
  std::map<std::int64_t, std::vector<double>> by_episode;
  std::vector<double> children;
  absl::Duration training;
  for (const v1::Trial& trial : trials) {
    if (!trial.cached() && trial.has_result()) {
      training += wire::FromProto(trial.result().measurement().cost().wall_time())
                      .value_or(absl::ZeroDuration());
    }
    if (trial.purpose() != v1::TRIAL_PURPOSE_CHILD) continue;
    const std::optional<double> value = ObjectiveOf(trial, search);
    if (!value.has_value()) continue;
    by_episode[trial.episode()].push_back(*value);
    children.push_back(*value);
  }
  for (const auto& [episode, values] : by_episode) side.add_episode_means(Mean(values));
  if (!children.empty()) side.set_mean_child(Mean(children));
  *side.mutable_training_time() = wire::ToProto(training);
  return side;
}

absl::StatusOr<v1::SearchComparison::Side> Fetch(ClusterClient& client, const std::string& name) {
  ASSIGN_OR_RETURN(const v1::Search search, client.GetSearch(SearchName(name)));
  ASSIGN_OR_RETURN(const std::vector<v1::Trial> trials, client.ListTrials(search.name()));
  return Summarize(search, trials);
}

// Fields of the specs that differ, one a line.
void AddDifferences(const v1::SearchSpec& a, const v1::SearchSpec& b,
                    v1::SearchComparison& comparison) {
  std::string text;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&text);
  if (differencer.Compare(a, b)) return;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    comparison.add_spec_differences(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

std::optional<double> EpisodeMean(const v1::SearchComparison::Side& side, int episode) {
  if (episode >= side.episode_means_size()) return std::nullopt;
  return side.episode_means(episode);
}

std::string ToText(const v1::SearchComparison& comparison) {
  const v1::SearchComparison::Side& a = comparison.first();
  const v1::SearchComparison::Side& b = comparison.second();
  using Align = Table::Align;
  Table table({{""},
               {ShortName(a.search().name()), Align::kRight},
               {ShortName(b.search().name()), Align::kRight}});
  const auto add = [&](const std::string& label, const auto& cell) {
    table.AddRow({label, std::string(cell(a)), std::string(cell(b))});
  };
  using Side = v1::SearchComparison::Side;
  add("name", [](const Side& side) { return side.search().spec().display_name(); });
  add("state", [](const Side& side) { return StateLabel(side.search().state()); });
  add("distinct children",
      [](const Side& side) { return absl::StrCat(side.search().progress().distinct_children()); });
  add("start network", [](const Side& side) {
    const v1::SearchProgress& progress = side.search().progress();
    return progress.has_start_value() ? FormatPercent(progress.start_value()) : "-";
  });
  add("best child", [](const Side& side) {
    const v1::SearchProgress& progress = side.search().progress();
    return progress.has_best_value() ? FormatPercent(progress.best_value()) : "-";
  });
  add("mean child", [](const Side& side) {
    return side.has_mean_child() ? FormatPercent(side.mean_child()) : "-";
  });
  add("best on test images", [](const Side& side) {
    return side.search().has_report() ? FormatPercent(side.search().report().best_test_accuracy())
                                      : "-";
  });
  add("training time", [](const Side& side) {
    return cli::FormatDuration(
        wire::FromProto(side.training_time()).value_or(absl::ZeroDuration()));
  });
  const int episodes = std::max(a.episode_means_size(), b.episode_means_size());
  for (int i = 0; i < episodes; ++i) {
    add(absl::StrCat("mean child of episode ", i + 1),
        [i](const Side& side) { return FormatPercent(EpisodeMean(side, i)); });
  }
  std::string text = table.ToString();
  if (comparison.spec_differences().empty()) {
    absl::StrAppend(&text, "The search files are equal.\n");
  } else {
    absl::StrAppend(&text, "The search files differ:\n");
    for (const std::string& line : comparison.spec_differences()) {
      absl::StrAppend(&text, "  ", line, "\n");
    }
  }
  return text;
}

absl::Status Compare(const Session& session, const std::string& first, const std::string& second) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  v1::SearchComparison comparison;
  ASSIGN_OR_RETURN(*comparison.mutable_first(), Fetch(*client, first));
  ASSIGN_OR_RETURN(*comparison.mutable_second(), Fetch(*client, second));
  AddDifferences(comparison.first().search().spec(), comparison.second().search().spec(),
                 comparison);
  std::cout << (session.json() ? ToJson(comparison) : ToText(comparison));
  return absl::OkStatus();
}

}  // namespace

void AddCompareCommand(CLI::App& app, Session& session) {
  auto first = std::make_shared<std::string>();
  auto second = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("compare", "Sets two searches side by side");
  verb->add_option("first", *first, "search name or id")->required();
  verb->add_option("second", *second, "search name or id")->required();
  verb->callback([&session, first, second] {
    session.action = [&session, first, second] { return Compare(session, *first, *second); };
  });
}

}  // namespace graft::cli
