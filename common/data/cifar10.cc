#include "common/data/cifar10.h"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
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

absl::StatusOr<std::string> ReadRecords(const std::string& path) {
  ASSIGN_OR_RETURN(std::string records, base::ReadFile(path, Dataset::kMaxPixelBytes));
  if (records.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected records of ", kRecordBytes, " bytes, found an empty file"));
  }
  if (const std::size_t rest = records.size() % kRecordBytes; rest != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": truncated: expected whole records of ", kRecordBytes, " bytes, found ", rest,
        " bytes of record ", records.size() / kRecordBytes, " after ", records.size() - rest));
  }
  return records;
}

absl::Status Append(const std::string& path, const std::string& records, std::size_t classes,
                    ImageSet& images) {
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
  std::size_t first_size = 0;
  for (int number = 1; number <= kCifar10TrainFiles; ++number) {
    const std::string file = absl::StrCat(path, "/", Cifar10TrainFile(number));
    ASSIGN_OR_RETURN(const std::string records, ReadRecords(file));
    if (number == 1) first_size = records.size();
    if (records.size() != first_size) {
      return absl::InvalidArgumentError(absl::StrCat(file, ": expected ", first_size,
                                                     " bytes, as in ", Cifar10TrainFile(1),
                                                     ", found ", records.size()));
    }
    RETURN_IF_ERROR(Append(file, records, classes, parts.train));
  }
  const std::string file = absl::StrCat(path, "/", kCifar10TestFile);
  ASSIGN_OR_RETURN(const std::string records, ReadRecords(file));
  RETURN_IF_ERROR(Append(file, records, classes, parts.test));
  absl::StatusOr<Dataset> dataset = Dataset::Create(std::move(parts));
  if (!dataset.ok()) return base::Annotate(dataset.status(), path);
  return dataset;
}

}  // namespace graft::data
