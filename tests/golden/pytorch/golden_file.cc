#include "tests/golden/pytorch/golden_file.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <fstream>
#include <sstream>

namespace graft::engine {

std::map<std::string, std::vector<float>> ReadGolden(const std::string& name) {
  std::ifstream file("tests/golden/pytorch/" + name + ".txt");
  EXPECT_TRUE(file.is_open()) << name;
  std::map<std::string, std::vector<float>> tensors;
  std::vector<float>* values = nullptr;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string word;
    if (line.starts_with("tensor ")) {
      words >> word >> word;
      values = &tensors[word];
      continue;
    }
    while (words >> word) {
      values->push_back(
          std::bit_cast<float>(static_cast<std::uint32_t>(std::stoul(word, nullptr, /*base=*/16))));
    }
  }
  return tensors;
}

}  // namespace graft::engine
