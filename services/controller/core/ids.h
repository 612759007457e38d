// Names of searches and trials within a controller.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_IDS_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_IDS_H_

#include <compare>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"

namespace graft::controller {

// A search; searches are numbered from 1 in order of creation.
struct SearchId {
  std::int64_t number = 0;  // 0: no search

  friend auto operator<=>(const SearchId&, const SearchId&) = default;
};

// A trial; the trials of a search are numbered from 0 in order of creation.
struct TrialId {
  SearchId search;
  std::int64_t number = 0;

  friend auto operator<=>(const TrialId&, const TrialId&) = default;
};

// "searches/3"
inline std::string ToString(SearchId id) { return absl::StrCat("searches/", id.number); }

// "searches/3/trials/14"
inline std::string ToString(TrialId id) {
  return absl::StrCat("searches/", id.search.number, "/trials/", id.number);
}

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_IDS_H_
