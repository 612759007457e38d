// graft: the command line of the cluster.
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "common/base/logging.h"
#include "common/base/strings.h"
#include "common/base/version.h"
#include "services/cli/argument_checks.h"
#include "services/cli/choice.h"
#include "services/cli/commands/commands.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

void AddSharedOptions(CLI::App& app, Session& session) {
  static const std::map<std::string, OutputFormat> formats = {{"table", OutputFormat::kTable},
                                                              {"json", OutputFormat::kJson}};
  app.add_option("--server", session.server,
                 "Controller, host:port (default: that of `graft local` in ./graft-local, "
                 "else 127.0.0.1:7070)")
      ->envname("GRAFT_SERVER")
      ->check(CheckServerAddress);
  app.add_option("--weight-store", session.weight_store,
                 "Weight store as it is reached from here, host:port (default: what the controller "
                 "says)")
      ->envname("GRAFT_WEIGHT_STORE")
      ->check(CheckServerAddress);
  app.add_option("--token-file", session.token_file, "File with the bearer token")
      ->envname("GRAFT_TOKEN_FILE");
  app.add_option("--tls-root", session.tls_root, "PEM file of the root certificates; turns TLS on")
      ->envname("GRAFT_TLS_ROOT");
  app.add_option("--output", session.format, "table or json")
      ->transform(OneOf(formats))
      ->option_text("FORMAT");
  app.set_version_flag("--version", base::VersionLine("graft"));
}

void AddVerbs(CLI::App& app, Session& session) {
  AddLocalCommand(app, session);
  AddInitCommand(app, session);
  AddSubmitCommand(app, session);
  AddWatchCommand(app, session);
  AddListCommand(app, session);
  AddShowCommand(app, session);
  AddTrialsCommand(app, session);
  AddNetworksCommand(app, session);
  AddLogsCommand(app, session);
  AddLineageCommand(app, session);
  AddWorkersCommand(app, session);
  AddLifecycleCommands(app, session);
  AddCompareCommand(app, session);
  AddReplayCommand(app, session);
  AddDoctorCommand(app, session);
  AddDatasetCommand(app, session);
  AddEvaluateCommand(app, session);
  AddTuneCommand(app, session);
  AddExportCommand(app, session);
  AddImportCommand(app, session);
}

int Main(int argc, char** argv) {
  CLI::App app("Graft: searches for neural network architectures by growing trained networks");
  app.require_subcommand(1);
  app.fallthrough();
  Session session;
  AddSharedOptions(app, session);
  AddVerbs(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  base::ConfigureLogging({.process_name = "graft", .minimum_level = base::LogLevel::kWarning});
  const absl::Status status = session.action();
  if (status.ok()) return 0;
  std::cerr << "graft: " << absl::StatusCodeToString(status.code()) << ": "
            << base::ToStd(status.message()) << "\n";
  return kExitFailure;
}

}  // namespace
}  // namespace graft::cli

int main(int argc, char** argv) { return graft::cli::Main(argc, argv); }
