#include "common/data/mat_file.h"

#include <matio.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/data/dataset.h"

namespace graft::data {
namespace {

// A file is a header (text, then a version and the letters "MI" as one 16-bit number each, in the
// order of bytes of the whole file) and variables: a tag of type and size, 32 bits each, and data.
constexpr std::size_t kHeaderBytes = 128;
constexpr std::size_t kVersionOffset = 124;
constexpr std::size_t kTagBytes = 8;
constexpr std::uint32_t kVersion5 = 0x0100;
constexpr std::uint32_t kVersion73 = 0x0200;
constexpr std::uint32_t kMatrixType = 14;
constexpr std::uint32_t kCompressedType = 15;
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{2} * Dataset::kMaxPixelBytes;

// Unsigned numbers in the file's order of bytes.
class Numbers {
 public:
  Numbers(std::string_view bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  std::uint32_t At(std::size_t offset, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t place = big_endian_ ? i : size - 1 - i;
      value = value << 8 | static_cast<std::uint8_t>(bytes_[offset + place]);
    }
    return value;
  }

 private:
  std::string_view bytes_;
  bool big_endian_;
};

absl::StatusOr<Numbers> CheckHeader(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) {
    return absl::InvalidArgumentError(absl::StrCat("truncated: expected a MATLAB header of ",
                                                   kHeaderBytes, " bytes, found ", bytes.size()));
  }
  const std::string_view order = bytes.substr(kVersionOffset + 2, 2);
  if (order != "IM" && order != "MI") {
    return absl::InvalidArgumentError("expected a MATLAB 5 file, found something else");
  }
  const Numbers numbers(bytes, /*big_endian=*/order == "MI");
  const std::uint32_t version = numbers.At(kVersionOffset, 2);
  if (version == kVersion73) {
    return absl::InvalidArgumentError(
        "expected a MATLAB 5 file, found one of MATLAB 7.3 (HDF5); `save -v7` writes the former");
  }
  if (version != kVersion5) {
    return absl::InvalidArgumentError("expected a MATLAB 5 file, found one of another version");
  }
  return numbers;
}

// Size of what the compressed `bytes` decode to.
absl::StatusOr<std::uint64_t> CheckCompressed(std::string_view bytes) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return absl::ResourceExhaustedError("out of memory");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::vector<Bytef> buffer(std::size_t{1} << 16);
  int code = Z_OK;
  while (code == Z_OK) {
    stream.next_out = buffer.data();
    stream.avail_out = static_cast<uInt>(buffer.size());
    code = inflate(&stream, Z_NO_FLUSH);
  }
  const std::uint64_t size = stream.total_out;
  const std::uint64_t position = stream.total_in;
  inflateEnd(&stream);
  if (code == Z_STREAM_END) return size;
  return absl::InvalidArgumentError(
      absl::StrCat("expected compressed data with their checksum, found damaged ones at byte ",
                   position, " of ", bytes.size()));
}

// Size of the largest variable, uncompressed.
absl::StatusOr<std::uint64_t> CheckVariables(std::string_view bytes, const Numbers& numbers) {
  std::uint64_t largest = 0;
  for (std::size_t begin = kHeaderBytes; begin < bytes.size();) {
    const std::size_t left = bytes.size() - begin;
    if (left < kTagBytes) {
      return absl::InvalidArgumentError(absl::StrCat("truncated: expected a variable's tag of ",
                                                     kTagBytes, " bytes at byte ", begin,
                                                     ", found ", left));
    }
    const std::uint32_t type = numbers.At(begin, 4);
    const std::uint32_t size = numbers.At(begin + 4, 4);
    if (type != kMatrixType && type != kCompressedType) {
      return absl::InvalidArgumentError(absl::StrCat("expected a variable at byte ", begin,
                                                     ", of type ", kMatrixType, " or ",
                                                     kCompressedType, ", found type ", type));
    }
    if (size > left - kTagBytes) {
      return absl::InvalidArgumentError(absl::StrCat("truncated: expected ", size,
                                                     " bytes of a variable at byte ", begin,
                                                     ", found ", left - kTagBytes));
    }
    std::uint64_t variable_bytes = size;
    if (type == kCompressedType) {
      const absl::StatusOr<std::uint64_t> uncompressed =
          CheckCompressed(bytes.substr(begin + kTagBytes, size));
      if (!uncompressed.ok()) {
        return base::Annotate(uncompressed.status(), absl::StrCat("variable at byte ", begin));
      }
      variable_bytes = *uncompressed;
    }
    largest = std::max(largest, variable_bytes);
    begin += kTagBytes + size;
  }
  return largest;
}

absl::StatusOr<std::uint64_t> CheckFile(std::string_view bytes) {
  ASSIGN_OR_RETURN(const Numbers numbers, CheckHeader(bytes));
  return CheckVariables(bytes, numbers);
}

