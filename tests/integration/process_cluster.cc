#include "tests/integration/process_cluster.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/data/idx.h"

namespace graft::testing {
namespace {

constexpr absl::Duration kStartPatience = absl::Seconds(60);
constexpr absl::Duration kStopPatience = absl::Seconds(20);
constexpr absl::Duration kPollInterval = absl::Milliseconds(20);

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  GRAFT_CHECK(value != nullptr) << name << " is not set: run the test through ctest";
  return value;
}

std::string Quoted(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string PortOf(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (absl::StartsWith(line, name + "=")) return line.substr(name.size() + 1);
  }
  return "";
}

// Waits until a starting program has written its port file; UNAVAILABLE with its log if it ends.
absl::StatusOr<std::string> AwaitPort(base::ChildProcess& process, const std::string& port_file,
                                      const std::string& name, const std::string& log) {
  const absl::Time deadline = absl::Now() + kStartPatience;
  while (true) {
    const std::string address = PortOf(base::ReadFile(port_file).value_or(""), name);
    if (!address.empty()) return address;
    if (process.Ended() || absl::Now() > deadline) {
      return absl::UnavailableError(
          absl::StrCat("a program did not start: ", base::ReadFile(log).value_or("")));
    }
    absl::SleepFor(kPollInterval);
  }
}

// Files of /proc state no size: read to the end.
std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Calls `visit` with each process and its folder in /proc.
void ForEachProcess(const std::function<void(pid_t, const std::string&)>& visit) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    pid_t pid = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &pid)) visit(pid, entry.path().string());
  }
}

}  // namespace

std::string Program(const std::string& name) { return Environment("GRAFT_BIN_DIR") + "/" + name; }

std::string SourcePath(const std::string& relative) {
  return Environment("GRAFT_SOURCE_DIR") + "/" + relative;
}

bool HasFashionMnist() { return std::filesystem::exists(data::kFashionMnistDirectory); }

CommandResult RunCommand(const std::vector<std::string>& arguments) {
  absl::StatusOr<base::TempDir> folder = base::TempDir::Create();
  GRAFT_CHECK(folder.ok()) << folder.status().ToString();
  std::vector<std::string> words;
  for (const std::string& argument : arguments) words.push_back(Quoted(argument));
  const std::string command =
      absl::StrCat(absl::StrJoin(words, " "), " >", Quoted(folder->Join("out")), " 2>",
                   Quoted(folder->Join("err")), " </dev/null");
  const int status = std::system(command.c_str());
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .output = base::ReadFile(folder->Join("out")).value_or(""),
          .errors = base::ReadFile(folder->Join("err")).value_or("")};
}

std::vector<pid_t> ProcessesWith(const std::string& text) {
  std::vector<pid_t> found;
  ForEachProcess([&](pid_t pid, const std::string& folder) {
    std::string command = ReadWhole(folder + "/cmdline");
    std::replace(command.begin(), command.end(), '\0', ' ');
    if (command.find(text) != std::string::npos) found.push_back(pid);
  });
  return found;
}

std::vector<pid_t> ChildrenOf(pid_t parent) {
  std::vector<pid_t> found;
  ForEachProcess([&](pid_t pid, const std::string& folder) {
    if (ReadWhole(folder + "/status").find(absl::StrCat("\nPPid:\t", parent, "\n")) !=
        std::string::npos) {
      found.push_back(pid);
    }
  });
  return found;
}

std::vector<pid_t> ProcessesWithVariable(const std::string& variable) {
  std::vector<pid_t> found;
  ForEachProcess([&](pid_t pid, const std::string& folder) {
    const std::string variables = std::string(1, '\0') + ReadWhole(folder + "/environ");
    if (variables.find('\0' + variable + '\0') != std::string::npos) found.push_back(pid);
  });
  return found;
}

ProcessCluster::ProcessCluster(ClusterOptions options, base::TempDir folder)
    : options_(std::move(options)), folder_(std::move(folder)) {}

absl::StatusOr<std::unique_ptr<ProcessCluster>> ProcessCluster::Start(
    const ClusterOptions& options) {
  ASSIGN_OR_RETURN(base::TempDir folder, base::TempDir::Create("graft-cluster-"));
  std::unique_ptr<ProcessCluster> cluster(new ProcessCluster(options, std::move(folder)));
  if (options.tokens) {
    RETURN_IF_ERROR(
        base::WriteFileDurably(cluster->user_token_file(), "user-secret-1-0123456789\n", 0600));
    RETURN_IF_ERROR(
        base::WriteFileDurably(cluster->worker_token_file(), "worker-secret-2-0123456789\n", 0600));
  }
  RETURN_IF_ERROR(cluster->StartStore("127.0.0.1:0"));
  RETURN_IF_ERROR(cluster->StartController("127.0.0.1:0"));
  for (int i = 0; i < options.workers; ++i) {
    RETURN_IF_ERROR(cluster->StartWorker(absl::StrCat("worker-", i)));
  }
  return cluster;
}

ProcessCluster::~ProcessCluster() {
  for (base::ChildProcess& worker : workers_) worker.Stop(kStopPatience);
  if (controller_ != nullptr) controller_->Stop(kStopPatience);
  if (store_ != nullptr) store_->Stop(kStopPatience);
}

std::string ProcessCluster::user_token_file() const {
  return options_.tokens ? Path("user.token") : "";
}

