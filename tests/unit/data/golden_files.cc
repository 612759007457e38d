#include "tests/unit/data/golden_files.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "common/base/check.h"
#include "common/base/strings.h"

namespace graft::data {
namespace {

constexpr char kFolder[] = "tests/golden/data/";  // below the repository's root, where tests run

std::map<std::string, Image> ReadExpected() {
  std::map<std::string, Image> images;
  std::istringstream lines(GoldenFile("expected.txt"));
  std::string word;
  std::string name;
  std::string shape;
  std::string pixels;
  while (lines >> word >> name >> shape >> pixels) {
    std::vector<std::int64_t> extents;
    std::istringstream numbers(shape);
    for (std::string number; std::getline(numbers, number, ',');) {
      extents.push_back(std::stoll(number));
    }
    const std::string bytes = base::HexDecode(pixels).value();
    images[name] = {.shape = tensor::Shape::Create(extents).value(),
                    .pixels = {bytes.begin(), bytes.end()}};
  }
  return images;
}

}  // namespace

std::string GoldenFile(const std::string& name) { return base::ReadFile(kFolder + name).value(); }

const std::map<std::string, Image>& ExpectedImages() {
  static const auto& images = *new std::map<std::string, Image>(ReadExpected());
  return images;
}

void FileTree::Write(const std::string& name, const std::string& bytes) {
  const std::string path = Join(name);
  GRAFT_CHECK_OK(base::CreateDirectories(std::filesystem::path(path).parent_path()));
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  file.close();
  GRAFT_CHECK(file.good()) << path;
}

void FileTree::Remove(const std::string& name) {
  GRAFT_CHECK(std::filesystem::remove_all(Join(name)) > 0) << name;
}

}  // namespace graft::data
