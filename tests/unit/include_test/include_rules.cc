#include "tests/unit/include_test/include_rules.h"

#include <optional>
#include <regex>
#include <set>
#include <sstream>

namespace graft::include_test {
namespace {

// What a folder may include besides itself: these folders and, in turn, what they may include.
struct FolderRule {
  std::string_view folder;
  std::vector<std::string_view> needs;
};

// The folder with the longest name that holds a file decides.
const std::vector<FolderRule>& FolderRules() {
  static const auto& rules = *new std::vector<FolderRule>{
      {"common/base", {}},
      {"common/tensor", {"common/base"}},
      {"common/digest", {"common/base"}},
      {"common/arch", {"common/tensor", "common/digest"}},
      {"common/transform", {"common/arch"}},
      {"common/space", {"common/transform"}},
      {"common/blob", {"common/base", "common/digest"}},
      {"common/weights", {"common/tensor", "common/digest", "common/blob"}},
      {"common/data", {"common/base", "common/tensor", "common/digest"}},
      {"common/recipe", {"common/base", "common/digest"}},
      {"common/trial", {"common/arch", "common/transform", "common/digest", "common/recipe"}},
      {"common/engine", {"common/arch", "common/tensor", "common/data", "common/recipe"}},
      {"common/task", {"common/arch", "common/tensor", "common/data"}},
      {"common/runner",
       {"common/engine", "common/transform", "common/space", "common/task", "common/trial",
        "common/weights"}},
      {"common/metrics", {"common/base", "common/blob"}},
      {"common/config", {"common/base"}},
      {"common/wire",
       {"common/trial", "common/recipe", "common/space", "common/weights", "common/data",
        "common/task"}},
      // Configuration and metrics are part of every server's start.
      {"common/rpc", {"common/wire", "common/blob", "common/config", "common/metrics"}},
      {"services", {"common/rpc", "common/task"}},
      {"services/controller/policy", {"common/arch", "common/space", "common/trial"}},
      {"services/worker/trainer", {"common/rpc", "common/runner"}},
  };
  return rules;
}

// Headers that only some folders may see: those of a library, or generated ones.
struct HeaderRule {
  std::string_view prefix;
  std::vector<std::string_view> folders;
  std::vector<std::string_view> except;  // below `folders`
};

const std::vector<HeaderRule>& HeaderRules() {
  const std::vector<std::string_view> cpu = {"common/engine/cpu"};
  const std::vector<std::string_view> cuda = {"common/engine/cuda"};
  const std::vector<std::string_view> data = {"common/data"};
  const std::vector<std::string_view> policy = {"services/controller/policy"};
  static const auto& rules = *new std::vector<HeaderRule>{
      {"dnnl", cpu, {}},
      {"oneapi/dnnl", cpu, {}},
      {"cuda", cuda, {}},
      {"cudnn", cuda, {}},
      {"cublas", cuda, {}},
      {"nccl", cuda, {}},
      {"png.h", data, {}},
      {"jpeglib.h", data, {}},
      {"matio.h", data, {}},
      {"soci/", {"services/controller/storage"}, {}},
      {"grpc/", {"common/rpc", "services"}, policy},
      {"grpcpp/", {"common/rpc", "services"}, policy},
      {"google/protobuf/", {"common/wire", "common/config", "common/rpc", "services"}, policy},
      {"proto/", {"common/wire", "common/config", "common/rpc", "services"}, policy},
  };
  return rules;
}

bool IsBelow(std::string_view path, std::string_view folder) {
  return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

bool IsBelowAny(std::string_view path, const std::vector<std::string_view>& folders) {
  for (const std::string_view folder : folders) {
    if (IsBelow(path, folder)) return true;
  }
  return false;
}

const FolderRule* RuleOf(std::string_view path) {
  const FolderRule* longest = nullptr;
  for (const FolderRule& rule : FolderRules()) {
    if (!IsBelow(path, rule.folder)) continue;
    if (longest == nullptr || rule.folder.size() > longest->folder.size()) longest = &rule;
  }
  return longest;
}

// "services/worker": the first two parts of a path.
std::string_view SecondLevel(std::string_view path) {
  return path.substr(0, path.find('/', path.find('/') + 1));
}

// `rule`'s needs and theirs in turn.
void AddNeeds(const FolderRule& rule, std::set<std::string_view>& folders) {
  for (const std::string_view needed : rule.needs) {
    if (folders.insert(needed).second) AddNeeds(*RuleOf(needed), folders);
  }
}

std::optional<std::string> CheckFolder(std::string_view path, std::string_view include) {
  const FolderRule* rule = RuleOf(path);
  if (rule == nullptr) return "the folder has no entry in the table of dependencies";
  if (include.starts_with("services/")) {
    const std::string_view own = path.starts_with("services/") && rule->folder == "services"
                                     ? SecondLevel(path)
                                     : rule->folder;
    if (path.starts_with("services/") && IsBelow(include, own)) return std::nullopt;
    return std::string(own) + " may not depend on another service, or on what lies above it";
  }
  if (!include.starts_with("common/") || IsBelow(include, rule->folder)) return std::nullopt;
  std::set<std::string_view> folders;
  AddNeeds(*rule, folders);
  if (folders.contains(SecondLevel(include))) return std::nullopt;
  return std::string(rule->folder) + " may not depend on " + std::string(SecondLevel(include));
}

std::optional<std::string> CheckHeader(std::string_view path, std::string_view include) {
  for (const HeaderRule& rule : HeaderRules()) {
    if (!include.starts_with(rule.prefix)) continue;
    if (IsBelowAny(path, rule.folders) && !IsBelowAny(path, rule.except)) continue;
    return "headers " + std::string(rule.prefix) + "* are not for this folder";
  }
  return std::nullopt;
}

}  // namespace

std::vector<Violation> CheckIncludes(std::string_view path, std::string_view content) {
  static const auto& pattern = *new std::regex(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*$)");
  std::vector<Violation> violations;
  std::istringstream lines{std::string(content)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::smatch match;
    if (!std::regex_match(line, match, pattern)) continue;
    const std::string include = match[2];
    if (match[1] == "\"" && include.find('/') == std::string::npos) {
      violations.push_back({number, include, "an include is rooted at the repository"});
    }
    if (auto reason = CheckFolder(path, include)) violations.push_back({number, include, *reason});
    if (auto reason = CheckHeader(path, include)) violations.push_back({number, include, *reason});
  }
  return violations;
}

}  // namespace graft::include_test
