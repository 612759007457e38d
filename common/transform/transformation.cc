#include "common/transform/transformation.h"

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/rng.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/transform/deepen_layer.h"
#include "common/transform/widen_layer.h"

namespace graft::transform {
namespace {

const std::array<const Transformation*, 2>& Registry() {
  static const DeepenLayer deepen_layer;
  static const WidenLayer widen_layer;
  static const std::array<const Transformation*, 2> transformations = {&deepen_layer, &widen_layer};
  return transformations;
}

std::string RegisteredNames() {
  return absl::StrJoin(Registry(), ", ", [](std::string* out, const Transformation* each) {
    absl::StrAppend(out, base::ToAbsl(each->name()));
  });
}

}  // namespace

Preservation Weakest(Preservation a, Preservation b) { return std::max(a, b); }

double PreservationBound(Preservation preservation) {
  return preservation == Preservation::kLossy ? 0.1 : 1e-4;
}

std::span<const Transformation* const> AllTransformations() { return Registry(); }

const Transformation* FindTransformation(std::string_view name) {
  const auto& registry = Registry();
  const auto found = std::ranges::find(registry, name, &Transformation::name);
  return found == registry.end() ? nullptr : *found;
}

absl::StatusOr<Transformed> Apply(const arch::Architecture& parent, const Edit& edit,
                                  std::uint64_t seed) {
  const Transformation* transformation = FindTransformation(edit.transformation);
  if (transformation == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no transformation '", edit.transformation, "', but ", RegisteredNames()));
  }
  absl::StatusOr<arch::Attributes> attributes =
      arch::CheckAttributes(transformation->attributes(), edit.attributes);
  if (!attributes.ok()) return base::Annotate(attributes.status(), ToString(edit));
  absl::StatusOr<Transformed> transformed = transformation->Apply(parent, *attributes, seed);
  if (!transformed.ok()) return base::Annotate(transformed.status(), ToString(edit));
  return transformed;
}

std::uint64_t EditSeed(std::uint64_t edit_seed, int index) {
  return base::Rng(edit_seed).Fork(static_cast<std::uint64_t>(index)).NextU64();
}

absl::StatusOr<arch::Architecture> ApplyAll(const arch::Architecture& parent,
                                            std::span<const Edit> edits, std::uint64_t edit_seed) {
  arch::Architecture child = parent;
  for (size_t i = 0; i < edits.size(); ++i) {
    ASSIGN_OR_RETURN(Transformed transformed,
                     Apply(child, edits[i], EditSeed(edit_seed, static_cast<int>(i))));
    child = std::move(transformed.child);
  }
  return child;
}

std::vector<arch::NodeIndex> CalibrationNodes(const Transformed& transformed) {
  std::set<arch::NodeIndex> nodes;
  for (const ParameterRule& rule : transformed.rules) {
    if (const auto* statistic = std::get_if<Statistic>(&rule)) nodes.insert(statistic->value);
  }
  return {nodes.begin(), nodes.end()};
}

}  // namespace graft::transform
