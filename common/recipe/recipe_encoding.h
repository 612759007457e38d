// Recipes in canonical bytes, a part of the trial key.
#ifndef GRAFT_COMMON_RECIPE_RECIPE_ENCODING_H_
#define GRAFT_COMMON_RECIPE_RECIPE_ENCODING_H_

#include "common/recipe/recipe.h"

namespace graft::digest {
class CanonicalEncoder;
}

namespace graft::recipe {

// Everything of a recipe, in the order of the .cc file, at the end `u64 1` for bfloat16: float32
// leaves it out, so that the choice of a precision changed no key. `recipe` is valid, and nothing
// is encoded behind it.
void EncodeRecipe(const Recipe& recipe, digest::CanonicalEncoder& encoder);

}  // namespace graft::recipe

#endif  // GRAFT_COMMON_RECIPE_RECIPE_ENCODING_H_
