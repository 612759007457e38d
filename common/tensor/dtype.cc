#include "common/tensor/dtype.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/strings.h"

namespace graft::tensor {
namespace {

struct DTypeInfo {
  DType dtype;
  size_t size_bytes;
  std::string_view name;
};

constexpr DTypeInfo kDTypes[] = {
    {DType::kFloat32, 4, "float32"}, {DType::kBFloat16, 2, "bfloat16"}, {DType::kUint8, 1, "uint8"},
    {DType::kInt32, 4, "int32"},     {DType::kInt64, 8, "int64"},
};

const DTypeInfo& Info(DType dtype) {
  for (const DTypeInfo& info : kDTypes) {
    if (info.dtype == dtype) return info;
  }
  GRAFT_CHECK(false) << "no dtype has the number " << static_cast<int>(dtype);
  __builtin_unreachable();
}

}  // namespace

size_t SizeBytes(DType dtype) { return Info(dtype).size_bytes; }

std::string_view Name(DType dtype) { return Info(dtype).name; }

absl::StatusOr<DType> ParseDType(std::string_view name) {
  for (const DTypeInfo& info : kDTypes) {
    if (info.name == name) return info.dtype;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown dtype ", base::JsonQuote(name.substr(0, 40)),
                   ": expected float32, bfloat16, uint8, int32 or int64"));
}

std::optional<DType> DTypeFromNumber(uint64_t number) {
  for (const DTypeInfo& info : kDTypes) {
    if (static_cast<uint64_t>(info.dtype) == number) return info.dtype;
  }
  return std::nullopt;
}

}  // namespace graft::tensor
