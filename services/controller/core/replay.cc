#include "services/controller/core/replay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "services/controller/core/memory_event_log.h"

namespace graft::controller {
namespace {

constexpr char kWorker[] = "replay";
constexpr std::int64_t kSlots = 1024;

// Leases trials and reports what was recorded of them until nothing can be leased; returns their
// number. FAILED_PRECONDITION: a trial came up that was not recorded.
absl::Status AnswerTrials(Controller& controller, const SearchRecording& recording,
                          std::int64_t& answered) {
  const LeaseRequest request{.worker = {.name = kWorker,
                                        .slots = kSlots,
                                        .threads = recording.spec.recipe.threads,
                                        .numerics_class = recording.numerics_class},
                             .slots = kSlots};
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<LeaseView> leases, controller.LeaseTrials(request));
    if (leases.empty()) return absl::OkStatus();
    for (const LeaseView& lease : leases) {
      const digest::TrialKey& key = lease.attempt.key;
      if (const auto outcome = recording.outcomes.find(key); outcome != recording.outcomes.end()) {
        RETURN_IF_ERROR(controller.ReportTrial(kWorker, lease.attempt, outcome->second));
        ++answered;
      } else if (!recording.open.contains(key)) {
        return absl::FailedPreconditionError(absl::StrCat("trial ", lease.trial.number,
                                                          " has the key ", key.ToString(),
                                                          ", which was not recorded"));
      }
    }
  }
}

absl::StatusOr<std::vector<EpisodeView>> AllEpisodes(const Controller& controller, SearchId id) {
  PageRequest<std::int64_t> page{.size = static_cast<std::size_t>(-1)};
  ASSIGN_OR_RETURN(auto episodes, controller.ListEpisodes(id, page));
  return std::move(episodes.items);
}

void CompareEpisodes(const std::vector<EpisodeView>& episodes,
                     const std::vector<std::string>& recorded, SearchReplay& replay) {
  for (std::size_t i = 0; i < std::max(episodes.size(), recorded.size()); ++i) {
    ReplayedEpisode episode{.episode = static_cast<std::int64_t>(i) + 1};
    if (i < recorded.size()) episode.recorded = recorded[i];
    if (i < episodes.size()) episode.replayed = episodes[i].episode.policy_digest;
    const bool learned = !episode.recorded.empty() && !episode.replayed.empty();
    if (learned && episode.recorded != episode.replayed && replay.difference.empty()) {
      replay.difference =
          absl::StrCat("after episode ", episode.episode, " the policy's digest was ",
                       episode.recorded, " and is now ", episode.replayed);
    }
    replay.episodes.push_back(std::move(episode));
  }
}

// Says which episode one of the two did not learn from; empty if both learned from the same.
std::string FirstMissing(const std::vector<ReplayedEpisode>& episodes, const SearchView& end) {
  for (const ReplayedEpisode& episode : episodes) {
    if (episode.recorded.empty() == episode.replayed.empty()) continue;
    return absl::StrCat("episode ", episode.episode, " was ",
                        episode.recorded.empty() ? "not " : "", "learned from, and now ",
                        episode.replayed.empty() ? "is not" : "is", end.error.empty() ? "" : ": ",
                        end.error);
  }
  return "";
}

}  // namespace

absl::StatusOr<SearchReplay> ReplaySearch(const SearchRecording& recording,
                                          const ExplorerFactory& explorers) {
  MemoryEventLog log;
  ASSIGN_OR_RETURN(const std::unique_ptr<Controller> controller,
                   Controller::Open({}, explorers, &log, &base::RealClock()));
  RETURN_IF_ERROR(controller->CreateDataset(recording.dataset, {}).status());
  if (recording.start_network.has_value()) {
    RETURN_IF_ERROR(controller->ImportNetwork(*recording.start_network, "", {}).status());
  }
  ASSIGN_OR_RETURN(const SearchView search, controller->CreateSearch(recording.spec, {}));
  SearchReplay replay;
  const absl::Status answered = AnswerTrials(*controller, recording, replay.trials);
  if (!answered.ok() && !absl::IsFailedPrecondition(answered)) return answered;
  ASSIGN_OR_RETURN(const std::vector<EpisodeView> episodes, AllEpisodes(*controller, search.id));
  CompareEpisodes(episodes, recording.policy_digests, replay);
  ASSIGN_OR_RETURN(const SearchView end, controller->GetSearch(search.id));
  if (replay.difference.empty()) replay.difference = std::string(answered.message());
  if (replay.difference.empty()) replay.difference = FirstMissing(replay.episodes, end);
  replay.equal = replay.difference.empty();
  return replay;
}

}  // namespace graft::controller
