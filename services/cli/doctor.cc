#include "services/cli/doctor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/child_process.h"
#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/base/version.h"
#include "services/cli/output.h"

namespace graft::cli {
namespace {

using Check = v1::DoctorReport;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;
constexpr std::int64_t kLittleDisk = 5 * kGiB;
constexpr std::int64_t kLittleMemory = 2 * kGiB;
constexpr char kFashionMnist[] = "/usr/share/datasets/fashion-mnist";

void Add(v1::DoctorReport& report, const std::string& name, v1::DoctorReport::Verdict verdict,
         const std::string& found, const std::string& advice = "") {
  v1::DoctorReport::Check& check = *report.add_checks();
  check.set_name(name);
  check.set_verdict(verdict);
  check.set_found(found);
  check.set_advice(advice);
}

// What a program prints; empty if it cannot be run.
std::string OutputOf(const std::string& command) {
  std::string output;
  FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  std::array<char, 256> buffer;
  while (fgets(buffer.data(), buffer.size(), pipe) != nullptr) output += buffer.data();
  return pclose(pipe) == 0 ? output : "";
}

void CheckPrograms(v1::DoctorReport& report) {
  const absl::StatusOr<std::string> folder = base::ProgramFolder();
  const std::string version(base::Version());
  std::vector<std::string> wrong;
  for (const char* name :
       {"graft-controller", "graft-weight-store", "graft-worker", "graft-trainer"}) {
    const std::string path = absl::StrCat(folder.value_or("."), "/", name);
    // The path is that of this program, in quotes that a shell understands.
    const std::string line = OutputOf(absl::StrCat("'", path, "' --version 2>/dev/null"));
    if (line.find(version) == std::string::npos) {
      wrong.push_back(absl::StrCat(name, line.empty() ? " cannot be run" : " has another version"));
    }
  }
  if (wrong.empty()) {
    Add(report, "programs", Check::VERDICT_OK, absl::StrCat("all five of version ", version));
  } else {
    Add(report, "programs", Check::VERDICT_FAILURE, absl::StrJoin(wrong, ", "),
        "build and install all programs together: deploy/scripts/build.sh release");
  }
}

// The value of the first line of a /proc file that begins with `key`.
std::string ProcValue(const std::string& path, const std::string& key) {
  const absl::StatusOr<std::string> text = base::ReadFile(path);
  if (!text.ok()) return "";
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (!absl::StartsWith(line, key)) continue;
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (parts.size() == 2) return std::string(absl::StripAsciiWhitespace(parts[1]));
  }
  return "";
}

void CheckProcessor(v1::DoctorReport& report) {
  const std::vector<std::string> flags =
      absl::StrSplit(ProcValue("/proc/cpuinfo", "flags"), ' ', absl::SkipEmpty());
  const std::set<std::string> known(flags.begin(), flags.end());
  std::vector<std::string> found;
  for (const char* flag : {"sse4_1", "avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"}) {
    if (known.contains(flag)) found.push_back(flag);
  }
  const std::string text =
      absl::StrCat(std::thread::hardware_concurrency(), " cores, ",
                   found.empty() ? "no vector extensions that we know" : absl::StrJoin(found, " "));
  if (known.contains("avx2")) {
    Add(report, "processor", Check::VERDICT_OK, text);
  } else {
    Add(report, "processor", Check::VERDICT_WARNING, text,
        "training is several times slower without AVX2");
  }
}

void CheckMemory(v1::DoctorReport& report) {
  std::int64_t kilobytes = 0;
  const std::string text = ProcValue("/proc/meminfo", "MemAvailable");
  if (!absl::SimpleAtoi(text.substr(0, text.find(' ')), &kilobytes)) return;
  const std::string found = absl::StrCat(FormatCount(1024.0 * kilobytes), "B available");
  if (kilobytes * 1024 >= kLittleMemory) {
    Add(report, "memory", Check::VERDICT_OK, found);
  } else {
    Add(report, "memory", Check::VERDICT_WARNING, found,
        "run fewer slots (graft local --slots 1) or smaller networks (max_macs)");
  }
}

void CheckDisk(const std::string& directory, v1::DoctorReport& report) {
  std::filesystem::path existing = std::filesystem::absolute(directory);
  std::error_code error;
  while (!std::filesystem::exists(existing, error) && existing.has_parent_path() &&
         existing != existing.parent_path()) {
    existing = existing.parent_path();
  }
  const std::filesystem::space_info space = std::filesystem::space(existing, error);
  if (error) {
    Add(report, "disk", Check::VERDICT_FAILURE, absl::StrCat(directory, ": ", error.message()),
        "name a folder on a readable disk with --dir");
    return;
  }
  const std::string found =
      absl::StrCat(FormatCount(static_cast<double>(space.available)), "B free for ", directory);
  if (access(existing.c_str(), W_OK) != 0) {
    Add(report, "disk", Check::VERDICT_FAILURE, absl::StrCat(existing.string(), " is read-only"),
        "name another folder with --dir");
  } else if (static_cast<std::int64_t>(space.available) < kLittleDisk) {
    Add(report, "disk", Check::VERDICT_WARNING, found,
        "weights of all networks are kept: make room");
  } else {
    Add(report, "disk", Check::VERDICT_OK, found);
  }
}

bool IsFree(int port) {
  const int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  if (socket_fd < 0) return false;
  const int on = 1;
  setsockopt(socket_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free =
      bind(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(socket_fd);
  return free;
}

void CheckPorts(bool cluster_answers, v1::DoctorReport& report) {
  constexpr int kControllerPort = 7070;
  if (IsFree(kControllerPort)) {
    Add(report, "port 7070", Check::VERDICT_OK, "free for `graft local`");
  } else if (cluster_answers) {
    Add(report, "port 7070", Check::VERDICT_OK, "taken, and a cluster answers");
  } else {
    Add(report, "port 7070", Check::VERDICT_WARNING, "taken by another program",
        "`graft local --listen 127.0.0.1:0` picks a free one");
  }
}

void CheckData(v1::DoctorReport& report) {
  if (std::filesystem::exists(kFashionMnist)) {
    Add(report, "data", Check::VERDICT_OK, absl::StrCat("Fashion-MNIST in ", kFashionMnist));
  } else {
    Add(report, "data", Check::VERDICT_WARNING, absl::StrCat("no ", kFashionMnist),
        "apt install dataset-fashion-mnist, or bring your own: graft dataset add");
  }
}

void CheckStore(ClusterClient& client, v1::DoctorReport& report) {
  const auto store = client.OpenWeightStore();
  absl::Status status = store.status();
  if (status.ok()) {
    const digest::BlobDigest probe = digest::BlobDigest::Of("graft doctor");
    status = (*store)->FindMissing({&probe, 1}).status();
  }
  if (status.ok()) {
    Add(report, "weight store", Check::VERDICT_OK, "answers");
  } else {
    Add(report, "weight store", Check::VERDICT_FAILURE, std::string(status.message()),
        "start it, or say how to reach it with --weight-store");
  }
}

void CheckWorkers(ClusterClient& client, v1::DoctorReport& report) {
  const auto workers = client.ListWorkers();
  if (!workers.ok()) {
    Add(report, "workers", Check::VERDICT_FAILURE, std::string(workers.status().message()));
    return;
  }
  std::int64_t slots = 0;
  std::set<std::string> classes;
  std::set<std::string> versions;
  for (const v1::Worker& worker : *workers) {
    slots += worker.slots();
    classes.insert(worker.numerics_class());
    versions.insert(worker.version());
  }
  const std::string found =
      absl::StrCat(workers->size(), " with ", slots, " slots; ", absl::StrJoin(classes, ", "));
  if (workers->empty()) {
    Add(report, "workers", Check::VERDICT_FAILURE, "none", "start graft-worker: searches wait");
  } else if (versions.size() > 1) {
    Add(report, "workers", Check::VERDICT_WARNING,
        absl::StrCat(found, "; of versions ", absl::StrJoin(versions, ", ")),
        "bring all workers to one version");
  } else {
    Add(report, "workers", Check::VERDICT_OK, found);
  }
}

void CheckDatasets(ClusterClient& client, v1::DoctorReport& report) {
  const auto datasets = client.ListDatasets();
  if (!datasets.ok()) return;
  std::vector<std::string> names;
  for (const v1::Dataset& dataset : *datasets) names.push_back(ShortName(dataset.name()));
  if (names.empty()) {
    Add(report, "data sets", Check::VERDICT_WARNING, "none", "graft dataset add NAME PATH");
  } else {
    Add(report, "data sets", Check::VERDICT_OK, absl::StrJoin(names, ", "));
  }
}

}  // namespace

void CheckMachine(const std::string& directory, bool cluster_answers, v1::DoctorReport& report) {
  CheckPrograms(report);
  CheckProcessor(report);
  CheckMemory(report);
  CheckDisk(directory, report);
  CheckPorts(cluster_answers, report);
  CheckData(report);
}

bool CheckCluster(ClusterClient& client, v1::DoctorReport& report) {
  const auto cluster = client.GetCluster();
  if (!cluster.ok()) {
    Add(report, "controller", Check::VERDICT_WARNING, std::string(cluster.status().message()));
    return false;
  }
  const std::string version(base::Version());
  if (cluster->version() == version) {
    Add(report, "controller", Check::VERDICT_OK, absl::StrCat("answers, version ", version));
  } else {
    Add(report, "controller", Check::VERDICT_WARNING,
        absl::StrCat("has version ", cluster->version(), ", this program ", version),
        "use programs of one version");
  }
  CheckStore(client, report);
  CheckWorkers(client, report);
  CheckDatasets(client, report);
  return true;
}

}  // namespace graft::cli
