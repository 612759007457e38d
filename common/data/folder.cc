#include "common/data/folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "common/base/fd.h"

namespace graft::data {

bool FolderListing::HasFolder(const std::string& name) const {
  return std::ranges::binary_search(folders, name);
}

bool FolderListing::HasFile(const std::string& name) const {
  return std::ranges::binary_search(files, name);
}

absl::StatusOr<FolderListing> ListFolder(const std::string& path) {
  FolderListing listing;
  std::error_code error;
  std::filesystem::directory_iterator entry(path, error);
  while (!error && entry != std::filesystem::directory_iterator()) {
    if (const std::string name = entry->path().filename(); !name.starts_with('.')) {
      std::error_code broken_link;
      const bool is_folder = entry->is_directory(broken_link);
      (is_folder ? listing.folders : listing.files).push_back(name);
    }
    entry.increment(error);
  }
  if (error) return base::PosixError(error.value(), path);
  std::ranges::sort(listing.folders);
  std::ranges::sort(listing.files);
  return listing;
}

}  // namespace graft::data
