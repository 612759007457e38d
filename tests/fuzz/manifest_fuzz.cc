#include "common/base/check.h"
#include "common/weights/manifest.h"
#include "common/weights/weights.h"
#include "tests/fuzz/fuzz_target.h"

namespace graft::fuzz {

bool DecodeAndCheck(std::string_view input) {
  const absl::StatusOr<weights::Manifest> manifest = weights::Manifest::Decode(input);
  if (!manifest.ok()) return false;
  GRAFT_CHECK(manifest->Encode() == input);
  return true;
}

std::vector<std::string> Seeds() {
  using tensor::DType;
  tensor::NamedTensors tensors;
  const std::string empty = weights::PackWeights(tensors).value().manifest.Encode();
  tensors.Set("00001.weight", tensor::Tensor::Zeros(DType::kFloat32, {4, 3, 3, 3}));
  tensors.Set("00002.bias", tensor::Tensor::Zeros(DType::kBFloat16, {4}));
  tensors.Set("count", tensor::Tensor::Zeros(DType::kInt64, {}));
  tensors.Set("none", tensor::Tensor::Zeros(DType::kUint8, {0}));
  return {empty, weights::PackWeights(tensors).value().manifest.Encode()};
}

}  // namespace graft::fuzz
