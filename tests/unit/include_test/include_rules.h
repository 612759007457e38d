// Who may include whom: the table of the architecture document, as data, and its check.
#ifndef GRAFT_TESTS_UNIT_INCLUDE_TEST_INCLUDE_RULES_H_
#define GRAFT_TESTS_UNIT_INCLUDE_TEST_INCLUDE_RULES_H_

#include <string>
#include <string_view>
#include <vector>

namespace graft::include_test {

struct Violation {
  int line = 0;         // from 1
  std::string include;  // as written, without quotes or brackets
  std::string reason;
};

// The includes of a source file that break a rule. `path` is relative to the repository's root and
// begins with common/ or services/.
std::vector<Violation> CheckIncludes(std::string_view path, std::string_view content);

}  // namespace graft::include_test

#endif  // GRAFT_TESTS_UNIT_INCLUDE_TEST_INCLUDE_RULES_H_
