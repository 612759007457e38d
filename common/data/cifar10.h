// The binary version of CIFAR-10 (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny
// Images", 2009): records of one label byte and 32x32 red, then green, then blue bytes, row-major.
#ifndef GRAFT_COMMON_DATA_CIFAR10_H_
#define GRAFT_COMMON_DATA_CIFAR10_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/data/dataset.h"

namespace graft::data {

inline constexpr char kCifar10TestFile[] = "test_batch.bin";
inline constexpr char kCifar10NamesFile[] = "batches.meta.txt";
inline constexpr int kCifar10TrainFiles = 5;

// "data_batch_1.bin" to "data_batch_5.bin".
std::string Cifar10TrainFile(int number);

// Reads the files above of a folder; the images are [3, 32, 32]. The classes' names are the lines
// of batches.meta.txt, empty ones after the last name left out.
//
// NOT_FOUND: a file is missing. INVALID_ARGUMENT: a file that does not consist of whole records,
// training files of different sizes (those of CIFAR-10 are equally large), a label without a name,
// images beyond the bounds of Dataset, which are refused before any is read; the message names the
// file, says where, and what was expected.
absl::StatusOr<Dataset> ReadCifar10Folder(const std::string& path);

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_CIFAR10_H_
