#include "common/data/cifar10.h"

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/fd.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"

namespace graft::data {
namespace {

constexpr std::int64_t kChannels = 3;
constexpr std::int64_t kEdge = 32;
constexpr std::size_t kImageBytes = kChannels * kEdge * kEdge;
constexpr std::size_t kRecordBytes = 1 + kImageBytes;
constexpr std::uint64_t kMaxNamesBytes = std::uint64_t{1} << 20;

absl::StatusOr<std::vector<std::string>> ReadClassNames(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxNamesBytes));
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    names.emplace_back(line);
    begin = end + 1;
  }
  while (!names.empty() && names.back().empty()) names.pop_back();
  if (const absl::Status status = Dataset::CheckClassNames(names); !status.ok()) {
    return base::Annotate(status, absl::StrCat(path, ": expected a class's name on each line"));
  }
  return names;
}

// The number of whole records in a file of `size` bytes.
absl::StatusOr<std::int64_t> RecordCount(const std::string& path, std::uint64_t size) {
  if (size == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected records of ", kRecordBytes, " bytes, found an empty file"));
  }
  if (const std::uint64_t rest = size % kRecordBytes; rest != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": truncated: expected whole records of ", kRecordBytes, " bytes, found ", rest,
        " bytes of record ", size / kRecordBytes, " after ", size - rest));
  }
  return static_cast<std::int64_t>(size / kRecordBytes);
}

// Of a file that nobody has read yet.
absl::StatusOr<std::int64_t> CountRecords(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return base::PosixError(error.value(), path);
  return RecordCount(path, size);
}

absl::Status ReadRecords(const std::string& path, std::int64_t count, std::size_t classes,
                         ImageSet& images) {
  ASSIGN_OR_RETURN(const std::string records,
                   base::ReadFile(path, static_cast<std::uint64_t>(count) * kRecordBytes));
  RETURN_IF_ERROR(RecordCount(path, records.size()).status());
  for (std::size_t begin = 0; begin < records.size(); begin += kRecordBytes) {
    const auto label = static_cast<std::uint8_t>(records[begin]);
    if (label >= classes) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": label of record ", begin / kRecordBytes, ", at byte ", begin,
                       ", is ", int{label}, ", expected less than ", classes,
                       ", the number of names in ", kCifar10NamesFile));
    }
    images.labels.push_back(label);
    const auto pixels = records.begin() + static_cast<std::ptrdiff_t>(begin) + 1;
    images.pixels.insert(images.pixels.end(), pixels, pixels + kImageBytes);
  }
  return absl::OkStatus();
}

}  // namespace

std::string Cifar10TrainFile(int number) { return absl::StrCat("data_batch_", number, ".bin"); }

absl::StatusOr<Dataset> ReadCifar10Folder(const std::string& path) {
  DatasetParts parts{.image_shape = {kChannels, kEdge, kEdge}};
  ASSIGN_OR_RETURN(parts.class_names, ReadClassNames(absl::StrCat(path, "/", kCifar10NamesFile)));
  const std::size_t classes = parts.class_names.size();
  std::vector<std::string> train_paths;
  std::int64_t train_count = 0;  // of each file
  for (int number = 1; number <= kCifar10TrainFiles; ++number) {
    const std::string file = absl::StrCat(path, "/", Cifar10TrainFile(number));
    ASSIGN_OR_RETURN(const std::int64_t count, CountRecords(file));
    if (number == 1) train_count = count;
    if (count != train_count) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, ": expected ", train_count * kRecordBytes, " bytes, as in ",
                       Cifar10TrainFile(1), ", found ", count * kRecordBytes));
    }
    train_paths.push_back(file);
  }
  const std::string test_path = absl::StrCat(path, "/", kCifar10TestFile);
  ASSIGN_OR_RETURN(const std::int64_t test_count, CountRecords(test_path));
  RETURN_IF_ERROR(base::Annotate(
      Dataset::CheckSize(parts.image_shape, kCifar10TrainFiles * train_count + test_count), path));
  for (const std::string& file : train_paths) {
    RETURN_IF_ERROR(ReadRecords(file, train_count, classes, parts.train));
  }
  RETURN_IF_ERROR(ReadRecords(test_path, test_count, classes, parts.test));
  absl::StatusOr<Dataset> dataset = Dataset::Create(std::move(parts));
  if (!dataset.ok()) return base::Annotate(dataset.status(), path);
  return dataset;
}

}  // namespace graft::data
