#ifndef GRAFT_COMMON_BASE_VERSION_H_
#define GRAFT_COMMON_BASE_VERSION_H_

#include <string>
#include <string_view>

namespace graft::base {

// The project's version, "0.1.0".
std::string_view Version();

// The commit that was checked out when the build was configured, shortened; "unknown" where that
// was not a git checkout.
std::string_view GitRevision();

// What `program --version` prints, without a newline: "graft-worker 0.1.0 (1a2b3c4d5e6f)".
std::string VersionLine(std::string_view program);

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_VERSION_H_
