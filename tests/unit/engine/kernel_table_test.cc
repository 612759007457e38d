#include "common/engine/cpu/kernel_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>

#include "absl/strings/str_replace.h"
#include "common/base/rng.h"

namespace graft::engine::cpu {
namespace {

using recipe::Precision;

constexpr std::size_t kCount = KernelTable::kWidths.size();

KernelTable RandomTable(std::uint64_t seed) {
  base::Rng random(seed);
  KernelTable table;
  for (std::size_t contest = 0; contest < Contests().size(); ++contest) {
    const std::span<const Method> methods = Contests()[contest].methods;
    for (const ConvolutionPass pass : kConvolutionPasses) {
      for (std::size_t c = 0; c < kCount; ++c) {
        for (std::size_t f = 0; f < kCount; ++f) {
          table.Set(contest, pass, c, f, methods[random.UniformInt(methods.size())]);
        }
      }
    }
  }
  return table;
}

TEST(KernelTableTest, TextKeepsEveryChoice) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const KernelTable table = RandomTable(seed);
    const auto read = KernelTable::Parse(table.ToText());
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->ToText(), table.ToText());
    EXPECT_EQ(read->Digest(), table.Digest());
    for (const auto& [precision, kind, methods] : Contests()) {
      for (const ConvolutionPass pass : kConvolutionPasses) {
        for (const std::int64_t c : KernelTable::kWidths) {
          for (const std::int64_t f : KernelTable::kWidths) {
            EXPECT_EQ(read->Fastest(precision, kind, pass, c, f),
                      table.Fastest(precision, kind, pass, c, f));
          }
        }
      }
    }
  }
  EXPECT_NE(RandomTable(1).Digest(), RandomTable(2).Digest());
}

TEST(KernelTableTest, WidthsBetweenCountAsTheNextSmaller) {
  KernelTable table;
  const auto fastest = [&](ConvolutionPass pass, std::int64_t channels, std::int64_t filters) {
    return table.Fastest(Precision::kFloat32, ConvolutionKind::kTiled3, pass, channels, filters);
  };
  // 12 channels, 64 filters
  table.Set(0, ConvolutionPass::kDataGradient, 6, 11, Method::kWinograd);
  EXPECT_EQ(fastest(ConvolutionPass::kDataGradient, 12, 64), Method::kWinograd);
  EXPECT_EQ(fastest(ConvolutionPass::kDataGradient, 15, 5'000), Method::kWinograd);
  EXPECT_EQ(fastest(ConvolutionPass::kDataGradient, 16, 64), Method::kDirect);
  EXPECT_EQ(fastest(ConvolutionPass::kDataGradient, 12, 63), Method::kDirect);
  EXPECT_EQ(fastest(ConvolutionPass::kForward, 12, 64), Method::kDirect);
}

TEST(KernelTableTest, WithoutAContestThereIsTheDirectMethod) {
  EXPECT_EQ(RandomTable(1).Fastest(Precision::kFloat32, ConvolutionKind::kOther,
                                   ConvolutionPass::kForward, 64, 64),
            Method::kDirect);
}

// Bfloat16 where float32 was asked for would be a wrong result, not a slow one.
TEST(KernelTableTest, Float32AdmitsNoBfloat16) {
  std::string text = KernelTable::Default().ToText();
  text[text.find("forward\n") + 8] = 'b';
  EXPECT_NE(KernelTable::Parse(text).status().message().find("line 3 "), std::string::npos);
  for (const Contest& contest : Contests()) {
    EXPECT_EQ(std::ranges::count(contest.methods, Method::kBfloat16),
              contest.precision == Precision::kBfloat16 ? 1 : 0);
  }
}

TEST(KernelTableTest, DamagedTextIsRefusedWithItsLine) {
  const std::string text = KernelTable::Default().ToText();
  const auto line_of = [](const std::string& damaged) {
    return std::string(KernelTable::Parse(damaged).status().message());
  };
  EXPECT_NE(line_of("").find("line 1 "), std::string::npos);
  EXPECT_NE(line_of("x" + text).find("line 1 "), std::string::npos);
  EXPECT_NE(line_of(absl::StrReplaceAll(text, {{"data", "date"}})).find("line 15 "),
            std::string::npos);
  std::string letter = text;
  letter[text.find("forward\n") + 8] = 'x';
  EXPECT_NE(line_of(letter).find("line 3 "), std::string::npos);
  EXPECT_NE(line_of(text.substr(0, text.size() - 5)).find("line 313 "), std::string::npos);
  EXPECT_NE(line_of(text + "more").find("the end"), std::string::npos);
}

}  // namespace
}  // namespace graft::engine::cpu
