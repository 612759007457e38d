// The safetensors file format, in which networks leave and enter Graft:
//
//   8 bytes   N, little-endian
//   N bytes   a JSON object: for each tensor its name with
//             {"dtype": "F32", "shape": [4,3], "data_offsets": [begin, end]}, offsets counted from
//             the end of the header, and optionally "__metadata__", an object of strings; may be
//             padded with spaces
//   the rest  the tensors' elements, row-major and little-endian, without gaps
//
// https://huggingface.co/docs/safetensors. Its dtypes F32, BF16, U8, I32 and I64 are those of
// tensor::DType.
#ifndef GRAFT_COMMON_WEIGHTS_SAFETENSORS_H_
#define GRAFT_COMMON_WEIGHTS_SAFETENSORS_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/tensor/named_tensors.h"

namespace graft::weights {

// As in the format's reference implementation.
inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;

struct Safetensors {
  tensor::NamedTensors tensors;
  std::map<std::string, std::string> metadata;
};

// The bytes of a file. Deterministic; each tensor is aligned to its element's size.
// INVALID_ARGUMENT if a name is not UTF-8 or is "__metadata__".
absl::StatusOr<std::string> EncodeSafetensors(const Safetensors& contents);

// The inverse, for files from anywhere: INVALID_ARGUMENT, naming tensor or position, for a header
// that is cut short, too long or malformed, an unknown or missing key, an unknown dtype, offsets
// that do not fit the shape, gaps, overlaps, names that appear twice, or bytes left over.
absl::StatusOr<Safetensors> DecodeSafetensors(std::string_view bytes);

}  // namespace graft::weights

#endif  // GRAFT_COMMON_WEIGHTS_SAFETENSORS_H_
