#include "services/controller/policy/actions.h"

#include <string>

#include "gtest/gtest.h"

namespace graft::policy {
namespace {

Actions Example() {
  return {
      .widen = {{false, true, true, false}, {false, false, false, false}},
      .deepen = {DeepenAction{.block = 1, .position = 0, .kernel = 2},
                 DeepenAction{.block = 4, .position = 12, .kernel = std::nullopt}, std::nullopt}};
}

TEST(ActionsTest, TextIsReadable) {
  EXPECT_EQ(ToText(Example()), "w:0110|w:0000|d:1,0,2|d:4,12,-|d:-");
  EXPECT_EQ(ToText(Actions{}), "");
  EXPECT_EQ(ToText(Actions{.widen = {{}}}), "w:");
}

TEST(ActionsTest, ParsingIsTheInverseOfWriting) {
  for (const Actions& actions : {Example(), Actions{}, Actions{.widen = {{}}},
                                 Actions{.deepen = {std::nullopt, std::nullopt}}}) {
    const auto parsed = ParseActions(ToText(actions));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, actions);
  }
}

class BadActionsTest : public testing::TestWithParam<std::string> {};

TEST_P(BadActionsTest, AreRejectedWithTheStep) {
  const auto parsed = ParseActions(GetParam());
  ASSERT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(parsed.status().message().find("step "), absl::string_view::npos) << parsed.status();
}

INSTANTIATE_TEST_SUITE_P(, BadActionsTest,
                         testing::Values("x", "w", "d:", "|", "w:01|", "|w:01", "w:012", "w: 01",
                                         "W:01", "d:1,2", "d:1,2,3,4", "d:01,2,3", "d:1,+2,3",
                                         "d:1, 2,3", "d:-1,2,3", "d:1,2,-3", "d:1,2,", "d:,2,3",
                                         "d:-,2,3", "d:1,2,--", "d:1,2,99999999999", "d:1,2,10000",
                                         "d:-|w:0"));

}  // namespace
}  // namespace graft::policy
