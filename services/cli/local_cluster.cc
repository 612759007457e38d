#include "services/cli/local_cluster.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/config/yaml_writer.h"
#include "common/rpc/address.h"
#include "common/wire/time_wire.h"
#include "proto/graft/v1/config.pb.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

constexpr char kAnyLoopbackPort[] = "127.0.0.1:0";
constexpr absl::Duration kLeaseDuration = absl::Seconds(10);
constexpr absl::Duration kStartPatience = absl::Seconds(30);
constexpr absl::Duration kStopPatience = absl::Seconds(15);
constexpr absl::Duration kPollInterval = absl::Milliseconds(20);
constexpr absl::Duration kRestartWindow = absl::Minutes(1);
constexpr size_t kMaxRestarts = 5;
constexpr size_t kLogLines = 10;

// Lines `name=value`.
std::map<std::string, std::string> ReadAssignments(const std::string& path) {
  std::map<std::string, std::string> values;
  const absl::StatusOr<std::string> text = base::ReadFile(path);
  if (!text.ok()) return values;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    const size_t equals = line.find('=');
    if (equals != std::string::npos) values[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return values;
}

std::string LastLines(const std::string& path) {
  const absl::StatusOr<std::string> text = base::ReadFile(path);
  if (!text.ok()) return "";
  size_t begin = text->size();
  for (size_t lines = 0; begin > 0; --begin) {
    if ((*text)[begin - 1] == '\n' && begin < text->size() && ++lines >= kLogLines) break;
  }
  return text->substr(begin);
}

absl::Status NotUp(const std::string& name, const std::string& reason,
                   const std::string& log_path) {
  return absl::UnavailableError(absl::StrCat(name, " ", reason, "; the end of its log, ", log_path,
                                             ":\n", LastLines(log_path)));
}

// UNAVAILABLE, with what to do, if something listens there already.
absl::Status CheckFree(const std::string& text) {
  ASSIGN_OR_RETURN(const rpc::Address address, rpc::ParseAddress(text));
  const absl::Status probed = rpc::ProbeListen(address);
  if (!absl::IsUnavailable(probed)) return probed;
  return absl::UnavailableError(
      absl::StrCat(text, " is in use (", probed.message(),
                   "); choose another address with --listen (port 0 picks a free one)"));
}

}  // namespace

LocalCluster::LocalCluster(LocalOptions options, base::FileLock lock)
    : options_(std::move(options)), lock_(std::move(lock)) {}

absl::StatusOr<std::unique_ptr<LocalCluster>> LocalCluster::Start(const LocalOptions& options) {
  LocalOptions absolute = options;
  absolute.directory = std::filesystem::absolute(options.directory).string();
  const std::string endpoint_path = absl::StrCat(absolute.directory, "/", kEndpointFile);
  for (const char* folder : {"/config", "/logs", "/run"}) {
    RETURN_IF_ERROR(base::CreateDirectories(absolute.directory + folder));
  }
  absl::StatusOr<base::FileLock> lock =
      base::FileLock::TryAcquire(absolute.directory + "/run/lock");
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("a cluster runs in ", absolute.directory, " already, at ",
                     base::ReadFile(endpoint_path).value_or("an address not known yet")));
  }
  RETURN_IF_ERROR(lock.status());
  RETURN_IF_ERROR(CheckFree(absolute.listen));

  auto cluster =
      std::unique_ptr<LocalCluster>(new LocalCluster(std::move(absolute), *std::move(lock)));
  RETURN_IF_ERROR(cluster->StartWeightStore());
  RETURN_IF_ERROR(cluster->StartController());
  RETURN_IF_ERROR(cluster->StartWorker());
  RETURN_IF_ERROR(base::WriteFileDurably(endpoint_path, cluster->endpoint_));
  return cluster;
}

std::vector<std::string> LocalCluster::metrics_urls() const {
  std::vector<std::string> urls;
  for (const Member& member : members_) {
    urls.push_back(absl::StrCat("http://", member.metrics_address, "/metrics"));
  }
  return urls;
}

absl::Status LocalCluster::RestartEnded() {
  for (Member& member : members_) {
    const std::optional<std::string> end = member.process->Ended();
    if (!end) continue;
    const absl::Time now = absl::Now();
    std::erase_if(member.restarts,
                  [&](absl::Time restart) { return now - restart > kRestartWindow; });
    if (member.restarts.size() >= kMaxRestarts) {
      return absl::ResourceExhaustedError(
          absl::StrCat(member.name, " ", *end, " for the ", kMaxRestarts + 1,
                       "th time in a minute; the end of its log, ", member.log_path, ":\n",
                       LastLines(member.log_path)));
    }
    member.restarts.push_back(now);
    RETURN_IF_ERROR(Launch(member));
  }
  return absl::OkStatus();
}

