#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/child_process.h"
#include "common/base/status_macros.h"
#include "common/data/dataset_import.h"
#include "common/data/idx.h"
#include "services/cli/argument_checks.h"
#include "services/cli/commands/commands.h"
#include "services/cli/dataset_upload.h"
#include "services/cli/local_cluster.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

constexpr char kDemoDataset[] = "fashion_mnist";

// Signals that `graft local` waits for, blocked in every thread.
sigset_t WaitedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&signals, signal);
  return signals;
}

// Registers the Fashion-MNIST in `folder`; where none is given, Debian's if it is installed and not
// registered yet.
absl::Status RegisterDemoDataset(ClusterClient& client, const std::string& folder) {
  if (!folder.empty()) {
    const absl::Status added =
        UploadDataset(client, kDemoDataset, folder, {.format = data::DatasetFormat::kIdx}).status();
    if (!added.ok()) return base::Annotate(added, absl::StrCat("--data ", folder));
    std::cout << "data set " << kDemoDataset << " registered from " << folder << "\n";
    return absl::OkStatus();
  }
  const absl::Status known = client.GetDataset(absl::StrCat("datasets/", kDemoDataset)).status();
  if (!absl::IsNotFound(known)) return known;
  if (!std::filesystem::exists(data::kFashionMnistDirectory)) {
    std::cout << "data set " << kDemoDataset
              << " is not installed (Debian package dataset-fashion-mnist); --data names a folder "
                 "that has it, `graft dataset add` registers others\n";
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(UploadDataset(client, kDemoDataset, data::kFashionMnistDirectory).status());
  std::cout << "data set " << kDemoDataset << " registered\n";
  return absl::OkStatus();
}

absl::Status ServeUntilSignal(LocalCluster& cluster) {
  const sigset_t signals = WaitedSignals();
  while (true) {
    const int signal = sigwaitinfo(&signals, nullptr);
    if (signal == SIGINT || signal == SIGTERM) return absl::OkStatus();
    if (signal == SIGCHLD) RETURN_IF_ERROR(cluster.RestartEnded());
  }
}

absl::Status Local(Session& session, LocalOptions options, const std::string& data_folder) {
  const sigset_t signals = WaitedSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ASSIGN_OR_RETURN(options.program_folder, base::ProgramFolder());
  if (!options.kernel_table.empty()) {
    options.kernel_table = std::filesystem::absolute(options.kernel_table);
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<LocalCluster> cluster, LocalCluster::Start(options));

  session.server = cluster->endpoint();
  absl::Status status;
  {
    ASSIGN_OR_RETURN(const auto client, session.Connect());
    status = RegisterDemoDataset(*client, data_folder);
  }
  if (status.ok()) {
    std::cout << "controller at " << cluster->endpoint() << "\n";
    for (const std::string& url : cluster->metrics_urls())
      std::cout << "metrics at " << url << "\n";
    std::cout << "ready; Ctrl-C stops the cluster, and starting it again goes on\n" << std::flush;
    status = ServeUntilSignal(*cluster);
  }
  std::cout << "stopping\n" << std::flush;
  cluster->Stop();
  return status;
}

}  // namespace

void AddLocalCommand(CLI::App& app, Session& session) {
  auto options = std::make_shared<LocalOptions>();
  auto data_folder = std::make_shared<std::string>();
  options->directory = kDefaultLocalDir;
  options->listen = kDefaultServer;
  CLI::App* verb = app.add_subcommand("local", "Runs a whole cluster on this machine until Ctrl-C");
  verb->add_option("--dir", options->directory, "Folder of state and logs")->capture_default_str();
  verb->add_option("--listen", options->listen, "Address of the controller; port 0: any free one")
      ->capture_default_str()
      ->check(CheckListenAddress);
  verb->add_option("--slots", options->slots, "Trials at once; 0: one a core")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--kernel-table", options->kernel_table, "File that `graft tune` wrote")
      ->check(CLI::ExistingFile);
  verb->add_option("--data", *data_folder,
                   "Folder of Fashion-MNIST's files, to register as fashion_mnist; default: " +
                       std::string(data::kFashionMnistDirectory) + " if it is there")
      ->type_name("DIR");
  verb->callback([&session, options, data_folder] {
    session.action = [&session, options, data_folder] {
      return Local(session, *options, *data_folder);
    };
  });
}

}  // namespace graft::cli
