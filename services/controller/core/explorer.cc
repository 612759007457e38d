#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/space/plain_space.h"
#include "common/trial/trial_spec.h"
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
  options.max_macs = space.max_macs();
  options.max_layers = space.max_layers();
  return options;
}

absl::Status CheckEdits(const policy::PolicyOptions& options, std::int64_t max_layers) {
  const std::int64_t edits = policy::MaxEdits(options, max_layers);
  if (edits <= trial::kMaxEdits) return absl::OkStatus();
  return base::InvalidFieldError(
      "space.plain.max_layers",
      absl::StrCat("is ", max_layers,
                   ": with the policy's widen and deepen actions a child could "
                   "have ",
                   edits, " edits, expected at most ", trial::kMaxEdits));
}

}  // namespace

absl::StatusOr<Explorer> MakeExplorer(const SearchSpec& spec, const Dataset& dataset) {
  RETURN_IF_ERROR(base::PrefixFieldViolations("policy", policy::Validate(spec.policy)));
  absl::StatusOr<space::PlainSpace> created = space::PlainSpace::Create(
      spec.space, dataset.image_shape, static_cast<std::int64_t>(dataset.class_names.size()));
  if (!created.ok()) return base::PrefixFieldViolations("space.plain", created.status());
  auto space = std::make_unique<space::PlainSpace>(*std::move(created));
  RETURN_IF_ERROR(CheckEdits(spec.policy, space->max_layers()));
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
