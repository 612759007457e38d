// ChangeFeed: what has changed in a search since a watcher last looked.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_CHANGE_FEED_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_CHANGE_FEED_H_

#include <compare>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "services/controller/core/ids.h"

namespace graft::controller {

// When something changed: with which event, and with which heartbeat after it.
struct Revision {
  std::int64_t sequence = 0;
  std::int64_t beat = 0;  // 0: with the event itself

  friend auto operator<=>(const Revision&, const Revision&) = default;
};

// The items of a search - itself and its trials - in order of their last change. An item that
// changes again moves to the end, so that a slow watcher skips states in between, the feed never
// holds more than its items, and a watcher costs no more than its position. Not thread-safe.
class ChangeFeed {
 public:
  // A trial's number, or kSearch.
  using Item = std::int64_t;
  static constexpr Item kSearch = -1;

  // Where a watcher stands: behind this item.
  struct Position {
    Revision revision;
    Item item = std::numeric_limits<Item>::max();

    friend auto operator<=>(const Position&, const Position&) = default;
  };

  // An item that changed last at `position.revision`.
  struct Change {
    Position position;
    // Whether a later item changed with the same event: a watcher that is cut off after this change
    // must come back to before that event.
    bool more_of_event = false;
  };

  // `revision` is not below those of earlier calls.
  void Touch(SearchId search, Item item, Revision revision);

  // Forgets a search.
  void Drop(SearchId search) { feeds_.erase(search); }

  // The first change behind `position`. O(log n).
  std::optional<Change> Next(SearchId search, const Position& position) const;

 private:
  struct Feed {
    std::set<Position> by_age;
    std::map<Item, Revision> latest;
  };

  std::map<SearchId, Feed> feeds_;
};

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_CHANGE_FEED_H_
