#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/cli/commands/commands.h"
#include "services/cli/resource_name.h"
#include "services/cli/search_view.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

absl::Status Cancel(const Session& session, const std::string& name) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const v1::Search search, client->CancelSearch(SearchName(name)));
  if (session.json()) {
    std::cout << ToJson(search);
  } else {
    std::cout << "search " << ShortName(search.name()) << ": " << StateLabel(search.state())
              << "\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddCancelCommand(CLI::App& app, Session& session) {
  auto name = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("cancel", "Ends a search and stops its trials");
  verb->add_option("search", *name, "search name or id")->required();
  verb->callback(
      [&session, name] { session.action = [&session, name] { return Cancel(session, *name); }; });
}

}  // namespace graft::cli
