#include "common/rpc/service_main.h"

#include <google/protobuf/message.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/config/set_field.h"
#include "common/config/yaml.h"
#include "common/config/yaml_template.h"

namespace graft::rpc {
namespace {

struct Flags {
  std::string config_path;
  std::string log_level = "info";
  bool print_config = false;
  std::vector<std::string> overrides;  // by index of ServiceProgram::overrides; empty: not given
};

// The exit code if the program is to end here.
std::optional<int> ParseFlags(int argc, char** argv, const ServiceProgram& program, Flags* flags) {
  CLI::App app(program.description, program.name);
  app.set_version_flag("--version", base::VersionLine(program.name));
  app.add_option("--config", flags->config_path, "Configuration file, YAML");
  app.add_flag("--print-config", flags->print_config,
               "Print the configuration with a comment for every field, and end");
  app.add_option("--log-level", flags->log_level, "debug, info, warning or error")
      ->capture_default_str();
  flags->overrides.resize(program.overrides.size());
  for (size_t i = 0; i < program.overrides.size(); ++i) {
    const FlagOverride& override = program.overrides[i];
    app.add_option(override.flag, flags->overrides[i],
                   absl::StrCat(override.help, " (overrides ", override.field, ")"));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return std::nullopt;
}

absl::Status LoadConfig(const Flags& flags, const ServiceProgram& program) {
  if (!flags.config_path.empty()) {
    // Defaults stay where the file says nothing.
    const std::unique_ptr<google::protobuf::Message> file(program.config->New());
    RETURN_IF_ERROR(config::LoadYamlFile(flags.config_path, file.get()).status());
    program.config->MergeFrom(*file);
  }
  for (size_t i = 0; i < flags.overrides.size(); ++i) {
    if (flags.overrides[i].empty()) continue;
    RETURN_IF_ERROR(base::Annotate(
        config::SetField(program.overrides[i].field, flags.overrides[i], program.config),
        program.overrides[i].flag));
  }
  return absl::OkStatus();
}

absl::Status ConfigureLogs(const Flags& flags, const ServiceProgram& program) {
  absl::StatusOr<base::LogLevel> level = base::ParseLogLevel(flags.log_level);
  if (!level.ok()) return base::Annotate(level.status(), "--log-level");
  base::LogOptions options;
  options.process_name = program.name;
  options.minimum_level = *level;
  base::ConfigureLogging(std::move(options));
  return absl::OkStatus();
}

int UsageError(const ServiceProgram& program, const absl::Status& status) {
  const std::string text = absl::StrCat(program.name, ": ", status.message(), "\n");
  std::fputs(text.c_str(), stderr);
  return kExitUsage;
}

}  // namespace

int ServiceMain(int argc, char** argv, const ServiceProgram& program) {
  Flags flags;
  if (const std::optional<int> code = ParseFlags(argc, argv, program, &flags)) return *code;
  for (const absl::Status& status : {ConfigureLogs(flags, program), LoadConfig(flags, program)}) {
    if (!status.ok()) return UsageError(program, status);
  }
  if (flags.print_config) {
    std::fputs(config::WriteCommentedYaml(*program.config).c_str(), stdout);
    return kExitOk;
  }
  // A peer that closes its connection is an error of that connection only.
  signal(SIGPIPE, SIG_IGN);
  ShutdownSignal shutdown;
  const absl::Status status = program.run(&shutdown);
  if (status.ok()) return kExitOk;
  if (absl::IsInvalidArgument(status)) return UsageError(program, status);
  base::LogError("ends with an error", {{"error", status}});
  return kExitFailure;
}

}  // namespace graft::rpc
