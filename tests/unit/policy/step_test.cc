#include "services/controller/policy/step.h"

#include <vector>

#include "gtest/gtest.h"

namespace graft::policy {
namespace {

using Mask = std::vector<bool>;

TEST(DeepenChoicesTest, NothingIsLegalAtFirst) {
  const DeepenChoices choices(2, 3, 2);
  EXPECT_FALSE(choices.Any());
  EXPECT_EQ(choices.Blocks(), Mask({false, false}));
}

TEST(DeepenChoicesTest, AChoiceIsOfferedOnlyIfItCanBeCompleted) {
  DeepenChoices choices(3, 3, 2);
  choices.Allow(1, 2, 0);
  EXPECT_TRUE(choices.Any());
  EXPECT_EQ(choices.Blocks(), Mask({false, true, false}));
  EXPECT_EQ(choices.Positions(1), Mask({false, false, true}));
  EXPECT_EQ(choices.Kernels(1, 2), Mask({true, false}));
  EXPECT_EQ(choices.Positions(0), Mask({false, false, false}));
}

TEST(DeepenChoicesTest, AllowsExactlyTheLegalActions) {
  DeepenChoices choices(2, 2, 2);
  choices.Allow(0, 1, 1);
  choices.SetWithoutKernel(1);
  choices.Allow(1, 0, 0);
  EXPECT_TRUE(choices.Allows({.block = 0, .position = 1, .kernel = 1}));
  EXPECT_TRUE(choices.Allows({.block = 1, .position = 0, .kernel = std::nullopt}));

  EXPECT_FALSE(choices.Allows({.block = 0, .position = 1, .kernel = 0}));
  EXPECT_FALSE(choices.Allows({.block = 0, .position = 1, .kernel = std::nullopt}));
  EXPECT_FALSE(choices.Allows({.block = 1, .position = 0, .kernel = 0}));
  EXPECT_FALSE(choices.Allows({.block = 1, .position = 1, .kernel = std::nullopt}));
  EXPECT_FALSE(choices.Allows({.block = 2, .position = 0, .kernel = 0}));
  EXPECT_FALSE(choices.Allows({.block = -1, .position = 0, .kernel = 0}));
  EXPECT_FALSE(choices.Allows({.block = 0, .position = 2, .kernel = 0}));
  EXPECT_FALSE(choices.Allows({.block = 0, .position = 1, .kernel = 2}));
}

}  // namespace
}  // namespace graft::policy
