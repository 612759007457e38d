#include "services/cli/doctor.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "services/cli/commands/commands.h"
#include "services/cli/output.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

std::string ToText(const v1::DoctorReport& report) {
  Table table({{""}, {"CHECK"}, {"FOUND"}, {"WHAT TO DO"}});
  for (const v1::DoctorReport::Check& check : report.checks()) {
    table.AddRow({EnumLabel(v1::DoctorReport::Verdict_Name(check.verdict()), "VERDICT_"),
                  check.name(), check.found(), check.advice()});
  }
  return table.ToString();
}

absl::Status Doctor(const Session& session, const std::string& directory) {
  v1::DoctorReport machine;
  v1::DoctorReport cluster;
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  const bool answers = CheckCluster(*client, cluster);
  CheckMachine(directory, answers, machine);
  machine.MergeFrom(cluster);
  std::cout << (session.json() ? ToJson(machine) : ToText(machine)) << std::flush;
  const auto failures = std::count_if(
      machine.checks().begin(), machine.checks().end(),
      [](const auto& check) { return check.verdict() == v1::DoctorReport::VERDICT_FAILURE; });
  if (failures == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(failures, " checks failed"));
}

}  // namespace

void AddDoctorCommand(CLI::App& app, Session& session) {
  auto directory = std::make_shared<std::string>(kDefaultLocalDir);
  CLI::App* verb = app.add_subcommand(
      "doctor", "Checks this machine and the cluster, and says what to do about what it finds");
  verb->add_option("--dir", *directory, "Folder of `graft local`")->capture_default_str();
  verb->callback([&session, directory] {
    session.action = [&session, directory] { return Doctor(session, *directory); };
  });
}

}  // namespace graft::cli
