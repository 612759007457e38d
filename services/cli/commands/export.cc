#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "common/base/status_macros.h"
#include "services/cli/commands/commands.h"
#include "services/cli/network_export.h"
#include "services/cli/resource_name.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

struct ExportOptions {
  std::string network;
  std::string directory;
};

absl::Status Export(const Session& session, const ExportOptions& options) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  RETURN_IF_ERROR(ExportNetwork(*client, NetworkName(options.network), options.directory));
  std::cerr << "exported to " << options.directory << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddExportCommand(CLI::App& app, Session& session) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* verb = app.add_subcommand(
      "export", "Writes a network's architecture, safetensors weights and recipe into a folder");
  verb->add_option("network", options->network, "network name or digest")->required();
  verb->add_option("directory", options->directory, "Folder to write")->required();
  verb->callback([&session, options] {
    session.action = [&session, options] { return Export(session, *options); };
  });
}

}  // namespace graft::cli
