#include "common/data/mat_file.h"

#include <fcntl.h>
#include <matio.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "common/base/status_macros.h"

namespace graft::data {
namespace {

// A file is a header (text, then a version and the letters "MI" as one 16-bit number each, in the
// order of bytes of the whole file) and variables: a tag of type and size, 32 bits each, and data.
constexpr std::size_t kHeaderBytes = 128;
constexpr std::size_t kVersionOffset = 124;
constexpr std::size_t kTagBytes = 8;
constexpr std::size_t kPieceBytes = std::size_t{1} << 16;
constexpr std::uint32_t kVersion5 = 0x0100;
constexpr std::uint32_t kVersion73 = 0x0200;
constexpr std::uint32_t kMatrixType = 14;
constexpr std::uint32_t kCompressedType = 15;
// A variable states its size in 32 bits.
constexpr std::uint64_t kMaxVariableBytes = (std::uint64_t{1} << 32) + kTagBytes;

// A variable of the file: `size` bytes from `begin` on, after its tag.
struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
  bool compressed = false;
};

// A file's structure, read piece by piece: its variables may be larger than memory. Messages say
// nothing of the path.
class Structure {
 public:
  static absl::StatusOr<Structure> Open(const std::string& path) {
    Structure structure;
    ASSIGN_OR_RETURN(structure.fd_, base::OpenFile(path, O_RDONLY));
    std::error_code error;
    structure.size_ = std::filesystem::file_size(path, error);
    if (error) return base::PosixError(error.value(), "stat");
    RETURN_IF_ERROR(structure.ReadHeader());
    RETURN_IF_ERROR(structure.ReadVariables());
    return structure;
  }

  // Size of the largest variable, uncompressed, if all that are compressed agree with their
  // checksums.
  absl::StatusOr<std::uint64_t> CheckCompressed() const {
    std::uint64_t largest = 0;
    for (const Extent& variable : variables_) {
      std::uint64_t size = variable.size;
      if (variable.compressed) {
        const absl::StatusOr<std::uint64_t> uncompressed = Inflate(variable);
        if (!uncompressed.ok()) {
          return base::Annotate(uncompressed.status(),
                                absl::StrCat("variable at byte ", variable.begin - kTagBytes));
        }
        size = *uncompressed;
      }
      largest = std::max(largest, size);
    }
    return largest;
  }

 private:
  // Up to buffer.size() bytes; fewer only at the end of the file.
  absl::StatusOr<std::string_view> ReadAt(std::uint64_t offset, std::span<char> buffer) const {
    ASSIGN_OR_RETURN(const std::size_t count, base::ReadAt(fd_.get(), offset, buffer, "read"));
    return std::string_view(buffer.data(), count);
  }

  // An unsigned number in the file's order of bytes.
  std::uint32_t NumberOf(std::string_view bytes) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::size_t place = big_endian_ ? i : bytes.size() - 1 - i;
      value = value << 8 | static_cast<std::uint8_t>(bytes[place]);
    }
    return value;
  }

  absl::Status ReadHeader() {
    std::array<char, kHeaderBytes> buffer{};
    ASSIGN_OR_RETURN(const std::string_view header, ReadAt(0, buffer));
    if (header.size() < kHeaderBytes) {
      return absl::InvalidArgumentError(absl::StrCat("truncated: expected a MATLAB header of ",
                                                     kHeaderBytes, " bytes, found ",
                                                     header.size()));
    }
    const std::string_view order = header.substr(kVersionOffset + 2, 2);
    if (order != "IM" && order != "MI") {
      return absl::InvalidArgumentError("expected a MATLAB 5 file, found something else");
    }
    big_endian_ = order == "MI";
    const std::uint32_t version = NumberOf(header.substr(kVersionOffset, 2));
    if (version == kVersion73) {
      return absl::InvalidArgumentError(
          "expected a MATLAB 5 file, found one of MATLAB 7.3 (HDF5); `save -v7` writes the former");
    }
    if (version == kVersion5) return absl::OkStatus();
    return absl::InvalidArgumentError("expected a MATLAB 5 file, found one of another version");
  }

  absl::Status ReadVariables() {
    for (std::uint64_t begin = kHeaderBytes; begin < size_;) {
      std::array<char, kTagBytes> buffer{};
      ASSIGN_OR_RETURN(const std::string_view tag, ReadAt(begin, buffer));
      if (tag.size() < kTagBytes) {
        return absl::InvalidArgumentError(absl::StrCat("truncated: expected a variable's tag of ",
                                                       kTagBytes, " bytes at byte ", begin,
                                                       ", found ", tag.size()));
      }
      const std::uint32_t type = NumberOf(tag.substr(0, 4));
      const std::uint32_t size = NumberOf(tag.substr(4));
      if (type != kMatrixType && type != kCompressedType) {
        return absl::InvalidArgumentError(absl::StrCat("expected a variable at byte ", begin,
                                                       ", of type ", kMatrixType, " or ",
                                                       kCompressedType, ", found type ", type));
      }
      const std::uint64_t left = size_ - begin - kTagBytes;
      if (size > left) {
        return absl::InvalidArgumentError(absl::StrCat("truncated: expected ", size,
                                                       " bytes of a variable at byte ", begin,
                                                       ", found ", left));
      }
      begin += kTagBytes;
      variables_.push_back({.begin = begin, .size = size, .compressed = type == kCompressedType});
      begin += size;
    }
    return absl::OkStatus();
  }

  // Size of what a compressed variable decodes to.
  absl::StatusOr<std::uint64_t> Inflate(const Extent& variable) const {
    z_stream stream{};
    if (inflateInit(&stream) != Z_OK) return absl::ResourceExhaustedError("out of memory");
    const absl::Cleanup end = [&stream] { inflateEnd(&stream); };
    std::vector<char> in(kPieceBytes);
    std::vector<Bytef> out(kPieceBytes);
    std::uint64_t read = 0;
    int code = Z_OK;
    while (code == Z_OK && stream.total_out <= kMaxVariableBytes) {
      if (stream.avail_in == 0) {
        const std::size_t piece = std::min<std::uint64_t>(in.size(), variable.size - read);
        ASSIGN_OR_RETURN(const std::string_view bytes,
                         ReadAt(variable.begin + read, std::span(in).first(piece)));
        stream.next_in = reinterpret_cast<Bytef*>(in.data());
        stream.avail_in = static_cast<uInt>(bytes.size());
        read += bytes.size();
      }
      stream.next_out = out.data();
      stream.avail_out = static_cast<uInt>(out.size());
      code = inflate(&stream, Z_NO_FLUSH);
    }
    if (code == Z_STREAM_END && stream.total_in < variable.size) {
      return absl::InvalidArgumentError(absl::StrCat("expected ", variable.size,
                                                     " bytes of compressed data, found their end "
                                                     "after ",
                                                     stream.total_in));
    }
    if (code == Z_STREAM_END && stream.total_out <= kMaxVariableBytes) return stream.total_out;
    if (code == Z_OK || code == Z_STREAM_END) {
      return absl::InvalidArgumentError(absl::StrCat("expected at most ", kMaxVariableBytes,
                                                     " bytes of uncompressed data, found more"));
    }
    return absl::InvalidArgumentError(
        absl::StrCat("expected compressed data with their checksum, found damaged ones at byte ",
                     stream.total_in, " of ", variable.size));
  }

  base::UniqueFd fd_;
  std::uint64_t size_ = 0;
  bool big_endian_ = false;
  std::vector<Extent> variables_;
};

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
  Handle(Structure checked, mat_t* opened) : structure(std::move(checked)), mat(opened) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { Mat_Close(mat); }

  Variable ReadInfo(const std::string& name) const {
    return Variable(Mat_VarReadInfo(mat, name.c_str()));
  }

  const Structure structure;
  mat_t* const mat;
};

