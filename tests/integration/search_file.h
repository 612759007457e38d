// Search files and results for integration tests.
#ifndef GRAFT_TESTS_INTEGRATION_SEARCH_FILE_H_
#define GRAFT_TESTS_INTEGRATION_SEARCH_FILE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace graft::testing {

// Writes a search file of a small part of Fashion-MNIST and returns its path.
struct SmallSearch {
  std::string name = "small";
  std::string policy = "random: {widen_actions: 2, deepen_actions: 2}";
  int episodes = 3;
  int children = 4;
  int train_images = 1000;
  int validation_images = 500;
  int epochs = 1;
  int start_epochs = 1;
  int seed = 1;
};
std::string WriteSearchFile(const std::string& folder, const SmallSearch& search);

// The numbers and strings of a flat JSON object, as text; null is absent.
absl::StatusOr<std::map<std::string, std::string>> ParseFlatJson(const std::string& json);
double NumberOf(const std::map<std::string, std::string>& object, const std::string& key);

}  // namespace graft::testing

#endif  // GRAFT_TESTS_INTEGRATION_SEARCH_FILE_H_
