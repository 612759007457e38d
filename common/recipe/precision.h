// In which numbers a network is computed while it trains.
#ifndef GRAFT_COMMON_RECIPE_PRECISION_H_
#define GRAFT_COMMON_RECIPE_PRECISION_H_

#include <string_view>

namespace graft::recipe {

enum class Precision {
  kFloat32,
  // Admits that layers round what they multiply to bfloat16, 8 significant bits, and sum in
  // float32, where the backend is faster so. Parameters, gradients, optimiser, norms and losses
  // stay float32.
  kBfloat16,
};

constexpr std::string_view NameOf(Precision precision) {
  return precision == Precision::kBfloat16 ? "bfloat16" : "float32";
}

}  // namespace graft::recipe

#endif  // GRAFT_COMMON_RECIPE_PRECISION_H_