struct VariableFreer {
  void operator()(matvar_t* variable) const { Mat_VarFree(variable); }
};
using Variable = std::unique_ptr<matvar_t, VariableFreer>;

absl::Status OutOfRange(std::size_t index, double value) {
  return absl::InvalidArgumentError(
      absl::StrCat("value ", index, " is ", value, ", expected a whole number of 0 to 255"));
}

template <typename T>
absl::StatusOr<std::vector<std::uint8_t>> ToBytes(const matvar_t& variable, std::size_t count) {
  const std::span values(static_cast<const T*>(variable.data), count);
  std::vector<std::uint8_t> bytes;
  bytes.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = static_cast<double>(values[i]);
    if (!(value >= 0 && value <= 255) || value != std::floor(value)) return OutOfRange(i, value);
    bytes.push_back(static_cast<std::uint8_t>(value));
  }
  return bytes;
}

absl::StatusOr<std::vector<std::uint8_t>> ValuesOf(const matvar_t& variable, std::size_t count) {
  switch (variable.class_type) {
    case MAT_C_UINT8:
      return ToBytes<std::uint8_t>(variable, count);
    case MAT_C_INT8:
      return ToBytes<std::int8_t>(variable, count);
    case MAT_C_UINT16:
      return ToBytes<std::uint16_t>(variable, count);
    case MAT_C_INT16:
      return ToBytes<std::int16_t>(variable, count);
    case MAT_C_UINT32:
      return ToBytes<std::uint32_t>(variable, count);
    case MAT_C_INT32:
      return ToBytes<std::int32_t>(variable, count);
    case MAT_C_UINT64:
      return ToBytes<std::uint64_t>(variable, count);
    case MAT_C_INT64:
      return ToBytes<std::int64_t>(variable, count);
    case MAT_C_SINGLE:
      return ToBytes<float>(variable, count);
    case MAT_C_DOUBLE:
      return ToBytes<double>(variable, count);
    default:
      return absl::InternalError("not a numeric class");
  }
}

bool IsRealNumeric(const matvar_t& variable) {
  return variable.class_type >= MAT_C_DOUBLE && variable.class_type <= MAT_C_UINT64 &&
         variable.isComplex == 0;
}

absl::StatusOr<tensor::Shape> ShapeOf(const matvar_t& variable) {
  const std::vector<std::int64_t> extents(variable.dims, variable.dims + variable.rank);
  return tensor::Shape::Create(extents);
}

}  // namespace

struct MatFile::Handle {
  explicit Handle(mat_t* opened) : mat(opened) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { Mat_Close(mat); }

  mat_t* const mat;
};

MatFile::MatFile(std::string path, std::uint64_t largest_variable_bytes,
                 std::unique_ptr<Handle> handle)
    : path_(std::move(path)),
      largest_variable_bytes_(largest_variable_bytes),
      handle_(std::move(handle)) {}
MatFile::MatFile(MatFile&& other) noexcept = default;
MatFile& MatFile::operator=(MatFile&& other) noexcept = default;
MatFile::~MatFile() = default;

absl::StatusOr<MatFile> MatFile::Open(const std::string& path) {
  std::uint64_t largest = 0;
  {
    ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path, kMaxFileBytes));
    const absl::StatusOr<std::uint64_t> checked = CheckFile(bytes);
    if (!checked.ok()) return base::Annotate(checked.status(), path);
    largest = *checked;
  }
  mat_t* mat = Mat_Open(path.c_str(), MAT_ACC_RDONLY);
  if (mat == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": libmatio cannot open it"));
  }
  return MatFile(path, largest, std::make_unique<Handle>(mat));
}

absl::StatusOr<MatArray> MatFile::Read(const std::string& name) const {
  const auto error = [&](std::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": variable ", name, ": ", std::string(what)));
  };
  const Variable variable(Mat_VarReadInfo(handle_->mat, name.c_str()));
  if (variable == nullptr) return error("expected, but not in the file");
  if (!IsRealNumeric(*variable)) return error("expected real numbers, found something else");
  const absl::StatusOr<tensor::Shape> shape = ShapeOf(*variable);
  // A value takes a byte or more in the file, so that a shape that lies allocates no more than it.
  if (!shape.ok() || static_cast<std::uint64_t>(shape->ElementCount()) > largest_variable_bytes_) {
    return error("its shape has more values than the file");
  }
  const auto count = static_cast<std::size_t>(shape->ElementCount());
  const std::size_t expected_bytes = count * Mat_SizeOfClass(variable->class_type);
  if (Mat_VarReadDataAll(handle_->mat, variable.get()) != 0 || variable->data == nullptr ||
      variable->nbytes != expected_bytes) {
    return error("libmatio cannot read its values");
  }
  absl::StatusOr<std::vector<std::uint8_t>> values = ValuesOf(*variable, count);
  if (!values.ok()) return error(std::string(values.status().message()));
  return MatArray{.shape = *shape, .values = *std::move(values)};
}

}  // namespace graft::data
