#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/status_macros.h"
#include "services/cli/argument_checks.h"
#include "services/cli/commands/commands.h"
#include "services/cli/search_view.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

struct ListOptions {
  std::vector<std::string> labels;
  int limit = 50;
};

// Of texts that CheckLabel has passed.
std::map<std::string, std::string> ParseLabels(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    labels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return labels;
}

absl::Status List(const Session& session, const ListOptions& options) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::Search> searches,
                   client->ListSearches(ParseLabels(options.labels), options.limit));
  if (session.json()) {
    v1::ListSearchesResponse all;
    for (const v1::Search& search : searches) *all.add_searches() = search;
    std::cout << ToJson(all);
    return absl::OkStatus();
  }
  std::cout << SearchTable(searches);
  return absl::OkStatus();
}

}  // namespace

void AddListCommand(CLI::App& app, Session& session) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* verb = app.add_subcommand("list", "Lists searches, newest first");
  verb->add_option("--label", options->labels, "Only searches with this label, name=value")
      ->check(CheckLabel);
  verb->add_option("--limit", options->limit, "At most so many")->check(CLI::PositiveNumber);
  verb->callback([&session, options] {
    session.action = [&session, options] { return List(session, *options); };
  });
}

}  // namespace graft::cli
