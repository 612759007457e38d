#include "common/data/dataset_format.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"

namespace graft::data {
namespace {

constexpr std::string_view kMagic = "GRAFTDS\n";
constexpr std::uint32_t kVersion = 1;

void AppendLittleEndian(std::uint64_t value, int size, std::string* out) {
  for (int i = 0; i < size; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

void AppendBytes(const std::vector<std::uint8_t>& bytes, std::string* out) {
  out->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Takes fields off the front of a byte string.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<std::string_view> Take(std::uint64_t size, std::string_view what) {
    if (size > bytes_.size() - position_) {
      return absl::InvalidArgumentError(
          absl::StrCat("truncated data set: expected ", size, " bytes of ", std::string(what),
                       " at offset ", position_, ", found ", bytes_.size() - position_));
    }
    const std::string_view taken = bytes_.substr(position_, size);
    position_ += size;
    return taken;
  }

  absl::StatusOr<std::uint64_t> Number(int size, std::string_view what) {
    ASSIGN_OR_RETURN(const std::string_view taken, Take(static_cast<std::uint64_t>(size), what));
    std::uint64_t value = 0;
    for (int i = 0; i < size; ++i) {
      value |= std::uint64_t{static_cast<std::uint8_t>(taken[i])} << (8 * i);
    }
    return value;
  }

  // A number of 1 to `limit`.
  absl::StatusOr<std::int64_t> Count(int size, std::int64_t limit, std::string_view what) {
    ASSIGN_OR_RETURN(const std::uint64_t value, Number(size, what));
    if (value < 1 || value > static_cast<std::uint64_t>(limit)) {
      return absl::InvalidArgumentError(
          absl::StrCat("number of ", std::string(what), " is ", value, ", expected 1 to ", limit));
    }
    return static_cast<std::int64_t>(value);
  }

  std::uint64_t position() const { return position_; }

  absl::Status ExpectEnd() const {
    if (position_ == bytes_.size()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("expected a data set of ", position_, " bytes, found ", bytes_.size()));
  }

 private:
  std::string_view bytes_;
  std::uint64_t position_ = 0;
};

absl::Status ReadMagicAndVersion(Reader& reader) {
  ASSIGN_OR_RETURN(const std::string_view magic, reader.Take(kMagic.size(), "magic"));
  if (magic != kMagic) {
    return absl::InvalidArgumentError("not a graft data set: expected the magic \"GRAFTDS\\n\"");
  }
  ASSIGN_OR_RETURN(const std::uint64_t version, reader.Number(4, "version"));
  if (version != kVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("data set format version ", version, ", expected ", kVersion));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::uint8_t>> ReadBytes(Reader& reader, std::int64_t size,
                                                    std::string_view what) {
  ASSIGN_OR_RETURN(const std::string_view bytes,
                   reader.Take(static_cast<std::uint64_t>(size), what));
  return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
}

absl::StatusOr<ImageSet> ReadImages(Reader& reader, std::int64_t count, std::int64_t image_size,
                                    std::string_view set) {
  ImageSet images;
  ASSIGN_OR_RETURN(images.pixels, ReadBytes(reader, count * image_size,
                                            absl::StrCat(std::string(set), " images")));
  ASSIGN_OR_RETURN(images.labels,
                   ReadBytes(reader, count, absl::StrCat(std::string(set), " labels")));
  return images;
}

absl::StatusOr<DatasetHeader> ReadHeader(Reader& reader) {
  RETURN_IF_ERROR(ReadMagicAndVersion(reader));
  ASSIGN_OR_RETURN(const std::int64_t channels, reader.Count(4, Dataset::kMaxChannels, "channels"));
  ASSIGN_OR_RETURN(const std::int64_t height, reader.Count(4, Dataset::kMaxExtent, "rows"));
  ASSIGN_OR_RETURN(const std::int64_t width, reader.Count(4, Dataset::kMaxExtent, "columns"));
  ASSIGN_OR_RETURN(const std::int64_t classes, reader.Count(4, Dataset::kMaxClasses, "classes"));
  DatasetHeader header;
  header.image_shape = {channels, height, width};
  ASSIGN_OR_RETURN(header.train_images, reader.Count(8, Dataset::kMaxImages, "training images"));
  ASSIGN_OR_RETURN(header.test_images, reader.Count(8, Dataset::kMaxImages, "test images"));
  for (std::int64_t i = 0; i < classes; ++i) {
    ASSIGN_OR_RETURN(const std::int64_t length,
                     reader.Count(4, static_cast<std::int64_t>(Dataset::kMaxClassNameBytes),
                                  absl::StrCat("bytes in the name of class ", i)));
    ASSIGN_OR_RETURN(const std::string_view name,
                     reader.Take(static_cast<std::uint64_t>(length), "class name"));
    header.class_names.emplace_back(name);
  }
  const auto images = static_cast<std::uint64_t>(header.train_images + header.test_images);
  const auto image_size = static_cast<std::uint64_t>(header.image_shape.ElementCount());
  header.size_bytes = reader.position() + images * (image_size + 1);  // a label is one byte
  return header;
}

}  // namespace

std::string EncodeDataset(const Dataset& dataset) {
  std::string out;
  out.reserve(dataset.train().pixels.size() + dataset.test().pixels.size() +
              dataset.train().labels.size() + dataset.test().labels.size() + 65536);
  out.append(kMagic);
  AppendLittleEndian(kVersion, 4, &out);
  for (const std::int64_t extent : dataset.image_shape().dims()) {
    AppendLittleEndian(static_cast<std::uint64_t>(extent), 4, &out);
  }
  AppendLittleEndian(static_cast<std::uint64_t>(dataset.class_count()), 4, &out);
  AppendLittleEndian(static_cast<std::uint64_t>(dataset.train().count()), 8, &out);
  AppendLittleEndian(static_cast<std::uint64_t>(dataset.test().count()), 8, &out);
  for (const std::string& name : dataset.class_names()) {
    AppendLittleEndian(name.size(), 4, &out);
    out.append(name);
  }
  for (const ImageSet* images : {&dataset.train(), &dataset.test()}) {
    AppendBytes(images->pixels, &out);
    AppendBytes(images->labels, &out);
  }
  return out;
}

absl::StatusOr<DatasetHeader> DecodeDatasetHeader(std::string_view bytes) {
  Reader reader(bytes);
  return ReadHeader(reader);
}

absl::StatusOr<Dataset> DecodeDataset(std::string_view bytes) {
  Reader reader(bytes);
  ASSIGN_OR_RETURN(DatasetHeader header, ReadHeader(reader));
  DatasetParts parts;
  parts.image_shape = header.image_shape;
  parts.class_names = std::move(header.class_names);
  const std::int64_t image_size = parts.image_shape.ElementCount();
  ASSIGN_OR_RETURN(parts.train, ReadImages(reader, header.train_images, image_size, "training"));
  ASSIGN_OR_RETURN(parts.test, ReadImages(reader, header.test_images, image_size, "test"));
  RETURN_IF_ERROR(reader.ExpectEnd());
  return Dataset::Create(std::move(parts));
}

absl::StatusOr<Dataset> ReadDatasetFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path));
  absl::StatusOr<Dataset> dataset = DecodeDataset(bytes);
  if (!dataset.ok()) return base::Annotate(dataset.status(), path);
  return dataset;
}

}  // namespace graft::data
