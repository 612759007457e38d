#include "common/arch/attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/base/field_error.h"

namespace graft::arch {
namespace {

using Ints = std::vector<std::int64_t>;

std::vector<AttributeSpec> Specs() {
  return {
      {.name = "count", .type = AttributeType::kInt, .minimum = 1, .maximum = 8},
      {.name = "flag", .type = AttributeType::kBool, .default_value = true},
      {.name = "rate",
       .type = AttributeType::kDouble,
       .default_value = 0.5,
       .minimum = 0,
       .maximum = 1},
      {.name = "mode",
       .type = AttributeType::kString,
       .default_value = std::string("fast"),
       .choices = {"fast", "slow"}},
      {.name = "kernel",
       .type = AttributeType::kInts,
       .default_value = Ints{3, 3},
       .minimum = 1,
       .maximum = 7,
       .length = 2},
      {.name = "shape", .type = AttributeType::kInts, .default_value = Ints{}, .minimum = 0},
      {.name = "label", .type = AttributeType::kString, .default_value = std::string()},
  };
}

// The field of the only violation.
std::string BadField(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const auto violations = base::FieldViolations(status);
  EXPECT_EQ(violations.size(), 1u) << status;
  return violations.empty() ? "" : violations[0].field;
}

TEST(CheckAttributesTest, FillsInDefaults) {
  const auto checked = CheckAttributes(Specs(), {{"count", std::int64_t{2}}});
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->size(), Specs().size());
  EXPECT_TRUE(GetBool(*checked, "flag"));
  EXPECT_EQ(GetDouble(*checked, "rate"), 0.5);
  EXPECT_EQ(GetString(*checked, "mode"), "fast");
  EXPECT_EQ(GetInts(*checked, "kernel"), (Ints{3, 3}));
}

TEST(CheckAttributesTest, BringsValuesToTheirDeclaredType) {
  const auto checked = CheckAttributes(
      Specs(), {{"count", 2.0}, {"rate", std::int64_t{1}}, {"kernel", std::int64_t{5}}});
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(GetInt(*checked, "count"), 2);
  EXPECT_EQ(GetDouble(*checked, "rate"), 1.0);
  EXPECT_EQ(GetInts(*checked, "kernel"), (Ints{5, 5}));
}

TEST(CheckAttributesTest, RepeatsAListOfOneElement) {
  const auto checked = CheckAttributes(Specs(), {{"count", std::int64_t{2}}, {"kernel", Ints{5}}});
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(GetInts(*checked, "kernel"), (Ints{5, 5}));
}

TEST(CheckAttributesTest, NegativeZeroBecomesZero) {
  const auto checked = CheckAttributes(Specs(), {{"count", std::int64_t{2}}, {"rate", -0.0}});
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_FALSE(std::signbit(GetDouble(*checked, "rate")));
}

TEST(CheckAttributesTest, MissingAttributeIsNamed) {
  EXPECT_EQ(BadField(CheckAttributes(Specs(), {}).status()), "count");
}

TEST(CheckAttributesTest, UnknownAttributeIsNamedWithTheKnownOnes) {
  const auto checked =
      CheckAttributes(Specs(), {{"count", std::int64_t{2}}, {"kernal", std::int64_t{3}}});
  EXPECT_EQ(BadField(checked.status()), "kernal");
  EXPECT_THAT(std::string(checked.status().message()), testing::HasSubstr("kernel"));
}

struct BadValue {
  std::string name;
  AttributeValue value;
};

class BadValueTest : public testing::TestWithParam<BadValue> {};

TEST_P(BadValueTest, IsRejectedByName) {
  Attributes given = {{"count", std::int64_t{2}}};
  given[GetParam().name] = GetParam().value;
  EXPECT_EQ(BadField(CheckAttributes(Specs(), given).status()), GetParam().name);
}

INSTANTIATE_TEST_SUITE_P(
    Values, BadValueTest,
    testing::Values(BadValue{"count", std::int64_t{0}}, BadValue{"count", std::int64_t{9}},
                    BadValue{"count", 1.5}, BadValue{"count", 1e300}, BadValue{"count", true},
                    BadValue{"count", std::string("2")}, BadValue{"count", Ints{2}},
                    BadValue{"flag", std::int64_t{1}}, BadValue{"rate", 1.01},
                    BadValue{"rate", -0.01},
                    BadValue{"rate", std::numeric_limits<double>::quiet_NaN()},
                    BadValue{"rate", std::numeric_limits<double>::infinity()},
                    BadValue{"rate", false}, BadValue{"mode", std::string("medium")},
                    BadValue{"mode", std::int64_t{1}}, BadValue{"kernel", Ints{1, 2, 3}},
                    BadValue{"kernel", Ints{}}, BadValue{"kernel", Ints{3, 8}},
                    BadValue{"kernel", std::int64_t{0}}, BadValue{"kernel", 2.5},
                    BadValue{"shape", std::int64_t{3}}, BadValue{"shape", Ints{1, -1}},
                    BadValue{"shape", Ints(kMaxListLength + 1, 1)},
                    BadValue{"label", std::string(kMaxStringLength + 1, 'a')},
                    BadValue{"label", std::string("\xff")}));

TEST(AttributesTextTest, ShowsValuesByName) {
  EXPECT_EQ(ToString(Attributes{{"kernel", std::int64_t{3}},
                                {"strides", Ints{2, 2}},
                                {"bias", false},
                                {"rate", 0.1},
                                {"layer", std::string("conv1")}}),
            "bias=false, kernel=3, layer=conv1, rate=0.1, strides=[2,2]");
}

TEST(AttributesEncodingTest, DecodeOfEncodeIsTheIdentity) {
  const Attributes attributes = {{"a", true},
                                 {"b", std::int64_t{-7}},
                                 {"c", 0.1},
                                 {"d", std::string("text")},
                                 {"e", Ints{1, -2, 3}},
                                 {"f", Ints{}},
                                 {"g", std::string()}};
  digest::CanonicalEncoder encoder;
  EncodeAttributes(attributes, encoder);
  const std::string bytes = *std::move(encoder).Finish();
  digest::CanonicalDecoder decoder(bytes);
  const auto decoded = DecodeAttributes(decoder);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, attributes);
  EXPECT_TRUE(decoder.ExpectEnd().ok());
}

TEST(AttributesEncodingTest, NamesOutOfOrderAreRejected) {
  for (const auto& [first, second] : {std::pair{"b", "a"}, std::pair{"a", "a"}}) {
    digest::CanonicalEncoder encoder;
    encoder.List(4).String(first).Bool(true).String(second).Bool(true);
    const std::string bytes = *std::move(encoder).Finish();
    digest::CanonicalDecoder decoder(bytes);
    EXPECT_EQ(DecodeAttributes(decoder).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(AttributesEncodingTest, EveryTruncationIsRejected) {
  digest::CanonicalEncoder encoder;
  EncodeAttributes({{"a", true}, {"e", Ints{1, 2}}, {"s", std::string("text")}}, encoder);
  const std::string bytes = *std::move(encoder).Finish();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    digest::CanonicalDecoder decoder(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(DecodeAttributes(decoder).ok()) << size;
  }
}

}  // namespace
}  // namespace graft::arch
