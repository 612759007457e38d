#include "tests/fuzz/fuzz_target.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "common/base/check.h"
#include "common/base/file.h"

namespace graft::fuzz {

std::vector<std::string> ReadFiles(const std::string& folder,
                                   std::initializer_list<std::string_view> suffixes) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    const auto ends_path = [&](std::string_view suffix) { return path.ends_with(suffix); };
    if (std::any_of(suffixes.begin(), suffixes.end(), ends_path)) paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> contents;
  for (const std::string& path : paths) contents.push_back(base::ReadFile(path).value());
  return contents;
}

std::string WriteScratchFile(const std::string& name, std::string_view bytes) {
  static const base::TempDir folder = base::TempDir::Create("graft-fuzz-").value();
  std::ofstream file(folder.Join(name), std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  GRAFT_CHECK(file.good()) << folder.Join(name);
  return folder.path();
}

}  // namespace graft::fuzz
