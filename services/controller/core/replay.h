// Replay: a search once more, from its seed and what its trials measured, without training.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_REPLAY_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_REPLAY_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/digest/typed_digest.h"
#include "services/controller/core/controller.h"
#include "services/controller/core/policy_session.h"

namespace graft::controller {

// What is known of a search afterwards.
struct SearchRecording {
  SearchSpec spec;  // complete
  Dataset dataset;
  std::string numerics_class;
  std::optional<trial::NetworkRef> start_network;  // if the spec names one
  // How its trials ended, and the keys of those that did not.
  std::map<digest::TrialKey, Outcome> outcomes;
  std::set<digest::TrialKey> open;
  std::vector<std::string> policy_digests;  // of episode i + 1; empty: not learned from
};

struct ReplayedEpisode {
  std::int64_t episode = 0;  // from 1
  std::string recorded;      // policy digest
  std::string replayed;
};

struct SearchReplay {
  std::int64_t trials = 0;  // whose outcomes were used
  std::vector<ReplayedEpisode> episodes;
  // The search went the same way: every policy digest is the recorded one, and no trial came up
  // that was not recorded.
  bool equal = false;
  std::string difference;  // the first; empty if equal
};

// Runs a controller with an empty log and no snapshots on the spec, and answers its trials with
// what was recorded under their keys. INVALID_ARGUMENT: the recording's spec or data set is not
// valid.
absl::StatusOr<SearchReplay> ReplaySearch(const SearchRecording& recording,
                                          const ExplorerFactory& explorers);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_REPLAY_H_
