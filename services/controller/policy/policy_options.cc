#include "services/controller/policy/policy_options.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "services/controller/policy/eas_policy.h"
#include "services/controller/policy/random_policy.h"

namespace graft::policy {
namespace {

constexpr int kMaxActions = 1000;

absl::Status CheckActions(std::string_view field, int actions) {
  if (actions >= 0 && actions <= kMaxActions) return absl::OkStatus();
  return base::InvalidFieldError(
      field, absl::StrCat("must be from 0 to ", kMaxActions, ", not ", actions));
}

absl::Status Check(const RandomOptions& options) {
  RETURN_IF_ERROR(CheckActions("random.widen_actions", options.widen_actions));
  return CheckActions("random.deepen_actions", options.deepen_actions);
}

absl::Status Check(const EasOptions& options) {
  RETURN_IF_ERROR(CheckActions("eas.widen_actions", options.widen_actions));
  RETURN_IF_ERROR(CheckActions("eas.deepen_actions", options.deepen_actions));
  if (!(options.learning_rate > 0 && options.learning_rate <= 1)) {
    return base::InvalidFieldError("eas.learning_rate", "must be above 0 and at most 1");
  }
  if (!(options.entropy_weight >= 0 && options.entropy_weight <= 1)) {
    return base::InvalidFieldError("eas.entropy_weight", "must be from 0 to 1");
  }
  if (!(options.max_accuracy > 0 && options.max_accuracy < 1)) {
    return base::InvalidFieldError("eas.max_accuracy",
                                   "must be above 0 and below 1, where the reward is infinite");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const PolicyOptions& options) {
  return std::visit([](const auto& kind) { return Check(kind); }, options);
}

int ActionsPerChild(const PolicyOptions& options) {
  return std::visit([](const auto& kind) { return kind.widen_actions + kind.deepen_actions; },
                    options);
}

std::int64_t MaxEdits(const PolicyOptions& options, std::int64_t max_layers) {
  return std::visit(
      [max_layers](const auto& kind) {
        return kind.widen_actions * max_layers + kind.deepen_actions;
      },
      options);
}

std::unique_ptr<Policy> MakePolicy(const PolicyOptions& options, const space::SearchSpace* space,
                                   std::uint64_t seed) {
  GRAFT_CHECK_OK(Validate(options));
  if (const auto* random = std::get_if<RandomOptions>(&options)) {
    return std::make_unique<RandomPolicy>(*random, space, seed);
  }
  return std::make_unique<EasPolicy>(std::get<EasOptions>(options), space, seed);
}

}  // namespace graft::policy
