// The verbs that change how a search goes on: cancel, pause, resume, extend, delete.
#include <CLI/CLI.hpp>
#include <functional>
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

using Change = std::function<absl::StatusOr<v1::Search>(ClusterClient&, const std::string& name)>;

absl::Status ChangeSearch(const Session& session, const std::string& name, const Change& change) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const v1::Search search, change(*client, SearchName(name)));
  if (session.json()) {
    std::cout << ToJson(search);
  } else {
    std::cout << "search " << ShortName(search.name()) << ": " << StateLabel(search.state()) << ", "
              << search.progress().episode() << " of " << search.progress().episodes()
              << " episodes\n";
  }
  return absl::OkStatus();
}

absl::Status Delete(const Session& session, const std::string& name) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  RETURN_IF_ERROR(client->DeleteSearch(SearchName(name)));
  if (!session.json()) std::cout << "search " << ShortName(SearchName(name)) << " is deleted\n";
  return absl::OkStatus();
}

CLI::App* AddVerb(CLI::App& app, const std::string& verb, const std::string& help,
                  const std::shared_ptr<std::string>& name) {
  CLI::App* command = app.add_subcommand(verb, help);
  command->add_option("search", *name, "search name or id")->required();
  return command;
}

void AddChange(CLI::App& app, Session& session, const std::string& verb, const std::string& help,
               Change change) {
  auto name = std::make_shared<std::string>();
  AddVerb(app, verb, help, name)->callback([&session, name, change = std::move(change)] {
    session.action = [&session, name, change] { return ChangeSearch(session, *name, change); };
  });
}

void AddExtend(CLI::App& app, Session& session) {
  auto name = std::make_shared<std::string>();
  auto episodes = std::make_shared<std::int64_t>(0);
  CLI::App* verb =
      AddVerb(app, "extend",
              "Changes how many episodes a search has; one that had succeeded goes on", name);
  verb->add_option("--episodes", *episodes, "Episodes in all")->required();
  verb->callback([&session, name, episodes] {
    session.action = [&session, name, episodes] {
      return ChangeSearch(session, *name, [&](ClusterClient& client, const std::string& search) {
        return client.ExtendSearch(search, *episodes);
      });
    };
  });
}

void AddDelete(CLI::App& app, Session& session) {
  auto name = std::make_shared<std::string>();
  AddVerb(app, "delete", "Forgets a search that has ended; its networks stay", name)
      ->callback([&session, name] {
        session.action = [&session, name] { return Delete(session, *name); };
      });
}

}  // namespace

void AddLifecycleCommands(CLI::App& app, Session& session) {
  AddChange(
      app, session, "cancel", "Ends a search and stops its trials",
      [](ClusterClient& client, const std::string& name) { return client.CancelSearch(name); });
  AddChange(
      app, session, "pause", "Stops a search for a while; trials that run end first",
      [](ClusterClient& client, const std::string& name) { return client.PauseSearch(name); });
  AddChange(
      app, session, "resume", "Lets a paused search go on",
      [](ClusterClient& client, const std::string& name) { return client.ResumeSearch(name); });
  AddExtend(app, session);
  AddDelete(app, session);
}

}  // namespace graft::cli
