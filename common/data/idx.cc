#include "common/data/idx.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/fd.h"
#include "common/base/status_macros.h"

namespace graft::data {
namespace {

constexpr std::uint32_t kImagesMagic = 0x00000803;
constexpr std::uint32_t kLabelsMagic = 0x00000801;

constexpr char kTrainPrefix[] = "train";
constexpr char kTestPrefix[] = "t10k";
constexpr char kImagesSuffix[] = "-images-idx3-ubyte";
constexpr char kLabelsSuffix[] = "-labels-idx1-ubyte";

struct GzCloser {
  void operator()(gzFile_s* file) const { gzclose_r(file); }
};

// A file read through zlib, which passes files through that are not compressed.
class GzReader {
 public:
  static absl::StatusOr<GzReader> Open(const std::string& path) {
    errno = 0;
    GzReader reader(path, gzopen(path.c_str(), "rbe"));
    if (reader.file_ == nullptr) return base::PosixError(errno == 0 ? ENOMEM : errno, path);
    return reader;
  }

  // Reads up to buffer.size() bytes; fewer only at the end, or where a compressed file is cut
  // short.
  absl::StatusOr<std::size_t> Read(std::span<std::uint8_t> buffer) {
    std::size_t done = 0;
    while (done < buffer.size()) {
      constexpr std::size_t kMaxChunk = std::size_t{1} << 30;
      const auto chunk = static_cast<unsigned>(std::min(buffer.size() - done, kMaxChunk));
      const int got = gzread(file_.get(), buffer.data() + done, chunk);
      if (got < 0) return Error();
      if (got == 0) {
        // zlib hands out what it could decode and only notes that the file ended early.
        int code = Z_OK;
        gzerror(file_.get(), &code);
        cut_short_ = code == Z_BUF_ERROR;
        break;
      }
      done += static_cast<std::size_t>(got);
    }
    total_bytes_ += done;
    return done;
  }

  const std::string& path() const { return path_; }
  std::uint64_t total_bytes() const { return total_bytes_; }
  // Whether the last Read met the end of a compressed file before that of its gzip trailer.
  bool cut_short() const { return cut_short_; }

 private:
  GzReader(std::string path, gzFile file) : path_(std::move(path)), file_(file) {}

  absl::StatusOr<std::size_t> Error() {
    int code = 0;
    const char* message = gzerror(file_.get(), &code);
    if (code == Z_ERRNO) return base::PosixError(errno, path_);
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": expected a gzip file, found damaged data: ", message));
  }

  std::string path_;
  std::unique_ptr<gzFile_s, GzCloser> file_;
  std::uint64_t total_bytes_ = 0;
  bool cut_short_ = false;
};

absl::Status Truncated(const GzReader& reader, std::uint64_t expected) {
  return absl::InvalidArgumentError(absl::StrCat(reader.path(), ": truncated: expected ", expected,
                                                 " bytes, found ", reader.total_bytes()));
}

std::uint32_t BigEndian32(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
}

absl::StatusOr<std::vector<std::int64_t>> ReadHeader(GzReader& reader, std::uint32_t magic) {
  const std::size_t rank = magic & 0xff;
  std::array<std::uint8_t, 16> header{};
  const std::size_t header_bytes = 4 + 4 * rank;
  ASSIGN_OR_RETURN(const std::size_t got,
                   reader.Read(std::span<std::uint8_t>(header).first(header_bytes)));
  if (got < header_bytes) return Truncated(reader, header_bytes);
  if (const std::uint32_t found = BigEndian32(header.data()); found != magic) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s: expected the IDX magic 0x%08x, found 0x%08x", reader.path(), magic, found));
  }
  std::vector<std::int64_t> extents;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    extents.push_back(BigEndian32(header.data() + 4 + 4 * axis));
  }
  const bool extents_fit = std::all_of(extents.begin() + 1, extents.end(), [](std::int64_t extent) {
    return extent >= 1 && extent <= Dataset::kMaxExtent;
  });
  if (!extents_fit || extents[0] < 1 || extents[0] > Dataset::kMaxImages) {
    return absl::InvalidArgumentError(
        absl::StrCat(reader.path(), ": expected 1 to ", Dataset::kMaxImages,
                     " items and a height and width of 1 to ", Dataset::kMaxExtent, ", found ",
                     tensor::Shape::Create(extents).value_or(tensor::Shape{}).ToString()));
  }
  return extents;
}

// Reads in pieces, so that a header that lies about the size allocates no more than twice the file.
absl::StatusOr<std::vector<std::uint8_t>> ReadValues(GzReader& reader, std::uint64_t count) {
  constexpr std::uint64_t kPieceBytes = std::uint64_t{16} << 20;
  const std::uint64_t expected = reader.total_bytes() + count;
  std::vector<std::uint8_t> values;
  while (values.size() < count) {
    const std::size_t begin = values.size();
    const std::size_t piece = std::min(kPieceBytes, count - begin);
    values.resize(begin + piece);
    ASSIGN_OR_RETURN(const std::size_t got, reader.Read(std::span(values).subspan(begin, piece)));
    if (got < piece) return Truncated(reader, expected);
  }
  std::uint8_t extra = 0;
  ASSIGN_OR_RETURN(const std::size_t got, reader.Read(std::span(&extra, 1)));
  if (got > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(reader.path(), ": expected ", expected, " bytes, found more"));
  }
  if (reader.cut_short()) {
    return absl::InvalidArgumentError(
        absl::StrCat(reader.path(), ": truncated: expected ", expected,
                     " bytes and their gzip checksum, found ", expected, " bytes without it"));
  }
  return values;
}

