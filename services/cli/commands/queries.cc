// The verbs that only read: watch, show, trials, networks, lineage, workers.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "services/cli/commands/commands.h"
#include "services/cli/resource_name.h"
#include "services/cli/search_view.h"
#include "services/cli/session.h"
#include "services/cli/watch.h"

namespace graft::cli {
namespace {

constexpr int kAllNetworks = 1'000'000;

void Print(const Session& session, const google::protobuf::Message& message,
           const std::string& text) {
  std::cout << (session.json() ? ToJson(message) : text) << std::flush;
}

absl::Status Watch(const Session& session, const std::string& search) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const v1::Search ended, FollowSearch(*client, SearchName(search)));
  return ReportResult(session, *client, ended);
}

absl::Status Show(const Session& session, const std::string& name) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  switch (KindOf(name)) {
    case ResourceKind::kTrial: {
      ASSIGN_OR_RETURN(const v1::Trial trial, client->GetTrial(TrialName(name)));
      Print(session, trial, Describe(trial));
      return absl::OkStatus();
    }
    case ResourceKind::kNetwork: {
      ASSIGN_OR_RETURN(const v1::Network network, client->GetNetwork(NetworkName(name)));
      Print(session, network, Describe(network));
      return absl::OkStatus();
    }
    case ResourceKind::kSearch:
      break;
  }
  ASSIGN_OR_RETURN(const v1::Search search, client->GetSearch(SearchName(name)));
  Print(session, search, Describe(search));
  return absl::OkStatus();
}

absl::Status Trials(const Session& session, const std::string& search) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::Trial> trials, client->ListTrials(SearchName(search)));
  v1::ListTrialsResponse all;
  all.mutable_trials()->Add(trials.begin(), trials.end());
  Print(session, all, TrialTable(trials));
  return absl::OkStatus();
}

absl::Status Networks(const Session& session, const std::string& search) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::Network> networks,
                   client->ListNetworks(search.empty() ? "" : SearchName(search), kAllNetworks));
  v1::ListNetworksResponse all;
  all.mutable_networks()->Add(networks.begin(), networks.end());
  Print(session, all, NetworkTable(networks));
  return absl::OkStatus();
}

absl::Status ShowLineage(const Session& session, const std::string& network) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::Network> lineage, Lineage(*client, NetworkName(network)));
  v1::ListNetworksResponse all;
  all.mutable_networks()->Add(lineage.begin(), lineage.end());
  Print(session, all, LineageTable(lineage));
  return absl::OkStatus();
}

absl::Status Workers(const Session& session) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::Worker> workers, client->ListWorkers());
  v1::ListWorkersResponse all;
  all.mutable_workers()->Add(workers.begin(), workers.end());
  Print(session, all, WorkerTable(workers));
  return absl::OkStatus();
}

using NamedQuery = absl::Status (*)(const Session&, const std::string&);

void AddNamedVerb(CLI::App& app, Session& session, const std::string& verb_name,
                  const std::string& summary, const std::string& argument, bool required,
                  NamedQuery query) {
  auto name = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand(verb_name, summary);
  CLI::Option* option = verb->add_option(argument, *name, argument + " name or id");
  if (required) option->required();
  verb->callback([&session, name, query] {
    session.action = [&session, name, query] { return query(session, *name); };
  });
}

}  // namespace

void AddWatchCommand(CLI::App& app, Session& session) {
  AddNamedVerb(app, session, "watch", "Follows a search until it ends", "search", true, Watch);
}

void AddShowCommand(CLI::App& app, Session& session) {
  AddNamedVerb(app, session, "show",
               "Shows a search, a trial (SEARCH/trials/NUMBER) or a network (networks/DIGEST)",
               "name", true, Show);
}

void AddTrialsCommand(CLI::App& app, Session& session) {
  AddNamedVerb(app, session, "trials", "Lists the trials of a search", "search", true, Trials);
}

void AddNetworksCommand(CLI::App& app, Session& session) {
  AddNamedVerb(app, session, "networks", "Lists networks, of one search (best first) or of all",
               "search", false, Networks);
}

void AddLineageCommand(CLI::App& app, Session& session) {
  AddNamedVerb(app, session, "lineage", "Shows how a network grew from its start network",
               "network", true, ShowLineage);
}

void AddWorkersCommand(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("workers", "Lists the workers heard from lately");
  verb->callback([&session] { session.action = [&session] { return Workers(session); }; });
}

}  // namespace graft::cli
