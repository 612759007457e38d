#include "services/cli/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proto/graft/v1/search_service.pb.h"
#include "services/cli/resource_name.h"

namespace graft::cli {
namespace {

using ::testing::HasSubstr;

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCellAndNumbersLineUpOnTheRight) {
  Table table({{"NAME"}, {"PARAMS", Table::Align::kRight}, {"NOTE"}});
  table.AddRow({"a", "638", "start"});
  table.AddRow({"longer-name", "12", ""});
  EXPECT_EQ(table.ToString(),
            "NAME         PARAMS  NOTE\n"
            "a               638  start\n"
            "longer-name      12\n");
}

TEST(FormatTest, CountsAreShortAndKeepThreeFigures) {
  EXPECT_EQ(FormatCount(638), "638");
  EXPECT_EQ(FormatCount(133530), "133.5 k");
  EXPECT_EQ(FormatCount(23.4e6), "23.40 M");
}

TEST(FormatTest, DurationsRoundToTheNearestSecond) {
  EXPECT_EQ(cli::FormatDuration(absl::Milliseconds(44600)), "45 s");
  EXPECT_EQ(cli::FormatDuration(absl::Seconds(130)), "2 min 10 s");
  EXPECT_EQ(cli::FormatDuration(absl::Minutes(185)), "3 h 5 min");
}

TEST(FormatTest, MissingValuesAreADash) {
  EXPECT_EQ(FormatPercent(std::optional<double>()), "-");
  EXPECT_EQ(FormatPercent(std::optional(0.8731)), "87.31 %");
}

TEST(FormatTest, NamesLoseTheirCollectionAndNetworksTheirTail) {
  EXPECT_EQ(ShortName("searches/abc"), "abc");
  EXPECT_EQ(ShortName("networks/0123456789abcdef0123"), "0123456789ab");
  EXPECT_EQ(EnumLabel("SEARCH_STATE_RUNNING", "SEARCH_STATE_"), "running");
}

TEST(ToJsonTest, UsesProtoNamesAndPrintsDefaults) {
  v1::SearchProgress progress;
  progress.set_episode(2);
  const std::string json = ToJson(progress);
  EXPECT_THAT(json, HasSubstr("\"episode\": \"2\""));
  EXPECT_THAT(json, HasSubstr("\"failed_trials\": \"0\""));
}

TEST(ResourceNameTest, CollectionsMayBeLeftOut) {
  EXPECT_EQ(SearchName("abc"), "searches/abc");
  EXPECT_EQ(SearchName("searches/abc"), "searches/abc");
  EXPECT_EQ(TrialName("abc/trials/3"), "searches/abc/trials/3");
  EXPECT_EQ(NetworkName("12ab34cd"), "networks/12ab34cd");
  EXPECT_EQ(KindOf("networks/12ab34cd"), ResourceKind::kNetwork);
  EXPECT_EQ(KindOf("searches/abc/trials/3"), ResourceKind::kTrial);
  EXPECT_EQ(KindOf("abc"), ResourceKind::kSearch);
}

}  // namespace
}  // namespace graft::cli