// A file of which the header is read and the values are not.
struct IdxFile {
  GzReader reader;
  std::vector<std::int64_t> extents;  // images: count, rows, columns; labels: count
};

// `folder`/`name` or, where that is missing, `folder`/`name`.gz.
absl::StatusOr<IdxFile> OpenIdx(const std::string& folder, const std::string& name,
                                std::uint32_t magic) {
  std::string path = absl::StrCat(folder, "/", name);
  if (access(path.c_str(), F_OK) != 0) {
    const std::string compressed = path + ".gz";
    if (access(compressed.c_str(), F_OK) != 0) {
      return absl::NotFoundError(absl::StrCat("expected the file ", path, " or ", compressed));
    }
    path = compressed;
  }
  ASSIGN_OR_RETURN(GzReader reader, GzReader::Open(path));
  ASSIGN_OR_RETURN(std::vector<std::int64_t> extents, ReadHeader(reader, magic));
  return IdxFile{.reader = std::move(reader), .extents = std::move(extents)};
}

struct IdxPair {
  tensor::Shape image_shape() const { return {1, images.extents[1], images.extents[2]}; }
  std::int64_t count() const { return images.extents[0]; }

  IdxFile images;
  IdxFile labels;
};

absl::StatusOr<IdxPair> OpenPair(const std::string& folder, const std::string& prefix) {
  ASSIGN_OR_RETURN(IdxFile images, OpenIdx(folder, prefix + kImagesSuffix, kImagesMagic));
  ASSIGN_OR_RETURN(IdxFile labels, OpenIdx(folder, prefix + kLabelsSuffix, kLabelsMagic));
  if (images.extents[0] != labels.extents[0]) {
    return absl::InvalidArgumentError(absl::StrCat(
        labels.reader.path(), ": expected ", images.extents[0], " labels, one for each image in ",
        images.reader.path(), ", found ", labels.extents[0]));
  }
  return IdxPair{.images = std::move(images), .labels = std::move(labels)};
}

// Of a size that Dataset::CheckSize allows.
absl::StatusOr<ImageSet> ReadPair(IdxPair& pair) {
  const std::int64_t bytes = pair.count() * pair.image_shape().ElementCount();
  ImageSet set;
  ASSIGN_OR_RETURN(set.pixels, ReadValues(pair.images.reader, static_cast<std::uint64_t>(bytes)));
  ASSIGN_OR_RETURN(set.labels,
                   ReadValues(pair.labels.reader, static_cast<std::uint64_t>(pair.count())));
  return set;
}

std::vector<std::string> NumberedClasses(const ImageSet& images) {
  const std::uint8_t largest = *std::max_element(images.labels.begin(), images.labels.end());
  std::vector<std::string> names;
  for (int label = 0; label <= largest; ++label) names.push_back(absl::StrCat(label));
  return names;
}

}  // namespace

std::vector<std::string> IdxFiles() {
  std::vector<std::string> files;
  for (const char* prefix : {kTrainPrefix, kTestPrefix}) {
    for (const char* suffix : {kImagesSuffix, kLabelsSuffix}) {
      files.push_back(absl::StrCat(prefix, suffix));
      files.push_back(absl::StrCat(prefix, suffix, ".gz"));
    }
  }
  return files;
}

std::vector<std::string> FashionMnistClassNames() {
  return {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
          "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
}

absl::StatusOr<Dataset> ReadIdxFolder(const std::string& path,
                                      std::vector<std::string> class_names) {
  ASSIGN_OR_RETURN(IdxPair train, OpenPair(path, kTrainPrefix));
  ASSIGN_OR_RETURN(IdxPair test, OpenPair(path, kTestPrefix));
  const tensor::Shape image_shape = train.image_shape();
  if (image_shape != test.image_shape()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected test images of the training images' shape ",
                     image_shape.ToString(), ", found ", test.image_shape().ToString()));
  }
  RETURN_IF_ERROR(
      base::Annotate(Dataset::CheckSize(image_shape, train.count() + test.count()), path));
  DatasetParts parts{.image_shape = image_shape, .class_names = std::move(class_names)};
  ASSIGN_OR_RETURN(parts.train, ReadPair(train));
  ASSIGN_OR_RETURN(parts.test, ReadPair(test));
  if (parts.class_names.empty()) parts.class_names = NumberedClasses(parts.train);
  absl::StatusOr<Dataset> dataset = Dataset::Create(std::move(parts));
  if (!dataset.ok()) return base::Annotate(dataset.status(), path);
  return dataset;
}

}  // namespace graft::data
