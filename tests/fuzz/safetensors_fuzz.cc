#include "common/base/check.h"
#include "common/weights/safetensors.h"
#include "tests/fuzz/fuzz_target.h"

namespace graft::fuzz {

bool DecodeAndCheck(std::string_view input) {
  const absl::StatusOr<weights::Safetensors> decoded = weights::DecodeSafetensors(input);
  if (!decoded.ok()) return false;
  const absl::StatusOr<std::string> encoded = weights::EncodeSafetensors(*decoded);
  GRAFT_CHECK_OK(encoded.status());
  const absl::StatusOr<weights::Safetensors> again = weights::DecodeSafetensors(*encoded);
  GRAFT_CHECK_OK(again.status());
  GRAFT_CHECK(again->tensors == decoded->tensors);
  GRAFT_CHECK(again->metadata == decoded->metadata);
  return true;
}

std::vector<std::string> Seeds() {
  using tensor::DType;
  weights::Safetensors contents;
  contents.tensors.Set("weight \"\\\n", tensor::Tensor::FromFloats({2, 3}, {{1, 2, 3, 4, 5, 6}}));
  contents.tensors.Set("bias", tensor::Tensor::Zeros(DType::kBFloat16, {3}));
  contents.tensors.Set("count", tensor::Tensor::Zeros(DType::kInt64, {}));
  contents.tensors.Set("none", tensor::Tensor::Zeros(DType::kUint8, {0}));
  contents.metadata = {{"format", "pt"}, {"\xe2\x82\xac", "\x01"}};
  return {weights::EncodeSafetensors({}).value(), weights::EncodeSafetensors(contents).value()};
}

}  // namespace graft::fuzz
