#include "services/cli/progress_display.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/cli/output.h"
#include "services/cli/search_view.h"

namespace graft::cli {
namespace {

constexpr int kBarCells = 24;
constexpr char kEraseLine[] = "\r\x1b[2K";

std::string Bar(double share) {
  const int filled = static_cast<int>(share * kBarCells + 0.5);
  return "[" + std::string(filled, '#') + std::string(kBarCells - filled, '.') + "]";
}

std::string TrialLine(const v1::Trial& trial) {
  std::string text = absl::StrFormat("trial %3d  %-18s", trial.number(), StateLabel(trial));
  const auto& metrics = trial.result().measurement().metrics();
  if (const auto accuracy = metrics.find("accuracy"); accuracy != metrics.end()) {
    absl::StrAppend(&text, "  ", FormatPercent(accuracy->second));
  }
  if (trial.state() == v1::TRIAL_STATE_FAILED) {
    absl::StrAppend(&text, "  ", trial.failure().message());
  }
  return absl::StrCat(text, "  ", trial.summary());
}

bool HasEnded(const v1::Trial& trial) {
  return trial.state() == v1::TRIAL_STATE_COMPLETED || trial.state() == v1::TRIAL_STATE_FAILED;
}

}  // namespace

double DoneShare(const v1::Search& search) {
  if (HasEnded(search.state())) return 1;
  const int64_t children =
      search.spec().budget().episodes() * search.spec().budget().children_per_episode();
  constexpr int64_t kStartAndReports = 3;
  const int64_t total = std::max<int64_t>(children + kStartAndReports, 1);
  const int64_t done = search.progress().completed_trials() + search.progress().failed_trials();
  return std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0);
}

ProgressDisplay::ProgressDisplay(std::ostream& out, bool terminal, int width)
    : out_(out), terminal_(terminal), width_(width) {}

ProgressDisplay::~ProgressDisplay() {
  if (terminal_ && !bar_.empty()) out_ << "\n" << std::flush;
}

void ProgressDisplay::Show(const v1::Search& search) {
  const std::string line = ProgressLine(search);
  if (!terminal_) {
    if (line != last_line_) PrintLine(line);
    last_line_ = line;
    return;
  }
  bar_ = absl::StrCat(Bar(DoneShare(search)), " ", line);
  Redraw();
}

void ProgressDisplay::Show(const v1::Trial& trial) {
  if (HasEnded(trial)) PrintLine(TrialLine(trial));
}

void ProgressDisplay::PrintLine(const std::string& line) {
  if (terminal_) out_ << kEraseLine;
  out_ << line << "\n";
  if (terminal_) Redraw();
  out_ << std::flush;
}

void ProgressDisplay::Redraw() {
  out_ << kEraseLine << bar_.substr(0, std::max(width_ - 1, 0)) << std::flush;
}

}  // namespace graft::cli