MatFile::MatFile(std::string path, std::unique_ptr<Handle> handle)
    : path_(std::move(path)), handle_(std::move(handle)) {}
MatFile::MatFile(MatFile&& other) noexcept = default;
MatFile& MatFile::operator=(MatFile&& other) noexcept = default;
MatFile::~MatFile() = default;

absl::StatusOr<MatFile> MatFile::Open(const std::string& path) {
  absl::StatusOr<Structure> structure = Structure::Open(path);
  if (!structure.ok()) return base::Annotate(structure.status(), path);
  mat_t* mat = Mat_Open(path.c_str(), MAT_ACC_RDONLY);
  if (mat == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": libmatio cannot open it"));
  }
  return MatFile(path, std::make_unique<Handle>(*std::move(structure), mat));
}

absl::Status MatFile::VariableError(const std::string& name, const std::string& what) const {
  return absl::InvalidArgumentError(absl::StrCat(path_, ": variable ", name, ": ", what));
}

absl::Status MatFile::CheckCompressed() {
  if (largest_variable_bytes_.has_value()) return absl::OkStatus();
  const absl::StatusOr<std::uint64_t> largest = handle_->structure.CheckCompressed();
  if (!largest.ok()) return base::Annotate(largest.status(), path_);
  largest_variable_bytes_ = *largest;
  return absl::OkStatus();
}

absl::StatusOr<tensor::Shape> MatFile::ReadShape(const std::string& name) {
  const Variable variable = handle_->ReadInfo(name);
  if (variable == nullptr || !IsRealNumeric(*variable)) {
    // Damage is more to the point.
    RETURN_IF_ERROR(CheckCompressed());
    return VariableError(name, variable == nullptr ? "expected, but not in the file"
                                                   : "expected real numbers, found something else");
  }
  const absl::StatusOr<tensor::Shape> shape = ShapeOf(*variable);
  if (!shape.ok()) return VariableError(name, std::string(shape.status().message()));
  return *shape;
}

absl::StatusOr<MatArray> MatFile::Read(const std::string& name) {
  RETURN_IF_ERROR(CheckCompressed());
  ASSIGN_OR_RETURN(tensor::Shape shape, ReadShape(name));
  // A value takes a byte or more in the file, so that a shape that lies allocates no more than it.
  if (static_cast<std::uint64_t>(shape.ElementCount()) > *largest_variable_bytes_) {
    return VariableError(name, "its shape has more values than the file");
  }
  const Variable variable = handle_->ReadInfo(name);
  const auto count = static_cast<std::size_t>(shape.ElementCount());
  const std::size_t expected_bytes = count * Mat_SizeOfClass(variable->class_type);
  if (Mat_VarReadDataAll(handle_->mat, variable.get()) != 0 || variable->data == nullptr ||
      variable->nbytes != expected_bytes) {
    return VariableError(name, "libmatio cannot read its values");
  }
  absl::StatusOr<std::vector<std::uint8_t>> values = ValuesOf(*variable, count);
  if (!values.ok()) return VariableError(name, std::string(values.status().message()));
  return MatArray{.shape = std::move(shape), .values = *std::move(values)};
}

}  // namespace graft::data
