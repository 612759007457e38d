// Checks of arguments for CLI11: empty, or what is wrong and what is expected. What they find is a
// usage error.
#ifndef GRAFT_SERVICES_CLI_ARGUMENT_CHECKS_H_
#define GRAFT_SERVICES_CLI_ARGUMENT_CHECKS_H_

#include <optional>
#include <string>

#include "common/data/image_folder.h"

namespace graft::cli {

// host:port, with any port to listen on and with port 0 refused to connect to.
std::string CheckListenAddress(const std::string& text);
std::string CheckServerAddress(const std::string& text);

// name=value
std::string CheckLabel(const std::string& text);

// HEIGHTxWIDTH in pixels, such as 32x48, each 1 to data::Dataset::kMaxExtent.
std::string CheckImageSize(const std::string& text);
std::optional<data::ImageSize> ParseImageSize(const std::string& text);

// A number between 0 and 1, both excluded.
std::string CheckFraction(const std::string& text);

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_ARGUMENT_CHECKS_H_
