// Arrays of bytes out of MATLAB 5 files ("MAT-File Format", The MathWorks), read by libmatio.
#ifndef GRAFT_COMMON_DATA_MAT_FILE_H_
#define GRAFT_COMMON_DATA_MAT_FILE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/tensor/shape.h"

namespace graft::data {

// Column-major: the first index runs fastest.
struct MatArray {
  tensor::Shape shape;
  std::vector<std::uint8_t> values;
};

// Not thread-safe.
class MatFile {
 public:
  // Opens a file and checks that no variable is cut short, which libmatio passes over.
  // NOT_FOUND: no such file. INVALID_ARGUMENT: not a MATLAB 5 file (what `save` writes but for
  // -v4 and -v7.3), or cut short. Errors name the file, say where, and what was expected.
  static absl::StatusOr<MatFile> Open(const std::string& path);

  MatFile(MatFile&& other) noexcept;
  MatFile& operator=(MatFile&& other) noexcept;
  ~MatFile();

  // The shape of the variable `name`, a real array of any numeric class; its values are not read.
  // INVALID_ARGUMENT: there is none, or it is something else; the message names file and variable.
  absl::StatusOr<tensor::Shape> ReadShape(const std::string& name);

  // The variable `name`, a real array of any numeric class whose values are whole and in [0, 255].
  // INVALID_ARGUMENT: as of ReadShape, other values, or compressed data of the file that disagree
  // with their checksums, which libmatio passes over, too.
  absl::StatusOr<MatArray> Read(const std::string& name);

 private:
  struct Handle;

  MatFile(std::string path, std::unique_ptr<Handle> handle);

  absl::Status VariableError(const std::string& name, const std::string& what) const;
  absl::Status CheckCompressed();

  std::string path_;
  std::unique_ptr<Handle> handle_;
  // Of the largest variable, uncompressed; none before CheckCompressed.
  std::optional<std::uint64_t> largest_variable_bytes_;
};

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_MAT_FILE_H_
