// Data sets as others publish them, read by what a folder holds. Messages name the options as
// `graft dataset add` does.
#ifndef GRAFT_COMMON_DATA_DATASET_IMPORT_H_
#define GRAFT_COMMON_DATA_DATASET_IMPORT_H_

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/dataset.h"
#include "common/data/image_folder.h"

namespace graft::data {

enum class DatasetFormat {
  kIdx,          // idx.h
  kCifar10,      // cifar10.h
  kSvhn,         // svhn.h
  kImageFolder,  // image_folder.h
};

inline constexpr std::array kDatasetFormats = {DatasetFormat::kIdx, DatasetFormat::kCifar10,
                                               DatasetFormat::kSvhn, DatasetFormat::kImageFolder};

// "idx", "cifar10", "svhn", "image-folder".
std::string_view NameOf(DatasetFormat format);

struct ImportOptions {
  // None: by what the folder holds.
  std::optional<DatasetFormat> format;
  // Names of the classes of IDX files, which have none. Empty: numbers.
  std::vector<std::string> idx_class_names;
  // Of kImageFolder; an error with another format, unless they are the defaults.
  ImageFolderOptions images;
};

// The format of which a folder has at least one of the files; sub-folders are an image folder
// unless there are such files. NOT_FOUND: no such folder. INVALID_ARGUMENT: the files of no or of
// several formats; the message tells what each format expects and what was found.
absl::StatusOr<DatasetFormat> DetectDatasetFormat(const std::string& path);

// Reads a folder. Errors as above and those of the format's reader.
absl::StatusOr<Dataset> ImportDataset(const std::string& path, const ImportOptions& options = {});

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_DATASET_IMPORT_H_
