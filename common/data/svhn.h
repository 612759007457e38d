// The cropped digits of SVHN (Y. Netzer et al., "Reading Digits in Natural Images with Unsupervised
// Feature Learning", 2011): MATLAB files with X, uint8 [32, 32, 3, N], and y, labels 1 to 10.
#ifndef GRAFT_COMMON_DATA_SVHN_H_
#define GRAFT_COMMON_DATA_SVHN_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/data/dataset.h"

namespace graft::data {

inline constexpr char kSvhnTrainFile[] = "train_32x32.mat";
inline constexpr char kSvhnTestFile[] = "test_32x32.mat";

// Reads both files of a folder (extra_32x32.mat is left alone). The images become [3, 32, 32], and
// the classes are "0" to "9": label 10 stands for the digit 0.
//
// NOT_FOUND: a file is missing. INVALID_ARGUMENT: errors of MatFile, arrays of another shape, a
// label out of range, images beyond the bounds of Dataset, which are refused before any is read;
// the message names the file and what was expected.
absl::StatusOr<Dataset> ReadSvhnFolder(const std::string& path);

}  // namespace graft::data

#endif  // GRAFT_COMMON_DATA_SVHN_H_
