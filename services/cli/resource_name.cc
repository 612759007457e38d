#include "services/cli/resource_name.h"

namespace graft::cli {
namespace {

std::string InCollection(std::string_view collection, std::string_view text) {
  if (text.substr(0, collection.size()) == collection) return std::string(text);
  return std::string(collection) + std::string(text);
}

}  // namespace

ResourceKind KindOf(std::string_view text) {
  if (text.find("trials/") != std::string_view::npos) return ResourceKind::kTrial;
  if (text.substr(0, 9) == "networks/") return ResourceKind::kNetwork;
  return ResourceKind::kSearch;
}

std::string SearchName(std::string_view text) { return InCollection("searches/", text); }
std::string TrialName(std::string_view text) { return InCollection("searches/", text); }
std::string NetworkName(std::string_view text) { return InCollection("networks/", text); }
std::string DatasetName(std::string_view text) { return InCollection("datasets/", text); }

}  // namespace graft::cli
