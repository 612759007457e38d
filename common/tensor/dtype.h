#ifndef GRAFT_COMMON_TENSOR_DTYPE_H_
#define GRAFT_COMMON_TENSOR_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

namespace graft::tensor {

// The type of a tensor's elements. The numbers are written into manifests: never reuse one.
enum class DType : uint8_t {
  kFloat32 = 1,
  kBFloat16 = 2,  // the upper half of a float32, kept as uint16_t
  kUint8 = 3,
  kInt32 = 4,
  kInt64 = 5,
};

// Bytes of one element.
size_t SizeBytes(DType dtype);

// "float32", "bfloat16", "uint8", "int32" or "int64".
std::string_view Name(DType dtype);

// The inverse of Name; INVALID_ARGUMENT for anything else.
absl::StatusOr<DType> ParseDType(std::string_view name);

// The dtype with the number that a manifest holds; none for any other number.
std::optional<DType> DTypeFromNumber(uint64_t number);

// The DType whose elements have the C++ type T; not defined for other types. uint16_t stands for
// the bits of a bfloat16.
template <typename T>
inline constexpr DType kDTypeOf = [] { static_assert(sizeof(T) == 0, "no DType for T"); }();
template <>
inline constexpr DType kDTypeOf<float> = DType::kFloat32;
template <>
inline constexpr DType kDTypeOf<uint16_t> = DType::kBFloat16;
template <>
inline constexpr DType kDTypeOf<uint8_t> = DType::kUint8;
template <>
inline constexpr DType kDTypeOf<int32_t> = DType::kInt32;
template <>
inline constexpr DType kDTypeOf<int64_t> = DType::kInt64;

}  // namespace graft::tensor

#endif  // GRAFT_COMMON_TENSOR_DTYPE_H_
