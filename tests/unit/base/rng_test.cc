#include "common/base/rng.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace graft::base {
namespace {

using testing::UnorderedElementsAreArray;

struct KnownAnswer {
  std::array<uint32_t, 4> counter;
  std::array<uint32_t, 2> key;
  std::array<uint32_t, 4> output;
};

class PhiloxTest : public testing::TestWithParam<KnownAnswer> {};

TEST_P(PhiloxTest, GivesThePublishedAnswer) {
  EXPECT_EQ(Philox4x32(GetParam().counter, GetParam().key), GetParam().output);
}

// Random123 1.14, tests/kat_vectors, lines "philox4x32 10".
INSTANTIATE_TEST_SUITE_P(
    Random123, PhiloxTest,
    testing::Values(
        KnownAnswer{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        KnownAnswer{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                    {0xffffffff, 0xffffffff},
                    {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        KnownAnswer{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                    {0xa4093822, 0x299f31d0},
                    {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}));

TEST(RngTest, DrawsTheWordsOfPhiloxInOrder) {
  Rng rng(0);
  EXPECT_EQ(rng.NextU32(), 0x6627e8d5);
  EXPECT_EQ(rng.NextU32(), 0xe169c58d);
  EXPECT_EQ(rng.NextU64(), 0x9b00dbd8bc57ac4c);
  EXPECT_EQ(rng.NextU32(), Philox4x32({1, 0, 0, 0}, {0, 0})[0]);
}

TEST(RngTest, SeedAndStreamAreKeyAndUpperCounter) {
  Rng rng(0x299f31d0'a4093822, 0x03707344'13198a2e);
  const std::array<uint32_t, 4> expected =
      Philox4x32({0, 0, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0});
  for (const uint32_t word : expected) EXPECT_EQ(rng.NextU32(), word);
}

TEST(RngTest, RestoredStateContinuesTheSequence) {
  for (int drawn = 0; drawn < 9; ++drawn) {
    Rng original(7, 3);
    for (int i = 0; i < drawn; ++i) original.NextU32();
    Rng restored(original.state());
    EXPECT_EQ(restored.state(), (RngState{7, 3, static_cast<uint64_t>(drawn)}));
    for (int i = 0; i < 9; ++i) EXPECT_EQ(restored.NextU32(), original.NextU32()) << drawn;
  }
}

TEST(RngTest, ForkDependsOnTheTagAndNotOnThePosition) {
  Rng rng(1);
  const Rng before = rng.Fork(5);
  rng.NextU32();
  EXPECT_EQ(rng.Fork(5).state(), before.state());
  std::set<std::pair<uint64_t, uint64_t>> streams = {{1, 0}};
  for (uint64_t tag = 0; tag < 1000; ++tag) {
    const RngState state = rng.Fork(tag).state();
    streams.insert({state.seed, state.stream});
  }
  EXPECT_EQ(streams.size(), 1001);
  EXPECT_NE(rng.Fork(1).Fork(2).state(), rng.Fork(2).Fork(1).state());
}

TEST(RngTest, UniformStaysInRangeAndIsFlat) {
  Rng rng(11);
  constexpr int kDraws = 100'000;
  std::array<int, 10> counts{};
  for (int i = 0; i < kDraws; ++i) {
    const float value = rng.Uniform();
    ASSERT_GE(value, 0.0F);
    ASSERT_LT(value, 1.0F);
    ++counts[static_cast<size_t>(value * 10)];
  }
  // The standard deviation of a count is 95.
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 10, 500);
}

TEST(RngTest, UniformRangeExcludesItsUpperEndInSpiteOfRounding) {
  Rng rng(12);
  const float low = 1.0F;
  const float high = std::nextafter(low, 2.0F);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(rng.Uniform(low, high), low);
  for (int i = 0; i < 1000; ++i) {
    const float value = rng.Uniform(-2.5F, 1.5F);
    EXPECT_GE(value, -2.5F);
    EXPECT_LT(value, 1.5F);
  }
}

TEST(RngTest, UniformIntIsUnbiased) {
  Rng rng(13);
  constexpr int kDraws = 70'000;
  std::array<int, 7> counts{};
  for (int i = 0; i < kDraws; ++i) ++counts[rng.UniformInt(7)];
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 7, 500);
  EXPECT_EQ(rng.UniformInt(1), 0);

  // With n = 3 * 2^62 a generator that reduces modulo n would put half of its draws into the first
  // third.
  constexpr uint64_t kLarge = uint64_t{3} << 62;
  int in_first_third = 0;
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t value = rng.UniformInt(kLarge);
    ASSERT_LT(value, kLarge);
    in_first_third += value < kLarge / 3 ? 1 : 0;
  }
  EXPECT_NEAR(in_first_third, kDraws / 3, 700);
}

TEST(RngTest, NormalHasTheMomentsOfAStandardNormal) {
  Rng rng(14);
  constexpr int kDraws = 200'000;
  double sum = 0;
  double sum_of_squares = 0;
  double sum_of_fourths = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = rng.Normal();
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    sum_of_squares += value * value;
    sum_of_fourths += value * value * value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.012);
  EXPECT_NEAR(sum_of_squares / kDraws, 1.0, 0.02);
  EXPECT_NEAR(sum_of_fourths / kDraws, 3.0, 0.15);
  EXPECT_EQ(rng.state().position, 2 * kDraws);
}

TEST(RngTest, PermutationHoldsEveryNumberOnce) {
  Rng rng(15);
  const std::vector<int64_t> order = rng.Permutation(8);
  EXPECT_THAT(order, UnorderedElementsAreArray({0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_TRUE(rng.Permutation(0).empty());
}

TEST(RngTest, ShuffleReachesEveryOrderEquallyOften) {
  Rng rng(16);
  constexpr int kDraws = 60'000;
  std::map<std::vector<int64_t>, int> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[rng.Permutation(3)];
  ASSERT_EQ(counts.size(), 6);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, kDraws / 6, 500);
}

}  // namespace
}  // namespace graft::base
