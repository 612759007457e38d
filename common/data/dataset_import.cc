#include "common/data/dataset_import.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/data/cifar10.h"
#include "common/data/folder.h"
#include "common/data/idx.h"
#include "common/data/svhn.h"

namespace graft::data {
namespace {

// What tells a format apart from others.
struct FormatFiles {
  DatasetFormat format;
  std::vector<std::string> files;
  std::string_view expected;  // for people
};

const std::vector<FormatFiles>& FormatsOfFiles() {
  static const auto& formats = *new std::vector<FormatFiles>{
      {DatasetFormat::kIdx, IdxFiles(),
       "{train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte, each also with .gz"},
      {DatasetFormat::kCifar10,
       {Cifar10TrainFile(1), Cifar10TrainFile(2), Cifar10TrainFile(3), Cifar10TrainFile(4),
        Cifar10TrainFile(5), kCifar10TestFile},
       "data_batch_1.bin to data_batch_5.bin, test_batch.bin and batches.meta.txt (the binary "
       "version)"},
      {DatasetFormat::kSvhn,
       {kSvhnTrainFile, kSvhnTestFile},
       "train_32x32.mat and test_32x32.mat (the cropped digits)"},
  };
  return formats;
}

constexpr std::string_view kExpectedFolders =
    "train/CLASS/ and test/CLASS/, or CLASS/ with --test-fraction, of PNG or JPEG files";

std::string Expected() {
  std::string text;
  for (const FormatFiles& format : FormatsOfFiles()) {
    absl::StrAppend(&text, "\n  ", base::ToAbsl(NameOf(format.format)), ": ",
                    base::ToAbsl(format.expected));
  }
  absl::StrAppend(&text, "\n  ", base::ToAbsl(NameOf(DatasetFormat::kImageFolder)), ": ",
                  base::ToAbsl(kExpectedFolders));
  return text;
}

// "a, b and 3 more".
std::string Found(const FolderListing& listing) {
  constexpr std::size_t kShown = 8;
  if (listing.files.empty()) return "nothing";
  const std::size_t shown = std::min(listing.files.size(), kShown);
  std::string text = absl::StrJoin(listing.files.begin(), listing.files.begin() + shown, ", ");
  if (shown < listing.files.size()) {
    absl::StrAppend(&text, " and ", listing.files.size() - shown, " more");
  }
  return text;
}

absl::Status CheckImageOptionsUnused(const std::string& path, DatasetFormat format,
                                     const ImageFolderOptions& images) {
  if (!images.resize.has_value() && images.colours == ImageColours::kAsTheyAre &&
      !images.test_fraction.has_value()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path,
                   ": --resize, --grey, --colour and --test-fraction are for the format "
                   "image-folder, found ",
                   base::ToAbsl(NameOf(format))));
}

}  // namespace

std::string_view NameOf(DatasetFormat format) {
  switch (format) {
    case DatasetFormat::kIdx:
      return "idx";
    case DatasetFormat::kCifar10:
      return "cifar10";
    case DatasetFormat::kSvhn:
      return "svhn";
    case DatasetFormat::kImageFolder:
      return "image-folder";
  }
  GRAFT_CHECK(false) << "format " << static_cast<int>(format);
  return "";
}

absl::StatusOr<DatasetFormat> DetectDatasetFormat(const std::string& path) {
  ASSIGN_OR_RETURN(const FolderListing listing, ListFolder(path));
  std::vector<DatasetFormat> found;
  for (const FormatFiles& format : FormatsOfFiles()) {
    if (std::ranges::any_of(format.files,
                            [&](const std::string& file) { return listing.HasFile(file); })) {
      found.push_back(format.format);
    }
  }
  if (found.size() == 1) return found[0];
  if (found.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": expected the files of one format, found those of ", base::ToAbsl(NameOf(found[0])),
        " and ", base::ToAbsl(NameOf(found[1])), ": choose one with --format"));
  }
  if (!listing.folders.empty()) return DatasetFormat::kImageFolder;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": expected one of", Expected(), "\nfound ", Found(listing)));
}

absl::StatusOr<Dataset> ImportDataset(const std::string& path, const ImportOptions& options) {
  DatasetFormat format{};
  if (options.format.has_value()) {
    format = *options.format;
  } else {
    ASSIGN_OR_RETURN(format, DetectDatasetFormat(path));
  }
  if (format == DatasetFormat::kImageFolder) return ReadImageFolder(path, options.images);
  RETURN_IF_ERROR(CheckImageOptionsUnused(path, format, options.images));
  if (format == DatasetFormat::kCifar10) return ReadCifar10Folder(path);
  if (format == DatasetFormat::kSvhn) return ReadSvhnFolder(path);
  return ReadIdxFolder(path, options.idx_class_names);
}

}  // namespace graft::data
