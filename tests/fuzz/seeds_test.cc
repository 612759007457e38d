#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "tests/fuzz/fuzz_target.h"

namespace graft::fuzz {
namespace {

// Damaged copies a seed.
constexpr int kCopies = 100;

int CountAccepted(const std::vector<std::string>& inputs) {
  return static_cast<int>(std::count_if(inputs.begin(), inputs.end(), DecodeAndCheck));
}

TEST(FuzzSeedsTest, SeedsAreDecodedAndKeepTheProperty) { EXPECT_GT(CountAccepted(Seeds()), 0); }

TEST(FuzzSeedsTest, SeedsThatAreCutShortKeepTheProperty) {
  base::Rng rng(1);
  for (const std::string& seed : Seeds()) {
    for (int i = 0; i < kCopies && !seed.empty(); ++i) {
      DecodeAndCheck(std::string_view(seed).substr(0, rng.NextU32() % seed.size()));
    }
  }
}

TEST(FuzzSeedsTest, SeedsWithAnotherByteKeepTheProperty) {
  base::Rng rng(2);
  for (const std::string& seed : Seeds()) {
    for (int i = 0; i < kCopies && !seed.empty(); ++i) {
      std::string damaged = seed;
      damaged[rng.NextU32() % seed.size()] = static_cast<char>(rng.NextU32());
      DecodeAndCheck(damaged);
    }
  }
}

}  // namespace
}  // namespace graft::fuzz
