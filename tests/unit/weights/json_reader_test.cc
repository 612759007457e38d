#include "common/weights/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace graft::weights {
namespace {

TEST(JsonReaderTest, ReadsEscapes) {
  JsonReader json(R"( "\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83c\udf31" )");
  EXPECT_EQ(*json.String(), "\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8C\xB1");
  EXPECT_TRUE(json.ExpectEnd().ok());
}

TEST(JsonReaderTest, RefusesMalformedStrings) {
  for (const std::string text :
       {"", "x", "\"", "\"abc", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"",
        "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "\"\xFF\""}) {
    EXPECT_TRUE(absl::IsInvalidArgument(JsonReader(text).String().status())) << text;
  }
}

TEST(JsonReaderTest, ReadsUnsignedIntegers) {
  EXPECT_EQ(*JsonReader("0").UnsignedInteger(), 0);
  EXPECT_EQ(*JsonReader(" 9223372036854775807").UnsignedInteger(), 9223372036854775807U);
  for (const std::string text :
       {"", "-1", "+1", "01", "x", "9223372036854775808", "99999999999999999999999"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(JsonReader(text).UnsignedInteger().status())) << text;
  }
}

TEST(JsonReaderTest, ErrorNamesThePosition) {
  JsonReader json("{ 1");
  ASSERT_TRUE(json.Expect('{').ok());
  EXPECT_THAT(std::string(json.String().status().message()), testing::HasSubstr("byte 2"));
}

}  // namespace
}  // namespace graft::weights
