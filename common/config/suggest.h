#ifndef GRAFT_COMMON_CONFIG_SUGGEST_H_
#define GRAFT_COMMON_CONFIG_SUGGEST_H_

#include <span>
#include <string>
#include <string_view>

namespace graft::config::internal {

// `; did you mean "filters"?` with the candidate nearest to `word` if that is near enough to be a
// slip of the hand (edit distance at most a third of its length, at least 1); else the empty
// string.
std::string DidYouMean(std::string_view word, std::span<const std::string> candidates);

}  // namespace graft::config::internal

#endif  // GRAFT_COMMON_CONFIG_SUGGEST_H_
