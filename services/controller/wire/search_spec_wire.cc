#include "services/controller/wire/search_spec_wire.h"

#include <limits>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/wire/architecture_wire.h"
#include "common/wire/recipe_wire.h"
#include "common/wire/trial_wire.h"
#include "services/controller/wire/resource_names.h"

namespace graft::controller {
namespace {

constexpr std::int64_t kMaxActions = 100;
constexpr std::int64_t kDefaultWidenActions = 4;
constexpr std::int64_t kDefaultDeepenActions = 5;

absl::Status UnknownValue(std::string_view field, int value) {
  return base::InvalidFieldError(field, absl::StrCat("has no value ", value));
}

// ---- Space -----------------------------------------------------------------------------------

absl::StatusOr<space::PlainSpaceOptions> PlainFromProto(const v1::PlainSpace& proto) {
  space::PlainSpaceOptions options;
  if (proto.has_start()) {
    absl::StatusOr<wire::Definitions> start = wire::DefinitionsFromProto(proto.start());
    if (!start.ok()) return base::PrefixFieldViolations("start", start.status());
    options.start = {.layers = std::move(start->layers), .outputs = std::move(start->outputs)};
  }
  options.filters.assign(proto.filters().begin(), proto.filters().end());
  options.units.assign(proto.units().begin(), proto.units().end());
  options.kernels.assign(proto.kernels().begin(), proto.kernels().end());
  options.max_macs = proto.max_macs();
  options.max_layers = proto.max_layers();
  options.noise = proto.noise();
  switch (proto.widen_split()) {
    case v1::WIDEN_SPLIT_UNSPECIFIED:
    case v1::WIDEN_SPLIT_UNEVEN:
      options.widen_split = transform::WidenSplit::kUneven;
      return options;
    case v1::WIDEN_SPLIT_EVEN:
      options.widen_split = transform::WidenSplit::kEven;
      return options;
    default:
      return UnknownValue("widen_split", proto.widen_split());
  }
}

v1::PlainSpace PlainToProto(const space::PlainSpaceOptions& options) {
  v1::PlainSpace proto;
  if (options.start.has_value()) {
    *proto.mutable_start() =
        wire::ToProto(wire::Definitions{options.start->layers, options.start->outputs});
  }
  proto.mutable_filters()->Assign(options.filters.begin(), options.filters.end());
  proto.mutable_units()->Assign(options.units.begin(), options.units.end());
  proto.mutable_kernels()->Assign(options.kernels.begin(), options.kernels.end());
  proto.set_max_macs(options.max_macs);
  proto.set_max_layers(options.max_layers);
  proto.set_noise(options.noise);
  proto.set_widen_split(options.widen_split == transform::WidenSplit::kEven
                            ? v1::WIDEN_SPLIT_EVEN
                            : v1::WIDEN_SPLIT_UNEVEN);
  return proto;
}

// ---- Policy ----------------------------------------------------------------------------------

// Fills in the steps of a child, which the two kinds of policies share.
template <typename Options, typename Proto>
absl::Status ActionsFromProto(const Proto& proto, Options& options) {
  std::int64_t widen = proto.widen_actions();
  std::int64_t deepen = proto.deepen_actions();
  if (widen == 0 && deepen == 0) {
    widen = kDefaultWidenActions;
    deepen = kDefaultDeepenActions;
  }
  if (widen < 0 || widen > kMaxActions) {
    return base::InvalidFieldError("widen_actions", absl::StrCat("expected 0 to ", kMaxActions));
  }
  if (deepen < 0 || deepen > kMaxActions) {
    return base::InvalidFieldError("deepen_actions", absl::StrCat("expected 0 to ", kMaxActions));
  }
  options.widen_actions = static_cast<int>(widen);
  options.deepen_actions = static_cast<int>(deepen);
  return absl::OkStatus();
}

absl::StatusOr<policy::EasOptions> EasFromProto(const v1::EasPolicy& proto) {
  policy::EasOptions options;
  RETURN_IF_ERROR(ActionsFromProto(proto, options));
  if (proto.learning_rate() != 0) {
    options.learning_rate = static_cast<float>(proto.learning_rate());
  }
  if (proto.has_entropy_weight()) {
    options.entropy_weight = static_cast<float>(proto.entropy_weight());
  }
  if (proto.max_accuracy() != 0) options.max_accuracy = static_cast<float>(proto.max_accuracy());
  switch (proto.baseline()) {
    case v1::BASELINE_UNSPECIFIED:
    case v1::BASELINE_SLOW_AVERAGE:
      options.baseline = policy::Baseline::kSlowAverage;
      return options;
    case v1::BASELINE_PUBLISHED:
      options.baseline = policy::Baseline::kPublished;
      return options;
    default:
      return UnknownValue("baseline", proto.baseline());
  }
}

absl::StatusOr<policy::PolicyOptions> PolicyFromProto(const v1::Policy& proto) {
  switch (proto.kind_case()) {
    case v1::Policy::kRandom: {
      policy::RandomOptions options;
      RETURN_IF_ERROR(
          base::PrefixFieldViolations("random", ActionsFromProto(proto.random(), options)));
      return options;
    }
    case v1::Policy::kEas: {
      absl::StatusOr<policy::EasOptions> options = EasFromProto(proto.eas());
      if (!options.ok()) return base::PrefixFieldViolations("eas", options.status());
      return *options;
    }
    case v1::Policy::KIND_NOT_SET:
      return base::InvalidFieldError("kind", "is missing: expected `random` or `eas`");
  }
  return base::InvalidFieldError("kind", "is not known");
}

absl::StatusOr<EpisodeStart> EpisodeStartFromProto(v1::EpisodeStart start) {
  switch (start) {
    case v1::EPISODE_START_UNSPECIFIED:
    case v1::EPISODE_START_GROW_ON:
      return EpisodeStart::kGrowOn;
    case v1::EPISODE_START_RESTART:
      return EpisodeStart::kRestart;
    default:
      return UnknownValue("episode_start", start);
  }
}

void SetKind(const policy::RandomOptions& options, v1::Policy& proto) {
  proto.mutable_random()->set_widen_actions(options.widen_actions);
  proto.mutable_random()->set_deepen_actions(options.deepen_actions);
}

void SetKind(const policy::EasOptions& options, v1::Policy& proto) {
  v1::EasPolicy& eas = *proto.mutable_eas();
  eas.set_widen_actions(options.widen_actions);
  eas.set_deepen_actions(options.deepen_actions);
  eas.set_learning_rate(options.learning_rate);
  eas.set_entropy_weight(options.entropy_weight);
  eas.set_max_accuracy(options.max_accuracy);
  eas.set_baseline(options.baseline == policy::Baseline::kPublished ? v1::BASELINE_PUBLISHED
                                                                    : v1::BASELINE_SLOW_AVERAGE);
}

absl::StatusOr<std::optional<digest::NetworkDigest>> StartNetworkFromProto(
    const std::string& name) {
  if (name.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const std::string text, ParseNetworkName("", name));
  absl::StatusOr<digest::NetworkDigest> digest = digest::NetworkDigest::Parse(text);
  if (!digest.ok()) {
    return base::InvalidFieldError("", "expected `networks/` and the 64 digits of a digest");
  }
  return *digest;
}

std::int64_t OrDefault(std::int64_t value, std::int64_t fallback) {
  return value == 0 ? fallback : value;
}

// Reads a part of the spec into `*value`; an error gets the part's name.
template <typename T>
absl::Status ReadPart(std::string_view field, absl::StatusOr<T> part, T* value) {
  if (!part.ok()) return base::PrefixFieldViolations(field, part.status());
  *value = *std::move(part);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SearchSpec> FromProto(const v1::SearchSpec& proto) {
  SearchSpec spec;
  spec.display_name = proto.display_name();
  spec.labels = {proto.labels().begin(), proto.labels().end()};
  if (!proto.has_task()) return base::InvalidFieldError("task", "is missing");
  RETURN_IF_ERROR(ReadPart("task", wire::FromProto(proto.task()), &spec.task));
  if (!proto.space().has_plain()) return base::InvalidFieldError("space.plain", "is missing");
  RETURN_IF_ERROR(ReadPart("space.plain", PlainFromProto(proto.space().plain()), &spec.space));
  const v1::Policy& policy = proto.policy();
  RETURN_IF_ERROR(ReadPart("policy", PolicyFromProto(policy), &spec.policy));
  RETURN_IF_ERROR(
      ReadPart("policy", EpisodeStartFromProto(policy.episode_start()), &spec.episode_start));
  spec.parents = OrDefault(policy.parents(), spec.parents);
  if (policy.has_max_redraws()) spec.max_redraws = policy.max_redraws();
  RETURN_IF_ERROR(
      ReadPart("start_recipe", wire::FromProto(proto.start_recipe()), &spec.start_recipe));
  RETURN_IF_ERROR(ReadPart("recipe", wire::FromProto(proto.recipe()), &spec.recipe));
  if (!proto.objective().metric().empty()) spec.objective.metric = proto.objective().metric();
  spec.objective.minimize = proto.objective().minimize();
  spec.episodes = OrDefault(proto.budget().episodes(), spec.episodes);
  spec.children_per_episode =
      OrDefault(proto.budget().children_per_episode(), spec.children_per_episode);
  if (proto.seed() != 0) spec.seed = proto.seed();
  spec.from_scratch = proto.from_scratch();
  spec.priority = proto.priority();
  RETURN_IF_ERROR(
      ReadPart("start_network", StartNetworkFromProto(proto.start_network()), &spec.start_network));
  spec.numerics_class = proto.numerics_class();
  return spec;
}

v1::SearchSpec ToProto(const SearchSpec& spec) {
  v1::SearchSpec proto;
  proto.set_display_name(spec.display_name);
  proto.mutable_labels()->insert(spec.labels.begin(), spec.labels.end());
  *proto.mutable_task() = wire::ToProto(spec.task);
  *proto.mutable_space()->mutable_plain() = PlainToProto(spec.space);
  v1::Policy& policy = *proto.mutable_policy();
  std::visit([&policy](const auto& options) { SetKind(options, policy); }, spec.policy);
  policy.set_episode_start(spec.episode_start == EpisodeStart::kRestart
                               ? v1::EPISODE_START_RESTART
                               : v1::EPISODE_START_GROW_ON);
  policy.set_parents(spec.parents);
  policy.set_max_redraws(spec.max_redraws);
  *proto.mutable_start_recipe() = wire::ToProto(spec.start_recipe);
  *proto.mutable_recipe() = wire::ToProto(spec.recipe);
  proto.mutable_objective()->set_metric(spec.objective.metric);
  proto.mutable_objective()->set_minimize(spec.objective.minimize);
  proto.mutable_budget()->set_episodes(spec.episodes);
  proto.mutable_budget()->set_children_per_episode(spec.children_per_episode);
  proto.set_seed(spec.seed);
  proto.set_from_scratch(spec.from_scratch);
  proto.set_priority(spec.priority);
  if (spec.start_network.has_value()) proto.set_start_network(NetworkName(*spec.start_network));
  proto.set_numerics_class(spec.numerics_class);
  return proto;
}

}  // namespace graft::controller
