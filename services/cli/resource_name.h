// Resource names as people type them: with or without their collection.
#ifndef GRAFT_SERVICES_CLI_RESOURCE_NAME_H_
#define GRAFT_SERVICES_CLI_RESOURCE_NAME_H_

#include <string>
#include <string_view>

namespace graft::cli {

enum class ResourceKind { kSearch, kTrial, kNetwork };

// "networks/..." is a network, ".../trials/..." a trial, anything else a search.
ResourceKind KindOf(std::string_view text);

std::string SearchName(std::string_view text);   // "abc" -> "searches/abc"
std::string TrialName(std::string_view text);    // "abc/trials/3" -> "searches/abc/trials/3"
std::string NetworkName(std::string_view text);  // "12ab34cd" -> "networks/12ab34cd"
std::string DatasetName(std::string_view text);  // "cifar10" -> "datasets/cifar10"

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_RESOURCE_NAME_H_
