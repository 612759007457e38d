#include "services/controller/core/change_feed.h"

#include <iterator>

namespace graft::controller {

void ChangeFeed::Touch(SearchId search, Item item, Revision revision) {
  Feed& feed = feeds_[search];
  const auto [latest, inserted] = feed.latest.try_emplace(item, revision);
  if (!inserted) {
    feed.by_age.erase({.revision = latest->second, .item = item});
    latest->second = revision;
  }
  feed.by_age.insert({.revision = revision, .item = item});
}

std::optional<ChangeFeed::Change> ChangeFeed::Next(SearchId search,
                                                   const Position& position) const {
  const auto feed = feeds_.find(search);
  if (feed == feeds_.end()) return std::nullopt;
  const auto next = feed->second.by_age.upper_bound(position);
  if (next == feed->second.by_age.end()) return std::nullopt;
  const auto after = std::next(next);
  return Change{.position = *next,
                .more_of_event = after != feed->second.by_age.end() &&
                                 after->revision.sequence == next->revision.sequence};
}

}  // namespace graft::controller
