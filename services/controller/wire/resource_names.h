// Resource names and page tokens.
#ifndef GRAFT_SERVICES_CONTROLLER_WIRE_RESOURCE_NAMES_H_
#define GRAFT_SERVICES_CONTROLLER_WIRE_RESOURCE_NAMES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/controller/core/controller.h"
#include "services/controller/core/ids.h"
#include "services/controller/core/trial_log.h"

namespace graft::controller {

// INVALID_ARGUMENT, naming `field`, for a name of another form.
absl::StatusOr<SearchId> ParseSearchName(std::string_view field, std::string_view name);
absl::StatusOr<TrialId> ParseTrialName(std::string_view field, std::string_view name);
// What follows "networks/" or "datasets/".
absl::StatusOr<std::string> ParseNetworkName(std::string_view field, std::string_view name);
absl::StatusOr<std::string> ParseDatasetName(std::string_view field, std::string_view name);

std::string NetworkName(const digest::NetworkDigest& digest);  // "networks/<64 digits>"
std::string DatasetName(std::string_view name);                // "datasets/<name>"

// 0 becomes 50. INVALID_ARGUMENT: `page_size` is negative or above 1,000.
absl::StatusOr<std::size_t> ParsePageSize(std::int32_t page_size);

// Tokens are opaque to clients. Empty: the first page. INVALID_ARGUMENT, naming `page_token`: not a
// token of this list.
std::string PageToken(const std::optional<std::int64_t>& cursor);
std::string PageToken(const std::optional<std::string>& cursor);
std::string PageToken(const std::optional<RankCursor>& cursor);
std::string PageToken(const LogPosition& position);
absl::StatusOr<std::optional<std::int64_t>> ParseNumberToken(std::string_view token);
absl::StatusOr<std::optional<std::string>> ParseTextToken(std::string_view token);
absl::StatusOr<std::optional<RankCursor>> ParseRankToken(std::string_view token);
// {0, 0} for an empty token.
absl::StatusOr<LogPosition> ParseLogToken(std::string_view token);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_WIRE_RESOURCE_NAMES_H_
