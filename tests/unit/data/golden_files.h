// The files of tests/golden/data, and folders of files for the readers.
#ifndef GRAFT_TESTS_UNIT_DATA_GOLDEN_FILES_H_
#define GRAFT_TESTS_UNIT_DATA_GOLDEN_FILES_H_

#include <map>
#include <string>

#include "common/base/file.h"
#include "common/data/image.h"

namespace graft::data {

// The bytes of a file that make_files.py wrote.
std::string GoldenFile(const std::string& name);

// The images of expected.txt by name.
const std::map<std::string, Image>& ExpectedImages();

// A temporary folder that files are put into.
class FileTree {
 public:
  const std::string& path() const { return folder_.path(); }
  std::string Join(const std::string& name) const { return folder_.Join(name); }

  // Makes the folders that `name` stands in.
  void Write(const std::string& name, const std::string& bytes);
  void Remove(const std::string& name);

 private:
  base::TempDir folder_ = base::TempDir::Create().value();
};

}  // namespace graft::data

#endif  // GRAFT_TESTS_UNIT_DATA_GOLDEN_FILES_H_
