#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "common/base/field_error.h"
#include "services/controller/wire/resource_names.h"
#include "services/controller/wire/search_spec_wire.h"

namespace graft::controller {
namespace {

// The least that a search file can say.
v1::SearchSpec MinimalSpec() {
  v1::SearchSpec proto;
  proto.mutable_task()->mutable_image_classification()->set_dataset("digits");
  proto.mutable_space()->mutable_plain();
  proto.mutable_policy()->mutable_eas();
  proto.mutable_recipe()->set_epochs(3);
  return proto;
}

TEST(SearchSpecWireTest, FieldsLeftOutTakeTheDocumentedDefaults) {
  const auto spec = FromProto(MinimalSpec());
  ASSERT_TRUE(spec.ok()) << spec.status();
  const auto& eas = std::get<policy::EasOptions>(spec->policy);
  EXPECT_EQ(eas.widen_actions, 4);
  EXPECT_EQ(eas.deepen_actions, 5);
  EXPECT_EQ(eas.baseline, policy::Baseline::kSlowAverage);
  EXPECT_EQ(spec->episode_start, EpisodeStart::kGrowOn);
  EXPECT_EQ(spec->parents, 4);
  EXPECT_EQ(spec->max_redraws, 10);
  EXPECT_EQ(spec->objective.metric, "accuracy");
  EXPECT_EQ(spec->episodes, 1);
  EXPECT_EQ(spec->children_per_episode, 8);
  EXPECT_EQ(spec->seed, 1u);
  EXPECT_EQ(spec->recipe.batch_size, 64);
  EXPECT_EQ(std::get<recipe::SgdOptions>(spec->recipe.optimizer).learning_rate, 0.02);
}

TEST(SearchSpecWireTest, WireFormOfASpecReadsBackAsItself) {
  v1::SearchSpec proto = MinimalSpec();
  proto.set_display_name("a name");
  (*proto.mutable_labels())["team"] = "vision";
  proto.mutable_policy()->set_episode_start(v1::EPISODE_START_RESTART);
  proto.mutable_policy()->set_max_redraws(0);
  proto.mutable_policy()->mutable_eas()->set_entropy_weight(0);
  proto.mutable_space()->mutable_plain()->add_filters(4);
  proto.mutable_space()->mutable_plain()->set_widen_split(v1::WIDEN_SPLIT_EVEN);
  v1::Layer& layer = *proto.mutable_space()->mutable_plain()->mutable_start()->add_layers();
  layer.set_op("convolution");
  (*layer.mutable_attributes()->mutable_fields())["filters"].set_number_value(4);
  proto.mutable_objective()->set_metric("loss");
  proto.mutable_objective()->set_minimize(true);
  const auto spec = FromProto(proto);
  ASSERT_TRUE(spec.ok()) << spec.status();
  const v1::SearchSpec written = ToProto(*spec);
  const auto again = FromProto(written);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ToProto(*again).DebugString(), written.DebugString());
  EXPECT_EQ(again->max_redraws, 0) << "a given 0 is not the default";
  EXPECT_EQ(std::get<policy::EasOptions>(again->policy).entropy_weight, 0);
  EXPECT_EQ(again->space.start->layers.at(0).op, "convolution");
}

TEST(SearchSpecWireTest, MissingPartsAreNamed) {
  const auto field_of = [](const v1::SearchSpec& proto) {
    return base::FieldViolations(FromProto(proto).status()).at(0).field;
  };
  v1::SearchSpec proto = MinimalSpec();
  proto.clear_task();
  EXPECT_EQ(field_of(proto), "task");
  proto = MinimalSpec();
  proto.clear_space();
  EXPECT_EQ(field_of(proto), "space.plain");
  proto = MinimalSpec();
  proto.clear_policy();
  EXPECT_EQ(field_of(proto), "policy.kind");
  proto = MinimalSpec();
  proto.mutable_policy()->mutable_eas()->set_widen_actions(-1);
  EXPECT_EQ(field_of(proto), "policy.eas.widen_actions");
}

TEST(ResourceNamesTest, ParseWhatTheyPrint) {
  const TrialId trial{.search = {3}, .number = 14};
  EXPECT_EQ(*ParseTrialName("name", ToString(trial)), trial);
  EXPECT_EQ(*ParseSearchName("name", ToString(trial.search)), trial.search);
  EXPECT_EQ(*ParseDatasetName("name", "datasets/digits"), "digits");
  EXPECT_EQ(*ParseNetworkName("name", "networks/12345678"), "12345678");
}

TEST(ResourceNamesTest, OtherFormsAreRefused) {
  for (const char* name : {"", "searches", "searches/", "searches/x", "searches/-1", "searches/01",
                           "searches/1/", "trials/1", "searches/1 "}) {
    EXPECT_FALSE(ParseSearchName("name", name).ok()) << name;
  }
  for (const char* name : {"searches/1", "searches/1/trials/", "searches/1/trials/x",
                           "searches/1/trials/1/x", "x/1/trials/1"}) {
    EXPECT_FALSE(ParseTrialName("name", name).ok()) << name;
  }
}

TEST(PageTokenTest, CursorsSurvive) {
  EXPECT_EQ(*ParseNumberToken(PageToken(std::optional<std::int64_t>(7))), 7);
  EXPECT_EQ(*ParseTextToken(PageToken(std::optional<std::string>("a b"))), "a b");
  const auto rank = ParseRankToken(PageToken(std::optional<RankCursor>({1.0 / 3, 5})));
  ASSERT_TRUE(rank.ok());
  EXPECT_EQ((*rank)->value, 1.0 / 3);
  EXPECT_EQ((*rank)->trial, 5);
  EXPECT_EQ(PageToken(std::optional<std::int64_t>()), "");
  EXPECT_EQ(*ParseNumberToken(""), std::nullopt);
}

TEST(PageTokenTest, TokensOfOtherListsAreRefused) {
  EXPECT_FALSE(ParseNumberToken(PageToken(std::optional<std::string>("7"))).ok());
  EXPECT_FALSE(ParseRankToken("garbage!").ok());
}

TEST(PageSizeTest, ZeroIsTheDefaultAndBoundsHold) {
  EXPECT_EQ(*ParsePageSize(0), 50u);
  EXPECT_EQ(*ParsePageSize(1000), 1000u);
  EXPECT_FALSE(ParsePageSize(1001).ok());
  EXPECT_FALSE(ParsePageSize(-1).ok());
}

}  // namespace
}  // namespace graft::controller
