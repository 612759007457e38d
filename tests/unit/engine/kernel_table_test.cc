#include "common/engine/cpu/kernel_table.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "common/base/rng.h"

namespace graft::engine::cpu {
namespace {

constexpr int kCount = static_cast<int>(KernelTable::kWidths.size());

KernelTable RandomTable(std::uint64_t seed) {
  base::Rng random(seed);
  KernelTable table;
  for (const ConvolutionPass pass : kConvolutionPasses) {
    for (int c = 0; c < kCount; ++c) {
      for (int f = 0; f < kCount; ++f) table.SetWinograd(pass, c, f, random.UniformInt(2) == 0);
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
    for (const ConvolutionPass pass : kConvolutionPasses) {
      for (const std::int64_t c : KernelTable::kWidths) {
        for (const std::int64_t f : KernelTable::kWidths) {
          EXPECT_EQ(read->PrefersWinograd(pass, c, f), table.PrefersWinograd(pass, c, f));
        }
      }
    }
  }
  EXPECT_NE(RandomTable(1).Digest(), RandomTable(2).Digest());
}

TEST(KernelTableTest, WidthsBetweenCountAsTheNextSmaller) {
  KernelTable table;
  table.SetWinograd(ConvolutionPass::kDataGradient, 6, 11, true);  // 12 channels, 64 filters
  EXPECT_TRUE(table.PrefersWinograd(ConvolutionPass::kDataGradient, 12, 64));
  EXPECT_TRUE(table.PrefersWinograd(ConvolutionPass::kDataGradient, 15, 5'000));
  EXPECT_FALSE(table.PrefersWinograd(ConvolutionPass::kDataGradient, 16, 64));
  EXPECT_FALSE(table.PrefersWinograd(ConvolutionPass::kDataGradient, 12, 63));
  EXPECT_FALSE(table.PrefersWinograd(ConvolutionPass::kForward, 12, 64));
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
  EXPECT_NE(line_of(text.substr(0, text.size() - 5)).find("line 40 "), std::string::npos);
  EXPECT_NE(line_of(text + "more").find("the end"), std::string::npos);
}

}  // namespace
}  // namespace graft::engine::cpu
