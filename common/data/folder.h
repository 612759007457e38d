// Listing folders for the readers of data sets.
#ifndef GRAFT_COMMON_DATA_FOLDER_H_
#define GRAFT_COMMON_DATA_FOLDER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace graft::data {

// The entries of a folder that are not hidden (no leading "."), by name in ascending order of
// bytes. Links count as what they point to.
struct FolderListing {
  std::vector<std::string> folders;
  std::vector<std::string> files;  // all that are not folders

  bool HasFolder(const std::string& name) const;
  bool HasFile(const std::string& name) const;
};

// Errors name the path; NOT_FOUND: no such folder.
absl::StatusOr<FolderListing> ListFolder(const std::string& path);

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_FOLDER_H_
