// Events: every change of a controller's durable state, and nothing else is durable.
//
// A command checks, makes events, has them logged in one transaction and then applies them. The
// state is a fold over the log: a controller that starts applies all events and stands where it
// stood. Heartbeats are not events (design.md, foundation 8).
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_EVENTS_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_EVENTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/digest/typed_digest.h"
#include "common/trial/outcome.h"
#include "services/controller/core/entities.h"

namespace graft::controller {

// A name now stands for a data set. `create_time` is the event's time.
struct DatasetRegistered {
  Dataset dataset;
  RequestTag request;
};

// kPending.
struct SearchCreated {
  SearchId search;
  std::shared_ptr<const SearchSpec> spec;  // complete: CompleteSearchSpec
  RequestTag request;
};

// kPending -> kRunning: its trials run on this numerics class alone.
struct SearchPinned {
  SearchId search;
  std::string numerics_class;
};

// The policy proposed an episode's children; their trials follow in the same transaction.
struct EpisodeProposed {
  SearchId search;
  std::int64_t episode = 0;
  std::vector<ChildProposal> children;
};

// A search needs an evaluation: a new one, one that runs already, or one that has ended.
struct TrialCreated {
  TrialId trial;
  TrialPurpose purpose = TrialPurpose::kChild;
  std::int64_t episode = 0;
  digest::TrialKey key;
  std::string numerics_class;
  std::shared_ptr<const trial::TrialSpec> spec;
};

// kQueued -> kLeased.
struct EvaluationLeased {
  digest::TrialKey key;
  std::int64_t attempt = 0;
  std::string worker;
};

// kLeased -> kQueued: the attempt ended without a result and may be repeated.
struct EvaluationRequeued {
  digest::TrialKey key;
  std::int64_t attempt = 0;
  trial::Failure failure;
};

// kLeased -> kCompleted.
struct EvaluationCompleted {
  digest::TrialKey key;
  std::int64_t attempt = 0;
  std::shared_ptr<const trial::TrialResult> result;
};

// kLeased -> kFailed.
struct EvaluationFailed {
  digest::TrialKey key;
  std::int64_t attempt = 0;
  trial::Failure failure;
};

// All children of an episode have ended and the policy has learned from them.
struct EpisodeObserved {
  SearchId search;
  std::int64_t episode = 0;
  std::vector<std::int64_t> trials;  // in the order in which the policy saw them
  std::string policy_digest;         // hex SHA-256 of its state afterwards
};

// A policy's state after it learned from an episode (Policy::SaveState). Logged beside
// EpisodeObserved, the last one of each search alone: a snapshot that spares a controller that
// starts the replay of the policy's calls.
struct PolicySnapshot {
  SearchId search;
  std::string state;
};

// kRunning -> kReporting; the two report trials follow: start network, then best child.
struct SearchReporting {
  SearchId search;
};

// kReporting -> kSucceeded.
struct SearchSucceeded {
  SearchId search;
  SearchReport report;
};

// -> kFailed. Trials that have not ended are cancelled.
struct SearchFailed {
  SearchId search;
  std::string error;
};

// -> kCancelled. Trials that have not ended are cancelled.
struct SearchCancelled {
  SearchId search;
  RequestTag request;
};

// -> kPaused: its queued trials are not leased; those that run end.
struct SearchPaused {
  SearchId search;
  RequestTag request;
};

// kPaused -> what it was.
struct SearchResumed {
  SearchId search;
  RequestTag request;
};

// Its budget is another one; kReporting and kSucceeded -> kRunning if that leaves episodes to run.
struct SearchExtended {
  SearchId search;
  std::int64_t episodes = 0;  // in all; not below those begun
  RequestTag request;
};

// A network from elsewhere.
struct NetworkImported {
  trial::NetworkRef network;
  std::string description;
  RequestTag request;
};

// A search that had ended is forgotten. Its networks stay.
struct SearchDeleted {
  SearchId search;
  RequestTag request;
};

using Event =
    std::variant<DatasetRegistered, SearchCreated, SearchPinned, EpisodeProposed, TrialCreated,
                 EvaluationLeased, EvaluationRequeued, EvaluationCompleted, EvaluationFailed,
                 EpisodeObserved, SearchReporting, SearchSucceeded, SearchFailed, SearchCancelled,
                 SearchPaused, SearchResumed, SearchExtended, SearchDeleted, NetworkImported>;

// An event as logged.
struct Record {
  std::int64_t sequence = 0;  // from 1, without gaps
  absl::Time time;            // whole microseconds
  Event event;
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_EVENTS_H_
