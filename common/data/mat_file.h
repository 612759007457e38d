// Arrays of bytes out of MATLAB 5 files ("MAT-File Format", The MathWorks), read by libmatio.
#ifndef GRAFT_COMMON_DATA_MAT_FILE_H_
#define GRAFT_COMMON_DATA_MAT_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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
  // Opens a file and checks it as a whole: that no variable is cut short, and that what is
  // compressed agrees with its checksums. libmatio itself passes over such damage.
  // NOT_FOUND: no such file. INVALID_ARGUMENT: not a MATLAB 5 file (what `save` writes but for
  // -v4 and -v7.3), cut short or damaged. Errors name the file, say where, and what was expected.
  static absl::StatusOr<MatFile> Open(const std::string& path);

  MatFile(MatFile&& other) noexcept;
  MatFile& operator=(MatFile&& other) noexcept;
  ~MatFile();

  // The variable `name`, a real array of any numeric class whose values are whole and in [0, 255].
  // INVALID_ARGUMENT: there is none, or it is something else; the message names file and variable.
  absl::StatusOr<MatArray> Read(const std::string& name) const;

 private:
  struct Handle;

  MatFile(std::string path, std::uint64_t largest_variable_bytes, std::unique_ptr<Handle> handle);

  std::string path_;
  std::uint64_t largest_variable_bytes_;  // uncompressed
  std::unique_ptr<Handle> handle_;
};

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_MAT_FILE_H_
