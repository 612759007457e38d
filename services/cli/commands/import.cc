#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "common/base/status_macros.h"
#include "services/cli/commands/commands.h"
#include "services/cli/network_import.h"
#include "services/cli/search_view.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

absl::Status Import(const Session& session, ImportFiles files) {
  if (files.description.empty()) {
    files.description = std::filesystem::path(files.weights).filename().string();
  }
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const v1::Network network, ImportNetwork(*client, files));
  if (session.json()) {
    std::cout << ToJson(network);
  } else {
    std::cout << "imported " << network.name() << "\n  " << network.summary()
              << "\n`start_network: " << network.name()
              << "` in a search file starts a search from it\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddImportCommand(CLI::App& app, Session& session) {
  auto files = std::make_shared<ImportFiles>();
  CLI::App* verb = app.add_subcommand(
      "import", "Brings a network that was trained elsewhere, or exported from another cluster");
  verb->add_option("architecture", files->architecture,
                   "Architecture file, JSON or YAML (`graft export` writes architecture.json)")
      ->required()
      ->check(CLI::ExistingFile);
  verb->add_option("weights", files->weights, "Safetensors file")
      ->required()
      ->check(CLI::ExistingFile);
  verb->add_option("--description", files->description,
                   "Where it comes from, for people (default: the weights' file name)");
  verb->callback([&session, files] {
    session.action = [&session, files] { return Import(session, *files); };
  });
}

}  // namespace graft::cli
