#include <utility>

#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/space/plain_space.h"
#include "services/controller/core/policy_session.h"
#include "services/controller/core/seeds.h"
#include "services/controller/policy/policy_options.h"

namespace graft::controller {
namespace {

space::PlainSpaceOptions Completed(space::PlainSpaceOptions options,
                                   const space::PlainSpace& space) {
  options.start = {.layers = space.start().ToLayers(), .outputs = space.start().ToOutputs()};
  options.filters.assign(space.filters().begin(), space.filters().end());
  options.units.assign(space.units().begin(), space.units().end());
  options.kernels.assign(space.kernels().begin(), space.kernels().end());
  options.max_layers = space.max_layers();
  return options;
}

}  // namespace

absl::StatusOr<Explorer> MakeExplorer(const SearchSpec& spec, const Dataset& dataset) {
  RETURN_IF_ERROR(base::PrefixFieldViolations("policy", policy::Validate(spec.policy)));
  absl::StatusOr<space::PlainSpace> created = space::PlainSpace::Create(
      spec.space, dataset.image_shape, static_cast<std::int64_t>(dataset.class_names.size()));
  if (!created.ok()) return base::PrefixFieldViolations("space.plain", created.status());
  auto space = std::make_unique<space::PlainSpace>(*std::move(created));
  std::unique_ptr<policy::Policy> policy =
      policy::MakePolicy(spec.policy, space.get(), DeriveSeed(spec.seed, kPolicySeed));
  arch::Architecture start = space->start();
  space::PlainSpaceOptions options = Completed(spec.space, *space);
  return Explorer{.start = std::move(start),
                  .space_options = std::move(options),
                  .space = std::move(space),
                  .policy = std::move(policy)};
}

}  // namespace graft::controller
