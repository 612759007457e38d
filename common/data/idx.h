// The IDX files of MNIST and its successors (Y. LeCun, C. Cortes, C. Burges, "The MNIST database"):
// big-endian magic (0x00000803 images, 0x00000801 labels), one 32-bit extent a dimension, bytes.
#ifndef GRAFT_COMMON_DATA_IDX_H_
#define GRAFT_COMMON_DATA_IDX_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/dataset.h"

namespace graft::data {

// Where Debian's package dataset-fashion-mnist puts its files.
inline constexpr char kFashionMnistDirectory[] = "/usr/share/datasets/fashion-mnist";

// The files of a folder that are read, each as it is and with `.gz`.
std::vector<std::string> IdxFiles();

// "T-shirt/top", ..., "Ankle boot".
std::vector<std::string> FashionMnistClassNames();

// Reads `{train,t10k}-images-idx3-ubyte` and `{train,t10k}-labels-idx1-ubyte` of a folder, each as
// it is or with `.gz` after its name. Images become [1, rows, columns]. Without class names, the
// classes are called "0" up to the largest training label.
//
// NOT_FOUND: a file is missing. INVALID_ARGUMENT: a wrong magic, a truncated, overlong or damaged
// file, images and labels of different numbers, images beyond the bounds of Dataset, which are
// refused before any is read; the message names the file and what was expected.
absl::StatusOr<Dataset> ReadIdxFolder(const std::string& path,
                                      std::vector<std::string> class_names = {});

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_IDX_H_