void LocalCluster::Stop() {
  std::error_code ignored;
  std::filesystem::remove(absl::StrCat(options_.directory, "/", kEndpointFile), ignored);
  for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
    if (member->process) member->process->Stop(kStopPatience);
  }
}

LocalCluster::Member LocalCluster::NewMember(const std::string& name) const {
  const std::string& directory = options_.directory;
  return Member{.name = name,
                .program = absl::StrCat(options_.program_folder, "/graft-", name),
                .config_path = absl::StrCat(directory, "/config/", name, ".yaml"),
                .log_path = absl::StrCat(directory, "/logs/", name, ".log"),
                .port_path = absl::StrCat(directory, "/run/", name, ".ports")};
}

absl::Status LocalCluster::StartWeightStore() {
  Member member = NewMember("weight-store");
  v1::WeightStoreConfig config;
  config.mutable_server()->set_listen(kAnyLoopbackPort);
  config.mutable_server()->set_metrics_listen(kAnyLoopbackPort);
  config.mutable_server()->set_port_file(member.port_path);
  config.set_directory(options_.directory + "/store");
  RETURN_IF_ERROR(base::WriteFileDurably(member.config_path, config::ToYaml(config)));
  RETURN_IF_ERROR(Launch(member));
  ASSIGN_OR_RETURN(store_address_, AwaitPorts(member, true));
  config.mutable_server()->set_listen(store_address_);
  config.mutable_server()->set_metrics_listen(member.metrics_address);
  RETURN_IF_ERROR(base::WriteFileDurably(member.config_path, config::ToYaml(config)));
  members_.push_back(std::move(member));
  return absl::OkStatus();
}

absl::Status LocalCluster::StartController() {
  Member member = NewMember("controller");
  v1::ControllerConfig config;
  config.mutable_server()->set_listen(options_.listen);
  config.mutable_server()->set_metrics_listen(kAnyLoopbackPort);
  config.mutable_server()->set_port_file(member.port_path);
  config.set_database(options_.directory + "/controller.db");
  config.mutable_weight_store()->set_address(store_address_);
  // On one machine a silent worker is a dead one: its trials need not wait long.
  *config.mutable_lease_duration() = wire::ToProto(kLeaseDuration);
  RETURN_IF_ERROR(base::WriteFileDurably(member.config_path, config::ToYaml(config)));
  RETURN_IF_ERROR(Launch(member));
  ASSIGN_OR_RETURN(endpoint_, AwaitPorts(member, true));
  config.mutable_server()->set_listen(endpoint_);
  config.mutable_server()->set_metrics_listen(member.metrics_address);
  RETURN_IF_ERROR(base::WriteFileDurably(member.config_path, config::ToYaml(config)));
  members_.push_back(std::move(member));
  return absl::OkStatus();
}

absl::Status LocalCluster::StartWorker() {
  Member member = NewMember("worker");
  v1::WorkerConfig config;
  config.mutable_controller()->set_address(endpoint_);
  config.mutable_weight_store()->set_address(store_address_);
  config.set_directory(options_.directory + "/worker");
  config.set_slots(options_.slots);
  config.set_kernel_table(options_.kernel_table);
  config.set_metrics_listen(kAnyLoopbackPort);
  config.set_port_file(member.port_path);
  RETURN_IF_ERROR(base::WriteFileDurably(member.config_path, config::ToYaml(config)));
  RETURN_IF_ERROR(Launch(member));
  RETURN_IF_ERROR(AwaitPorts(member, false).status());
  config.set_metrics_listen(member.metrics_address);
  RETURN_IF_ERROR(base::WriteFileDurably(member.config_path, config::ToYaml(config)));
  members_.push_back(std::move(member));
  return absl::OkStatus();
}

absl::Status LocalCluster::Launch(Member& member) {
  std::error_code ignored;
  std::filesystem::remove(member.port_path, ignored);
  ASSIGN_OR_RETURN(
      base::ChildProcess process,
      base::ChildProcess::Start({.arguments = {member.program, "--config", member.config_path},
                                 .log_path = member.log_path,
                                 .ends_with_parent = true}));
  member.process = std::move(process);
  return absl::OkStatus();
}

absl::StatusOr<std::string> LocalCluster::AwaitPorts(Member& member, bool needs_grpc) {
  const absl::Time deadline = absl::Now() + kStartPatience;
  while (true) {
    std::map<std::string, std::string> ports = ReadAssignments(member.port_path);
    if (ports.contains("metrics") && (!needs_grpc || ports.contains("grpc"))) {
      member.metrics_address = ports["metrics"];
      return ports["grpc"];
    }
    if (const std::optional<std::string> end = member.process->Ended()) {
      return NotUp(member.name, *end, member.log_path);
    }
    if (absl::Now() >= deadline) {
      return NotUp(member.name,
                   absl::StrCat("did not start within ", absl::FormatDuration(kStartPatience)),
                   member.log_path);
    }
    absl::SleepFor(kPollInterval);
  }
}

}  // namespace graft::cli
