// SearchSpec: a user's job, validated, with defaults filled in.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_SEARCH_SPEC_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_SEARCH_SPEC_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "common/digest/typed_digest.h"
#include "common/space/plain_space.h"
#include "common/trial/trial_spec.h"
#include "services/controller/policy/policy_options.h"

namespace graft::controller {

// Which networks an episode's children grow from.
enum class EpisodeStart {
  kRestart,  // the start network, as published
  kGrowOn,   // the best networks validated so far
};

struct Objective {
  std::string metric = "accuracy";
  bool minimize = false;
};

struct SearchSpec {
  std::string display_name;
  std::map<std::string, std::string> labels;
  trial::Task task;
  space::PlainSpaceOptions space;
  policy::PolicyOptions policy;
  EpisodeStart episode_start = EpisodeStart::kGrowOn;
  std::int64_t parents = 4;       // with kGrowOn: how many of the best networks children grow from
  std::int64_t max_redraws = 10;  // of a child that equals an earlier one of its episode
  recipe::Recipe start_recipe;
  recipe::Recipe recipe;
  Objective objective;
  std::int64_t episodes = 1;
  std::int64_t children_per_episode = 8;
  // Network that trial 0 inherits; absent: it is initialised. `space.start` is its architecture.
  std::optional<digest::NetworkDigest> start_network;
  bool from_scratch = false;  // children are initialised, not inherited: a control
  std::int64_t priority = 0;  // searches of the highest one are served alone
  std::uint64_t seed = 1;
  std::string numerics_class;  // empty: that of the first worker
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_SEARCH_SPEC_H_
