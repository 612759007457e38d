#include "common/base/strings.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

namespace graft::base {
namespace {

using std::string_view_literals::operator""sv;

TEST(JsonQuoteTest, EscapesWhatJsonDemands) {
  EXPECT_EQ(JsonQuote("plain"), R"("plain")");
  EXPECT_EQ(JsonQuote("a\"b\\c\n\r\t"), R"("a\"b\\c\n\r\t")");
  EXPECT_EQ(JsonQuote("\0\x1f\x7f"sv), R"("\u0000\u001f\u007f")");
  EXPECT_EQ(JsonQuote(""), R"("")");
}

TEST(JsonQuoteTest, KeepsUtf8AndReplacesOtherBytes) {
  EXPECT_EQ(JsonQuote("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8C\xB1"),
            "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8C\xB1\"");
  EXPECT_EQ(JsonQuote("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
}

TEST(Utf8Test, AcceptsTheEndsOfEachRange) {
  for (const std::string_view text :
       {""sv, "\0\x7f"sv, "\xC2\x80"sv, "\xDF\xBF"sv, "\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv,
        "\xEE\x80\x80"sv, "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv}) {
    EXPECT_TRUE(IsValidUtf8(text)) << JsonQuote(text);
  }
}

TEST(Utf8Test, RefusesMalformedText) {
  for (const std::string_view text :
       {"\x80"sv, "\xC1\xBF"sv /* overlong */, "\xC3"sv /* cut */, "\xC3("sv,
        "\xE0\x9F\xBF"sv /* overlong */, "\xED\xA0\x80"sv /* surrogate */, "\xE2\x82"sv,
        "\xF0\x8F\xBF\xBF"sv /* overlong */, "\xF4\x90\x80\x80"sv /* above U+10FFFF */,
        "\xF5\x80\x80\x80"sv}) {
    EXPECT_FALSE(IsValidUtf8(text)) << JsonQuote(text);
  }
}

TEST(ReadableTest, KeepsWhatIsUtf8AndFits) {
  EXPECT_EQ(Readable("gr\xC3\xBCn", 5), "gr\xC3\xBCn");
  EXPECT_EQ(Readable("", 5), "");
}

TEST(ReadableTest, CutsBetweenCharacters) {
  EXPECT_EQ(Readable("gr\xC3\xBCn", 4), "gr\xC3\xBC");
  EXPECT_EQ(Readable("gr\xC3\xBCn", 3), "gr");
  EXPECT_EQ(Readable("green", 0), "");
}

TEST(ReadableTest, ReplacesOnlyBytesThatAreNotUtf8) {
  EXPECT_EQ(Readable("a\x80\xC3\xBC\xC3"sv, 9), "a?\xC3\xBC?");
}

TEST(SingleLineTest, ControlCharactersBecomeSpaces) {
  EXPECT_EQ(SingleLine("a\nb\x1b[31mc\x7f", 20), "a b [31mc ");
  EXPECT_EQ(SingleLine("x\xC2\x9By", 20), "x y") << "a terminal's CSI in one character";
  EXPECT_EQ(SingleLine("gr\xC3\xBCn \xC2\xA0", 20), "gr\xC3\xBCn \xC2\xA0");
  EXPECT_EQ(SingleLine(std::string_view("a\0b", 3), 20), "a b");
}

TEST(HexTest, EncodesAndDecodes) {
  const std::array<uint8_t, 4> bytes = {0x00, 0x7f, 0x80, 0xff};
  EXPECT_EQ(HexEncode(bytes), "007f80ff");
  EXPECT_EQ(*HexDecode("007f80ff"), "\x00\x7f\x80\xff"sv);
  EXPECT_EQ(*HexDecode(""), "");
}

TEST(HexTest, RefusesWhatTheEncoderNeverWrites) {
  for (const std::string_view hex : {"0", "0A", "0g", " 00", "0x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(HexDecode(hex).status())) << hex;
  }
}

}  // namespace
}  // namespace graft::base
