#include "services/controller/core/event_logging.h"

#include <string>
#include <variant>

#include "common/base/logging.h"

namespace graft::controller {
namespace {

void LogFailure(std::string_view message, const digest::TrialKey& key, std::int64_t attempt,
                const trial::Failure& failure) {
  base::LogWarning(message, {{"trial_key", key.ToString()},
                             {"attempt", attempt},
                             {"reason", ToString(failure.reason)},
                             {"error", failure.message}});
}

struct Logger {
  void operator()(const DatasetRegistered& event) const {
    base::LogInfo("data set registered",
                  {{"dataset", event.dataset.name}, {"digest", event.dataset.digest.ToString()}});
  }
  void operator()(const SearchCreated& event) const {
    base::LogInfo("search created",
                  {{"search", ToString(event.search)}, {"display_name", event.spec->display_name}});
  }
  void operator()(const SearchPinned& event) const {
    base::LogInfo("search begins",
                  {{"search", ToString(event.search)}, {"numerics_class", event.numerics_class}});
  }
  void operator()(const EpisodeProposed& event) const {
    base::LogInfo("episode begins",
                  {{"search", ToString(event.search)}, {"episode", event.episode}});
  }
  void operator()(const SearchSucceeded& event) const {
    base::LogInfo("search succeeded", {{"search", ToString(event.search)},
                                       {"best_network", event.report.best_network.ToString()},
                                       {"best_test_value", event.report.best_value}});
  }
  void operator()(const SearchFailed& event) const {
    base::LogWarning("search failed", {{"search", ToString(event.search)}, {"error", event.error}});
  }
  void operator()(const SearchCancelled& event) const {
    base::LogInfo("search cancelled", {{"search", ToString(event.search)}});
  }
  void operator()(const SearchPaused& event) const {
    base::LogInfo("search paused", {{"search", ToString(event.search)}});
  }
  void operator()(const SearchResumed& event) const {
    base::LogInfo("search resumed", {{"search", ToString(event.search)}});
  }
  void operator()(const SearchExtended& event) const {
    base::LogInfo("search extended",
                  {{"search", ToString(event.search)}, {"episodes", event.episodes}});
  }
  void operator()(const SearchDeleted& event) const {
    base::LogInfo("search deleted", {{"search", ToString(event.search)}});
  }
  void operator()(const EvaluationRequeued& event) const {
    LogFailure("attempt failed, the trial is queued again", event.key, event.attempt,
               event.failure);
  }
  void operator()(const EvaluationFailed& event) const {
    LogFailure("trial failed", event.key, event.attempt, event.failure);
  }
  void operator()(const auto&) const {}
};

}  // namespace

void LogEvent(const Event& event) { std::visit(Logger(), event); }

}  // namespace graft::controller
