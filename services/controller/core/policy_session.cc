#include "services/controller/core/policy_session.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/digest/sha256.h"
#include "common/transform/transformation.h"

namespace graft::controller {
namespace {

absl::StatusOr<const Network*> FindParent(const State& state, const digest::NetworkDigest& digest) {
  const Network* network = state.FindNetwork(digest);
  if (network == nullptr) {
    return absl::InternalError(absl::StrCat("no network ", digest.ToString()));
  }
  return network;
}

std::optional<double> ObservedValue(const State& state, const Search& search,
                                    std::int64_t trial_number) {
  const Trial& trial = search.trials[trial_number];
  if (trial.state != TrialState::kCompleted) return std::nullopt;
  return ObjectiveValue(search.spec->objective,
                        state.FindEvaluation(trial.key)->result->measurement);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PolicySession>> PolicySession::Open(const State& state,
                                                                   const Search& search,
                                                                   const ExplorerFactory& factory,
                                                                   const std::string* snapshot) {
  const std::string& name = std::get<trial::ImageClassification>(search.spec->task).dataset;
  const Dataset* dataset = state.FindDataset(name);
  if (dataset == nullptr) return absl::InternalError(absl::StrCat("no data set `", name, "`"));
  ASSIGN_OR_RETURN(Explorer explorer, factory(*search.spec, *dataset));
  std::unique_ptr<PolicySession> session(new PolicySession(std::move(explorer)));
  std::span<const Episode> episodes = search.episodes;
  if (snapshot != nullptr) {
    // Only the last episode may not have been learned from.
    std::size_t learned = episodes.size();
    while (learned > 0 && episodes[learned - 1].policy_digest.empty()) --learned;
    if (learned == 0) return absl::InternalError("a snapshot of a policy that has not learned yet");
    RETURN_IF_ERROR(session->Restore(*snapshot, episodes[learned - 1]));
    episodes = episodes.subspan(learned);
  }
  for (const Episode& episode : episodes) {
    RETURN_IF_ERROR(session->Replay(state, search, episode));
  }
  return session;
}

absl::Status PolicySession::Restore(const std::string& snapshot, const Episode& episode) {
  const std::string digest = digest::Sha256(snapshot).ToHex();
  if (digest != episode.policy_digest) {
    return absl::InternalError(absl::StrCat("the policy's snapshot is ", digest,
                                            ", but its state after episode ", episode.number,
                                            " was ", episode.policy_digest));
  }
  started_ = true;
  return base::Annotate(explorer_.policy->RestoreState(snapshot), "the policy's snapshot");
}

absl::Status PolicySession::Replay(const State& state, const Search& search,
                                   const Episode& episode) {
  std::vector<digest::NetworkDigest> parents;
  for (const ChildProposal& child : episode.children) parents.push_back(child.parent);
  ASSIGN_OR_RETURN(const std::vector<PlannedChild> planned, Propose(state, search, parents));
  for (size_t i = 0; i < planned.size(); ++i) {
    if (planned[i].proposal == episode.children[i]) continue;
    return absl::InternalError(
        absl::StrCat("the policy does not repeat itself: child ", i, " of episode ", episode.number,
                     " was proposed as `", episode.children[i].actions, "` and is now `",
                     planned[i].proposal.actions, "`; was the search begun by another version?"));
  }
  if (episode.policy_digest.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string learned, Observe(state, search, episode));
  const std::string digest = digest::Sha256(learned).ToHex();
  if (digest == episode.policy_digest) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("the policy does not repeat itself: its state after episode ", episode.number,
                   " was ", episode.policy_digest, " and is now ", digest));
}

absl::StatusOr<std::vector<PlannedChild>> PolicySession::Propose(
    const State& state, const Search& search, std::span<const digest::NetworkDigest> parents) {
  if (!std::exchange(started_, true)) {
    GRAFT_CHECK(search.start_value.has_value()) << "proposal before the start network is measured";
    explorer_.policy->Start(*search.start_value);
  }
  std::vector<PlannedChild> children;
  std::set<std::pair<digest::NetworkDigest, digest::Fingerprint>> seen;
  for (const digest::NetworkDigest& digest : parents) {
    ASSIGN_OR_RETURN(const Network* parent, FindParent(state, digest));
    ASSIGN_OR_RETURN(PlannedChild child, Draw(*parent));
    seen.emplace(digest, parent->ref.architecture.fingerprint());
    for (std::int64_t redraw = 0; redraw < search.spec->max_redraws; ++redraw) {
      if (!seen.contains({digest, child.architecture.fingerprint()})) break;
      ASSIGN_OR_RETURN(child, Draw(*parent));
    }
    seen.emplace(digest, child.architecture.fingerprint());
    children.push_back(std::move(child));
  }
  return children;
}

absl::StatusOr<PlannedChild> PolicySession::Draw(const Network& parent) {
  ASSIGN_OR_RETURN(policy::Proposal proposal, explorer_.policy->Propose(parent.ref.architecture));
  const std::uint64_t edit_seed =
      trial::DefaultEditSeed({{.role = trial::kParentRole, .network = parent.ref}}, proposal.edits);
  absl::StatusOr<arch::Architecture> architecture =
      transform::ApplyAll(parent.ref.architecture, proposal.edits, edit_seed);
  if (!architecture.ok()) {
    return absl::InternalError(absl::StrCat("the policy proposed an edit that is not legal: ",
                                            architecture.status().message()));
  }
  return PlannedChild{.proposal = {.parent = parent.digest,
                                   .edits = std::move(proposal.edits),
                                   .actions = std::move(proposal.actions),
                                   .edit_seed = edit_seed},
                      .architecture = *std::move(architecture)};
}

absl::StatusOr<std::string> PolicySession::Observe(const State& state, const Search& search,
                                                   const Episode& episode) {
  std::vector<policy::Observation> observations;
  for (size_t i = 0; i < episode.children.size(); ++i) {
    const ChildProposal& child = episode.children[i];
    ASSIGN_OR_RETURN(const Network* parent, FindParent(state, child.parent));
    observations.push_back(
        {.parent = parent->ref.architecture,
         .actions = child.actions,
         .value = ObservedValue(state, search, episode.first_trial + static_cast<int64_t>(i))});
  }
  RETURN_IF_ERROR(explorer_.policy->Observe(observations));
  return explorer_.policy->SaveState();
}

}  // namespace graft::controller
