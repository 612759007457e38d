#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/yaml.h"
#include "services/cli/commands/commands.h"
#include "services/cli/search_view.h"
#include "services/cli/session.h"
#include "services/cli/watch.h"

namespace graft::cli {
namespace {

struct SubmitOptions {
  std::string file;
  std::string request_id;
  bool wait = false;
  bool validate_only = false;
};

absl::StatusOr<v1::Search> Create(ClusterClient& client, const SubmitOptions& options) {
  v1::CreateSearchRequest request;
  ASSIGN_OR_RETURN(const config::YamlSource source,
                   config::LoadYamlFile(options.file, request.mutable_spec()));
  if (request.spec().display_name().empty()) {
    request.mutable_spec()->set_display_name(std::filesystem::path(options.file).stem().string());
  }
  request.set_request_id(options.request_id);
  request.set_validate_only(options.validate_only);
  absl::StatusOr<v1::Search> search = client.CreateSearch(request);
  if (!search.ok()) return source.Explain(search.status(), "spec");
  return search;
}

absl::Status Submit(const Session& session, const SubmitOptions& options) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const v1::Search search, Create(*client, options));
  if (options.validate_only) {
    std::cout << (session.json() ? ToJson(search) : options.file + " is valid\n");
    return absl::OkStatus();
  }
  if (!options.wait) {
    if (session.json()) {
      std::cout << ToJson(search);
    } else {
      std::cout << "search " << ShortName(search.name()) << " submitted; `graft watch "
                << ShortName(search.name()) << "` follows it\n";
    }
    return absl::OkStatus();
  }
  std::cerr << "search " << ShortName(search.name()) << " (" << search.spec().display_name()
            << ")\n";
  ASSIGN_OR_RETURN(const v1::Search ended, FollowSearch(*client, search.name()));
  return ReportResult(session, *client, ended);
}

}  // namespace

void AddSubmitCommand(CLI::App& app, Session& session) {
  auto options = std::make_shared<SubmitOptions>();
  CLI::App* verb = app.add_subcommand("submit", "Submits a search file");
  verb->add_option("file", options->file, "Search file (YAML; `graft init` writes one)")
      ->required();
  verb->add_flag("--wait", options->wait, "Follow the search and print its result");
  verb->add_flag("--validate-only", options->validate_only, "Only check the file");
  verb->add_option("--request-id", options->request_id,
                   "The same id with the same file returns the search it made before");
  verb->callback([&session, options] {
    session.action = [&session, options] { return Submit(session, *options); };
  });
}

}  // namespace graft::cli
