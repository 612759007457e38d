// What ParseYaml says about bad input, to the column.
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "common/base/field_error.h"
#include "common/config/yaml.h"
#include "proto/graft/v1/config.pb.h"
#include "proto/graft/v1/search.pb.h"

namespace graft::config {
namespace {

struct ErrorCase {
  std::string name;
  std::string yaml;
  std::string message;

  friend std::ostream& operator<<(std::ostream& out, const ErrorCase& error) {
    return out << error.name;
  }
};

class YamlErrorTest : public testing::TestWithParam<ErrorCase> {};

TEST_P(YamlErrorTest, NamesPlaceFieldAndExpectation) {
  v1::SearchSpec spec;
  const absl::StatusOr<YamlSource> source = ParseYaml(GetParam().yaml, "search.yaml", &spec);
  EXPECT_EQ(source.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(source.status().message()), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Table, YamlErrorTest,
    testing::Values(
        ErrorCase{"Typo", "seed: 1\nbudgt:\n  episodes: 2\n",
                  "search.yaml:2:1: budgt: unknown field; did you mean \"budget\"?"},
        ErrorCase{"NestedTypo", "space:\n  plain:\n    max_mac: 4\n",
                  "search.yaml:3:5: space.plain.max_mac: unknown field; did you mean "
                  "\"max_macs\"?"},
        ErrorCase{"UnknownField", "budget:\n  money: 1\n",
                  "search.yaml:2:3: budget.money: unknown field; expected one of episodes, "
                  "children_per_episode"},
        ErrorCase{"DuplicateKey", "seed: 1\nseed: 2\n", "search.yaml:2:1: seed: given twice"},
        ErrorCase{"DuplicateUnderBothNames", "displayName: a\ndisplay_name: b\n",
                  "search.yaml:2:1: display_name: given twice"},
        ErrorCase{"DuplicateMapKey", "labels: {a: b, a: c}\n",
                  "search.yaml:1:16: labels.a: given twice"},
        ErrorCase{"DuplicateAttribute",
                  "space: {plain: {start: {layers: [{op: relu, attributes: {x: 1, x: 2}}]}}}\n",
                  "search.yaml:1:64: space.plain.start.layers[0].attributes.x: given twice"},
        ErrorCase{"TextForNumber", "budget:\n  episodes: many\n",
                  "search.yaml:2:13: budget.episodes: expected a whole number, got \"many\""},
        ErrorCase{"FractionForWholeNumber", "budget: {episodes: 1.5}\n",
                  "search.yaml:1:20: budget.episodes: expected a whole number, got \"1.5\""},
        ErrorCase{"NegativeForUnsigned", "seed: -1\n",
                  "search.yaml:1:7: seed: expected a whole number from 0 to "
                  "18446744073709551615, got \"-1\""},
        ErrorCase{"TooLargeNumber", "budget: {episodes: 9223372036854775808}\n",
                  "search.yaml:1:20: budget.episodes: expected a whole number from "
                  "-9223372036854775808 to 9223372036854775807, got \"9223372036854775808\""},
        ErrorCase{"NotFinite", "policy: {eas: {learning_rate: 1e999}}\n",
                  "search.yaml:1:31: policy.eas.learning_rate: expected a finite number, got "
                  "\"1e999\""},
        ErrorCase{"NotANumber", "policy: {eas: {learning_rate: nan}}\n",
                  "search.yaml:1:31: policy.eas.learning_rate: expected a number, got \"nan\""},
        ErrorCase{"YesForBool", "objective: {minimize: yes}\n",
                  "search.yaml:1:23: objective.minimize: expected true or false, got \"yes\""},
        ErrorCase{
            "QuotedBool", "objective: {minimize: 'true'}\n",
            "search.yaml:1:23: objective.minimize: expected true or false without quotes, got "
            "\"true\""},
        ErrorCase{"EnumTypo", "policy: {episode_start: grow}\n",
                  "search.yaml:1:25: policy.episode_start: expected one of restart, grow_on; got "
                  "\"grow\""},
        ErrorCase{"EnumNearMiss", "space: {plain: {widen_split: unevn}}\n",
                  "search.yaml:1:30: space.plain.widen_split: expected one of uneven, even; got "
                  "\"unevn\"; did you mean \"uneven\"?"},
        ErrorCase{"ListElement", "space:\n  plain:\n    filters: [4, 8, x]\n",
                  "search.yaml:3:21: space.plain.filters[2]: expected a whole number, got \"x\""},
        ErrorCase{"EmptyListElement", "space:\n  plain:\n    filters:\n      - 4\n      -\n",
                  "search.yaml:4:7: space.plain.filters[1]: expected a value, got nothing"},
        ErrorCase{"SingleValueForList", "space: {plain: {filters: 4}}\n",
                  "search.yaml:1:26: space.plain.filters: expected a list, got \"4\""},
        ErrorCase{"ListForSingleValue", "seed: [1]\n",
                  "search.yaml:1:7: seed: expected a single value, got a list"},
        ErrorCase{"ScalarForMessage", "budget: 3\n",
                  "search.yaml:1:9: budget: expected a map with the fields episodes, "
                  "children_per_episode; got \"3\""},
        ErrorCase{"ListForAttributes", "space: {plain: {start: {layers: [{attributes: [1]}]}}}\n",
                  "search.yaml:1:47: space.plain.start.layers[0].attributes: expected a map, got a "
                  "list"},
        ErrorCase{"TwoOfAOneof", "policy:\n  random: {}\n  eas: {}\n",
                  "search.yaml:3:3: policy.eas: excludes \"random\"; give only one of them"},
        ErrorCase{"NotYaml", "seed: [1\n",
                  "search.yaml:2:1: not valid YAML: end of sequence flow not found"},
        ErrorCase{"UnknownAlias", "seed: *nowhere\n",
                  "search.yaml:1:7: not valid YAML: the referenced anchor is not defined"},
        ErrorCase{"SecondDocument", "seed: 1\n---\nseed: 2\n",
                  "search.yaml:3:1: expected a single document, found a second one"},
        ErrorCase{"CommaAfterTheEnd", "{seed: 1}\n,\n",
                  "search.yaml:2:1: expected a single document, found a second one"},
        ErrorCase{"NotUtf8", "seed: 1\ndisplay_name: \xff\n",
                  "search.yaml:2:1: expected text in UTF-8"},
        ErrorCase{"KeyThatIsNoName", "[1, 2]: 3\n",
                  "search.yaml:1:1: expected a name as key, got a list"}),
    [](const testing::TestParamInfo<ErrorCase>& test) { return test.param.name; });

TEST(YamlTest, BadDurationNamesItsForm) {
  v1::ServerConfig config;
  const absl::Status status = ParseYaml("drain_timeout: 10\n", "store.yaml", &config).status();
  EXPECT_EQ(std::string(status.message()),
            "store.yaml:1:16: drain_timeout: expected a duration such as 10s or 1m30s, got \"10\"");
}

TEST(YamlTest, ErrorCarriesTheFieldViolation) {
  v1::SearchSpec spec;
  const absl::Status status = ParseYaml("budget: {episodes: x}", "search.yaml", &spec).status();
  const base::FieldViolation expected{"budget.episodes", "expected a whole number, got \"x\""};
  EXPECT_EQ(base::FieldViolations(status), std::vector{expected});
}

TEST(YamlTest, FileBeyondTheLimitIsRefused) {
  v1::SearchSpec spec;
  const std::string text = "seed: 1\n#" + std::string(kMaxYamlBytes, 'x');
  EXPECT_EQ(ParseYaml(text, "search.yaml", &spec).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(YamlTest, NestingBeyondTheLimitIsRefused) {
  const auto nested = [](int depth) {
    return "space: {plain: {start: {layers: [{attributes: {x: " + std::string(depth, '[') +
           std::string(depth, ']') + "}}]}}}\n";
  };
  v1::SearchSpec spec;
  EXPECT_TRUE(ParseYaml(nested(50), "search.yaml", &spec).ok());
  for (const int depth : {60, 600, 100'000}) {
    EXPECT_EQ(ParseYaml(nested(depth), "search.yaml", &spec).status().code(),
              absl::StatusCode::kInvalidArgument)
        << depth;
  }
}

TEST(YamlTest, AliasesThatMultiplyAreRefused) {
  // Nine levels of ten aliases each: a thousand million values in 300 bytes.
  std::string list = "space: {plain: {start: {layers: [{attributes: {a0: &a0 [1]";
  for (int level = 1; level < 10; ++level) {
    const std::string alias = "*a" + std::to_string(level - 1);
    list += ", a" + std::to_string(level) + ": &a" + std::to_string(level) + " [";
    for (int i = 0; i < 10; ++i) list += (i == 0 ? "" : ", ") + alias;
    list += "]";
  }
  list += "}}]}}}\n";
  v1::SearchSpec spec;
  const absl::Status status = ParseYaml(list, "search.yaml", &spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("aliases expanded"), absl::string_view::npos) << status;
}

TEST(YamlTest, AliasOfItselfIsRefused) {
  v1::SearchSpec spec;
  EXPECT_EQ(ParseYaml("space: {plain: {start: {layers: [{attributes: {x: &a [*a]}}]}}}\n",
                      "search.yaml", &spec)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(YamlTest, MissingFileIsNotFound) {
  v1::SearchSpec spec;
  EXPECT_EQ(LoadYamlFile("/nonexistent/search.yaml", &spec).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace graft::config