std::string ProcessCluster::worker_token_file() const {
  return options_.tokens ? Path("worker.token") : "";
}

absl::StatusOr<std::unique_ptr<cli::ClusterClient>> ProcessCluster::Connect() const {
  return cli::ClusterClient::Create(
      {.server = controller_address_, .token_file = user_token_file(), .tls_root = ""});
}

CommandResult ProcessCluster::Graft(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command = {Program("graft"), "--server", controller_address_};
  if (options_.tokens) command.insert(command.end(), {"--token-file", user_token_file()});
  command.insert(command.end(), arguments.begin(), arguments.end());
  return RunCommand(command);
}

std::string ProcessCluster::Log(const std::string& name) const {
  return base::ReadFile(Path(name + ".log")).value_or("");
}

absl::StatusOr<std::string> ProcessCluster::Metrics(const std::string& name) const {
  ASSIGN_OR_RETURN(const std::string ports, base::ReadFile(Path(name + ".ports")));
  const CommandResult result =
      RunCommand({"curl", "--silent", "--fail",
                  absl::StrCat("http://", PortOf(ports, "metrics"), "/metrics")});
  if (result.exit_code != 0) {
    return absl::UnavailableError(absl::StrCat("curl ended with ", result.exit_code));
  }
  return result.output;
}

absl::Status ProcessCluster::StartStore(const std::string& listen) {
  std::filesystem::remove(Path("weight-store.ports"));
  std::string config = absl::StrCat(
      "server:\n  listen: ", listen,
      "\n  metrics_listen: 127.0.0.1:0\n  port_file: ", Path("weight-store.ports"), "\n");
  if (options_.tokens) {
    absl::StrAppend(&config, "  tokens:\n    - {path: ", user_token_file(),
                    ", role: user}\n    - {path: ", worker_token_file(), ", role: worker}\n");
  }
  absl::StrAppend(&config, "directory: ", Path("store"), "\n");
  ASSIGN_OR_RETURN(base::ChildProcess process,
                   Launch("weight-store", "graft-weight-store", config));
  store_ = std::make_unique<base::ChildProcess>(std::move(process));
  ASSIGN_OR_RETURN(store_address_, AwaitPort(*store_, Path("weight-store.ports"), "grpc",
                                             Path("weight-store.log")));
  return absl::OkStatus();
}

absl::Status ProcessCluster::StartController(const std::string& listen) {
  std::filesystem::remove(Path("controller.ports"));
  std::string config = absl::StrCat(
      "server:\n  listen: ", listen,
      "\n  metrics_listen: 127.0.0.1:0\n  port_file: ", Path("controller.ports"), "\n");
  std::string store = absl::StrCat("address: \"", store_address_, "\"");
  if (options_.tokens) {
    absl::StrAppend(&config, "  tokens:\n    - {path: ", user_token_file(),
                    ", role: user}\n    - {path: ", worker_token_file(), ", role: worker}\n");
    absl::StrAppend(&store, ", token_path: ", worker_token_file());
  }
  absl::StrAppend(&config, "database: ", Path("controller.db"), "\nweight_store: {", store,
                  "}\nlease_duration: 5s\n");
  ASSIGN_OR_RETURN(base::ChildProcess process, Launch("controller", "graft-controller", config));
  controller_ = std::make_unique<base::ChildProcess>(std::move(process));
  ASSIGN_OR_RETURN(controller_address_, AwaitPort(*controller_, Path("controller.ports"), "grpc",
                                                  Path("controller.log")));
  return absl::OkStatus();
}

absl::Status ProcessCluster::RestartStore() {
  store_.reset();
  return StartStore(store_address_);
}

absl::Status ProcessCluster::RestartController() {
  controller_.reset();
  return StartController(controller_address_);
}

absl::Status ProcessCluster::StartWorker(const std::string& name) {
  const auto client = [&](const std::string& address) {
    return absl::StrCat("{address: \"", address, "\"",
                        options_.tokens ? absl::StrCat(", token_path: ", worker_token_file()) : "",
                        "}\n");
  };
  std::string config =
      absl::StrCat("name: ", name, "\ncontroller: ", client(controller_address_),
                   "weight_store: ", client(store_address_), "directory: ", Path(name),
                   "\nslots: ", options_.slots,
                   "\nmetrics_listen: 127.0.0.1:0\nport_file: ", Path(name + ".ports"), "\n");
  if (!options_.backend.empty()) absl::StrAppend(&config, "backend: ", options_.backend, "\n");
  ASSIGN_OR_RETURN(base::ChildProcess process, Launch(name, "graft-worker", config));
  RETURN_IF_ERROR(
      AwaitPort(process, Path(name + ".ports"), "metrics", Path(name + ".log")).status());
  workers_.push_back(std::move(process));
  return absl::OkStatus();
}

absl::StatusOr<base::ChildProcess> ProcessCluster::Launch(const std::string& name,
                                                          const std::string& program,
                                                          const std::string& config) {
  const std::string config_path = Path(name + ".yaml");
  RETURN_IF_ERROR(base::WriteFileDurably(config_path, config));
  return base::ChildProcess::Start({.arguments = {Program(program), "--config", config_path},
                                    .log_path = Path(name + ".log"),
                                    .ends_with_parent = true});
}

}  // namespace graft::testing
