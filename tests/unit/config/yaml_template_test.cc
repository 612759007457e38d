#include "common/config/yaml_template.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "common/config/descriptors.h"
#include "common/config/yaml.h"
#include "proto/graft/v1/config.pb.h"
#include "proto/graft/v1/search.pb.h"

namespace graft::config {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::HasSubstr;
using ::testing::Not;

v1::SearchSpec Example() {
  v1::SearchSpec spec;
  spec.mutable_task()->mutable_image_classification()->set_dataset("fashion_mnist");
  spec.mutable_space()->mutable_plain()->set_max_macs(4'000'000);
  spec.mutable_policy()->mutable_random();
  spec.mutable_budget()->set_episodes(4);
  return spec;
}

TEST(YamlTemplateTest, ReadsBackToTheExample) {
  v1::SearchSpec parsed;
  const absl::StatusOr<YamlSource> source =
      ParseYaml(WriteCommentedYaml(Example()), "search.yaml", &parsed);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_TRUE(MessageDifferencer::Equals(parsed, Example())) << parsed.DebugString();
}

TEST(YamlTemplateTest, ShowsCommentsOfTheProtosAndUnsetFieldsCommentedOut) {
  const std::string yaml = WriteCommentedYaml(Example());
  EXPECT_THAT(yaml, HasSubstr("  # Episodes. 0: 1.\n"
                              "  episodes: 4\n"
                              "  # Children an episode. 0: 8.\n"
                              "  #children_per_episode: 0\n"));
}

TEST(YamlTemplateTest, ListsEnumValuesAndOneofMembers) {
  const std::string yaml = WriteCommentedYaml(Example());
  EXPECT_THAT(yaml, HasSubstr("# `restart`: Every episode from the start network, as published."));
  EXPECT_THAT(yaml, HasSubstr("# Choose one of: random, eas.\n"));
}

TEST(YamlTemplateTest, LeavesOutOutputOnlyFields) {
  EXPECT_THAT(WriteCommentedYaml(Example()), Not(HasSubstr("dataset_digest")));
}

// Deletes the '#' before each field's name.
std::string Uncomment(const std::string& yaml) {
  return std::regex_replace(yaml, std::regex("#([a-z_]+:|-\n)"), "$1");
}

TEST(YamlTemplateTest, EveryFieldCanBePutIntoEffect) {
  // Messages without a oneof, where all fields may be set together.
  v1::WorkerConfig worker;
  const std::string yaml = Uncomment(WriteCommentedYaml(v1::WorkerConfig()));
  const absl::StatusOr<YamlSource> source = ParseYaml(yaml, "worker.yaml", &worker);
  ASSERT_TRUE(source.ok()) << source.status() << yaml;
  EXPECT_TRUE(worker.has_controller());
  EXPECT_TRUE(worker.controller().has_tls());

  v1::PlainSpace space;
  const std::string nested = Uncomment(WriteCommentedYaml(v1::PlainSpace()));
  ASSERT_TRUE(ParseYaml(nested, "space.yaml", &space).ok()) << nested;
  EXPECT_EQ(space.start().layers_size(), 1);
}

TEST(YamlTemplateTest, EveryFieldInFilesHasAComment) {
  for (const auto* file :
       {v1::SearchSpec::descriptor()->file(), v1::WorkerConfig::descriptor()->file()}) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      const auto* type = file->message_type(i);
      for (int f = 0; f < type->field_count(); ++f) {
        EXPECT_NE(internal::CommentOf(*type->field(f)), "") << type->field(f)->full_name();
      }
    }
  }
}

}  // namespace
}  // namespace graft::config
