#include "services/cli/progress_display.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "services/cli/watch.h"

namespace graft::cli {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

v1::Search RunningSearch() {
  v1::Search search;
  search.set_name("searches/abc");
  search.set_state(v1::SEARCH_STATE_RUNNING);
  search.mutable_spec()->mutable_budget()->set_episodes(4);
  search.mutable_spec()->mutable_budget()->set_children_per_episode(8);
  v1::SearchProgress& progress = *search.mutable_progress();
  progress.set_episode(2);
  progress.set_episodes(4);
  progress.set_completed_trials(14);
  progress.set_running_trials(2);
  progress.set_queued_trials(1);
  progress.set_start_value(0.7135);
  progress.set_best_value(0.841);
  progress.mutable_time_left()->set_seconds(185);
  return search;
}

v1::Trial CompletedTrial() {
  v1::Trial trial;
  trial.set_number(7);
  trial.set_state(v1::TRIAL_STATE_COMPLETED);
  trial.set_summary("C8k3-P-F10");
  (*trial.mutable_result()->mutable_measurement()->mutable_metrics())["accuracy"] = 0.8;
  return trial;
}

TEST(ProgressDisplayTest, PlainOutputIsOneLineForEachChangeWithEpisodeBestStartAndTimeLeft) {
  std::ostringstream out;
  {
    ProgressDisplay display(out, /*terminal=*/false, 80);
    display.Show(RunningSearch());
    display.Show(RunningSearch());
  }
  EXPECT_EQ(out.str(),
            "episode 2/4  trials 14 done, 2 running, 1 queued  best 84.10 %  start 71.35 %  "
            "3 min 5 s left\n");
}

TEST(ProgressDisplayTest, TerminalShowsABarThatFitsAndIsRedrawnBelowFinishedTrials) {
  std::ostringstream out;
  {
    ProgressDisplay display(out, /*terminal=*/true, 60);
    display.Show(RunningSearch());
    display.Show(CompletedTrial());
  }
  const std::string text = out.str();
  EXPECT_THAT(text, HasSubstr("[##########..............]"));
  EXPECT_THAT(text, HasSubstr("trial   7  completed"));
  EXPECT_THAT(text, EndsWith("\n"));
  const std::string last_bar = text.substr(text.rfind('['));
  EXPECT_LE(last_bar.size(), 60u);
}

TEST(ProgressDisplayTest, RunningTrialsPrintNoLine) {
  std::ostringstream out;
  ProgressDisplay display(out, /*terminal=*/false, 80);
  v1::Trial trial = CompletedTrial();
  trial.set_state(v1::TRIAL_STATE_LEASED);
  display.Show(trial);
  EXPECT_EQ(out.str(), "");
}

TEST(ProgressDisplayTest, DoneShareRunsFromZeroToOne) {
  v1::Search search = RunningSearch();
  EXPECT_DOUBLE_EQ(DoneShare(search), 14.0 / 35.0);
  search.set_state(v1::SEARCH_STATE_SUCCEEDED);
  EXPECT_EQ(DoneShare(search), 1.0);
}

TEST(ResultJsonTest, HasWhatScriptsNeedAndNullForWhatIsNotKnown) {
  v1::Search search = RunningSearch();
  search.set_state(v1::SEARCH_STATE_SUCCEEDED);
  search.mutable_progress()->set_distinct_children(31);
  search.mutable_progress()->set_best_network("networks/ff");
  EXPECT_THAT(ResultJson(search),
              AllOf(HasSubstr("\"search\": \"searches/abc\""), HasSubstr("\"trials\": 31"),
                    HasSubstr("\"state\": \"succeeded\""), HasSubstr("\"start_accuracy\": 0.7135"),
                    HasSubstr("\"best_accuracy\": 0.841"),
                    HasSubstr("\"best_network\": \"networks/ff\""), Not(HasSubstr("\"error\":"))));
  search.mutable_progress()->clear_best_value();
  EXPECT_THAT(ResultJson(search), HasSubstr("\"best_accuracy\": null"));
}

}  // namespace
}  // namespace graft::cli
