// ProgressDisplay: follows a search on stderr, as a bar that redraws itself on a terminal and as
// plain lines elsewhere.
#ifndef GRAFT_SERVICES_CLI_PROGRESS_DISPLAY_H_
#define GRAFT_SERVICES_CLI_PROGRESS_DISPLAY_H_

#include <ostream>
#include <string>

#include "proto/graft/v1/search_service.pb.h"

namespace graft::cli {

// Not thread-safe.
class ProgressDisplay {
 public:
  // `terminal`: redraw in place with a bar of the given width in characters.
  ProgressDisplay(std::ostream& out, bool terminal, int width);
  // Ends the line that is being redrawn.
  ~ProgressDisplay();

  void Show(const v1::Search& search);
  // One line for each child that has ended; on a terminal above the bar.
  void Show(const v1::Trial& trial);

 private:
  void PrintLine(const std::string& line);
  void Redraw();

  std::ostream& out_;
  const bool terminal_;
  const int width_;
  std::string bar_;        // what the bar's line shows
  std::string last_line_;  // plain mode: not repeated
};

// Done share of a search in [0, 1], by trials.
double DoneShare(const v1::Search& search);

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_PROGRESS_DISPLAY_H_
