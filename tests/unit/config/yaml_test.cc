#include "common/config/yaml.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/field_error.h"
#include "common/base/rng.h"
#include "common/config/set_field.h"
#include "common/config/yaml_writer.h"
#include "proto/graft/v1/config.pb.h"
#include "proto/graft/v1/search.pb.h"
#include "proto/graft/v1/search_service.pb.h"

namespace graft::config {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::util::MessageDifferencer;

v1::SearchSpec Parse(const std::string& yaml) {
  v1::SearchSpec spec;
  const absl::StatusOr<YamlSource> source = ParseYaml(yaml, "search.yaml", &spec);
  EXPECT_TRUE(source.ok()) << source.status();
  return spec;
}

TEST(YamlTest, FieldsAreReadUnderProtoAndJsonNames) {
  EXPECT_EQ(Parse("display_name: a").display_name(), "a");
  EXPECT_EQ(Parse("displayName: a").display_name(), "a");
}

TEST(YamlTest, EnumsAreReadUnderFullAndShortNames) {
  EXPECT_EQ(Parse("policy: {episode_start: grow_on}").policy().episode_start(),
            v1::EPISODE_START_GROW_ON);
  EXPECT_EQ(Parse("policy: {episode_start: EPISODE_START_GROW_ON}").policy().episode_start(),
            v1::EPISODE_START_GROW_ON);
}

TEST(YamlTest, WholeNumbersMayHaveAnExponent) {
  EXPECT_EQ(Parse("space: {plain: {max_macs: 4e6}}").space().plain().max_macs(), 4'000'000);
  EXPECT_EQ(Parse("seed: 18446744073709551615").seed(), UINT64_MAX);
}

TEST(YamlTest, StringsNeedNoQuotes) {
  EXPECT_EQ(Parse("display_name: 2024").display_name(), "2024");
  EXPECT_EQ(Parse("display_name: true").display_name(), "true");
}

TEST(YamlTest, AttributesArePlainYaml) {
  const v1::SearchSpec spec = Parse(R"(
space:
  plain:
    start:
      layers:
        - op: convolution
          attributes: {filters: 4, kernel: 3.5, bias: false, name: relu, code: "7", pads: [1, 2]}
)");
  const auto& attributes = spec.space().plain().start().layers(0).attributes().fields();
  EXPECT_EQ(attributes.at("filters").number_value(), 4);
  EXPECT_EQ(attributes.at("kernel").number_value(), 3.5);
  EXPECT_EQ(attributes.at("bias").kind_case(), google::protobuf::Value::kBoolValue);
  EXPECT_EQ(attributes.at("name").string_value(), "relu");
  EXPECT_EQ(attributes.at("code").string_value(), "7");
  EXPECT_EQ(attributes.at("pads").list_value().values(1).number_value(), 2);
}

TEST(YamlTest, AliasesRepeatAValue) {
  const v1::SearchSpec spec = Parse("recipe: &r {epochs: 3}\nstart_recipe: *r\n");
  EXPECT_EQ(spec.start_recipe().epochs(), 3);
}

TEST(YamlTest, EmptyDocumentIsAnEmptyMessage) {
  for (const std::string text : {"", "# nothing\n", "{}", "---\n"}) {
    EXPECT_EQ(Parse(text).ByteSizeLong(), 0u) << text;
  }
}

TEST(YamlTest, EmptyValueLeavesAFieldUnsetButChoosesAOneofMember) {
  const v1::SearchSpec spec = Parse("budget:\npolicy:\n  random:\n");
  EXPECT_FALSE(spec.has_budget());
  EXPECT_TRUE(spec.policy().has_random());
}

TEST(YamlTest, DurationsTakeUnits) {
  v1::ServerConfig config;
  ASSERT_TRUE(ParseYaml("drain_timeout: 1m30.5s", "f", &config).ok());
  EXPECT_EQ(config.drain_timeout().seconds(), 90);
  EXPECT_EQ(config.drain_timeout().nanos(), 500'000'000);
}

TEST(YamlTest, EarlierContentIsCleared) {
  v1::SearchSpec spec;
  spec.set_seed(7);
  ASSERT_TRUE(ParseYaml("display_name: a", "f", &spec).ok());
  EXPECT_EQ(spec.seed(), 0u);
}

TEST(YamlSourceTest, LocatesFieldsAndFallsBackToTheEnclosingOne) {
  v1::SearchSpec spec;
  const absl::StatusOr<YamlSource> source = ParseYaml(R"(seed: 1
space:
  plain:
    filters:
      - 4
      - 8
)",
                                                      "search.yaml", &spec);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(source->LocateField("seed"), "search.yaml:1:1");
  EXPECT_EQ(source->LocateField("space.plain.filters"), "search.yaml:4:5");
  EXPECT_EQ(source->LocateField("space.plain.filters[1]"), "search.yaml:6:9");
  EXPECT_EQ(source->LocateField("space.plain.units[3]"), "search.yaml:3:3");
  EXPECT_EQ(source->LocateField("task"), "search.yaml:1:1");
}

TEST(YamlSourceTest, ExplainsViolationsWithTheirPlaces) {
  v1::SearchSpec spec;
  const absl::StatusOr<YamlSource> source =
      ParseYaml("space: {plain: {filters: [8, 4]}}", "search.yaml", &spec);
  ASSERT_TRUE(source.ok()) << source.status();
  const absl::Status explained = source->Explain(
      base::InvalidFieldError("spec.space.plain.filters[1]", "must be ascending"), "spec");
  EXPECT_EQ(std::string(explained.message()),
            "search.yaml:1:30: space.plain.filters[1]: must be ascending");
  EXPECT_EQ(explained.code(), absl::StatusCode::kInvalidArgument);
}

// Fills every field, down to `depth` messages, with values that are not the default.
class Filler {
 public:
  explicit Filler(uint64_t seed) : rng_(seed) {}

  void Fill(Message* message, int depth) {
    if (FillWellKnown(message)) return;
    const Descriptor& type = *message->GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      const auto* oneof = field.real_containing_oneof();
      if (oneof != nullptr && message->GetReflection()->HasOneof(*message, oneof) &&
          rng_.UniformInt(2) == 0) {
        continue;
      }
      const int count = field.is_repeated() ? 1 + static_cast<int>(rng_.UniformInt(3)) : 1;
      for (int n = 0; n < count; ++n) FillField(message, field, depth, n);
    }
  }

 private:
  // Text with everything that YAML could trip over.
  std::string Text() {
    static const char* const kTexts[] = {"plain",   "with space", "",          "4",
                                         "true",    "null",       "a: b",      "#no",
                                         "- x",     "\"q\"",      "line\nend", "\xC3\xA9t\xC3\xA9",
                                         "{x}",     "1e5",        "~",         "*alias",
                                         "&anchor", "tab\tin",    "'",         "C:\\x"};
    return kTexts[rng_.UniformInt(std::size(kTexts))];
  }

  bool FillWellKnown(Message* message) {
    if (auto* duration = dynamic_cast<google::protobuf::Duration*>(message)) {
      duration->set_seconds(static_cast<int64_t>(rng_.UniformInt(1'000'000)));
      duration->set_nanos(static_cast<int32_t>(rng_.UniformInt(1'000'000'000)));
    } else if (auto* timestamp = dynamic_cast<google::protobuf::Timestamp*>(message)) {
      timestamp->set_seconds(static_cast<int64_t>(rng_.UniformInt(1'000'000'000)));
      timestamp->set_nanos(static_cast<int32_t>(rng_.UniformInt(1'000'000'000)));
    } else if (auto* structure = dynamic_cast<google::protobuf::Struct*>(message)) {
      auto& fields = *structure->mutable_fields();
      fields["number"].set_number_value(rng_.Normal());
      fields["whole"].set_number_value(4);
      fields["text"].set_string_value(Text());
      fields[Text()].set_bool_value(true);
      fields["null"].set_null_value(google::protobuf::NULL_VALUE);
      fields["list"].mutable_list_value()->add_values()->set_string_value(Text());
      (*fields["map"].mutable_struct_value()->mutable_fields())["x"].set_number_value(-1e-300);
    } else {
      return false;
    }
    return true;
  }

  void FillField(Message* message, const FieldDescriptor& field, int depth, int n) {
    const google::protobuf::Reflection& reflection = *message->GetReflection();
    const bool add = field.is_repeated();
    if (field.is_map()) {
      Message* entry = reflection.AddMessage(message, &field);
      const FieldDescriptor& key = *field.message_type()->map_key();
      entry->GetReflection()->SetString(entry, &key, Text() + std::to_string(n));
      return FillField(entry, *field.message_type()->map_value(), depth, n);
    }
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32: {
        const int32_t value = static_cast<int32_t>(rng_.NextU32());
        return add ? reflection.AddInt32(message, &field, value)
                   : reflection.SetInt32(message, &field, value);
      }
      case FieldDescriptor::CPPTYPE_INT64: {
        const int64_t value = static_cast<int64_t>(rng_.NextU64());
        return add ? reflection.AddInt64(message, &field, value)
                   : reflection.SetInt64(message, &field, value);
      }
      case FieldDescriptor::CPPTYPE_UINT64:
        return reflection.SetUInt64(message, &field, rng_.NextU64());
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        const double value = rng_.Normal() * 1e-7;
        return add ? reflection.AddDouble(message, &field, value)
                   : reflection.SetDouble(message, &field, value);
      }
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection.SetBool(message, &field, rng_.UniformInt(2) == 0);
      case FieldDescriptor::CPPTYPE_ENUM:
        return reflection.SetEnumValue(
            message, &field, static_cast<int>(rng_.UniformInt(field.enum_type()->value_count())));
      case FieldDescriptor::CPPTYPE_STRING:
        return add ? reflection.AddString(message, &field, Text())
                   : reflection.SetString(message, &field, Text());
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (depth == 0) return;
        return Fill(add ? reflection.AddMessage(message, &field)
                        : reflection.MutableMessage(message, &field),
                    depth - 1);
      default:
        FAIL() << "no value for " << field.full_name();
    }
  }

  base::Rng rng_;
};

class YamlRoundTripTest : public testing::TestWithParam<std::string> {};

TEST_P(YamlRoundTripTest, ParsingWhatWasWrittenGivesTheMessageBack) {
  const Descriptor* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(GetParam());
  ASSERT_NE(type, nullptr);
  const Message* prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type);
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::unique_ptr<Message> message(prototype->New());
    Filler(seed).Fill(message.get(), 8);
    const std::string yaml = ToYaml(*message);
    const std::unique_ptr<Message> parsed(prototype->New());
    const absl::StatusOr<YamlSource> source = ParseYaml(yaml, "f.yaml", parsed.get());
    ASSERT_TRUE(source.ok()) << source.status() << "\n" << yaml;
    ASSERT_TRUE(MessageDifferencer::Equals(*message, *parsed)) << yaml;
  }
}

std::vector<std::string> MessagesOf(const google::protobuf::FileDescriptor& file) {
  std::vector<std::string> names;
  for (int i = 0; i < file.message_type_count(); ++i) {
    names.push_back(file.message_type(i)->full_name());
  }
  return names;
}

std::string TestName(const testing::TestParamInfo<std::string>& test) {
  return test.param.substr(test.param.rfind('.') + 1);
}

INSTANTIATE_TEST_SUITE_P(Search, YamlRoundTripTest,
                         testing::ValuesIn(MessagesOf(*v1::SearchSpec::descriptor()->file())),
                         TestName);
INSTANTIATE_TEST_SUITE_P(Trial, YamlRoundTripTest,
                         testing::ValuesIn(MessagesOf(*v1::TrialSpec::descriptor()->file())),
                         TestName);
INSTANTIATE_TEST_SUITE_P(Config, YamlRoundTripTest,
                         testing::ValuesIn(MessagesOf(*v1::WorkerConfig::descriptor()->file())),
                         TestName);

// Loads a file of the repository (ctest runs tests in its root).
absl::Status Load(const std::string& path, Message* message) {
  return LoadYamlFile(path, message).status();
}

TEST(ShippedFilesTest, ExamplesAndDeploymentConfigurationsAreValidYaml) {
  v1::SearchSpec spec;
  EXPECT_EQ(Load("deploy/examples/fashion_mnist.yaml", &spec), absl::OkStatus());
  EXPECT_EQ(Load("deploy/examples/smoke.yaml", &spec), absl::OkStatus());
  EXPECT_EQ(Load("deploy/examples/cifar10.yaml", &spec), absl::OkStatus());
  EXPECT_TRUE(spec.recipe().flip());
  EXPECT_EQ(spec.recipe().pad_crop(), 4);
  v1::ControllerConfig controller;
  EXPECT_EQ(Load("deploy/docker/config/controller.yaml", &controller), absl::OkStatus());
  v1::WeightStoreConfig weight_store;
  EXPECT_EQ(Load("deploy/docker/config/weight_store.yaml", &weight_store), absl::OkStatus());
  v1::WorkerConfig worker;
  EXPECT_EQ(Load("deploy/docker/config/worker.yaml", &worker), absl::OkStatus());
}

TEST(SetFieldTest, SetsANestedFieldFromText) {
  v1::WeightStoreConfig config;
  ASSERT_TRUE(SetField("server.listen", "127.0.0.1:0", &config).ok());
  ASSERT_TRUE(SetField("quota_bytes", "1e9", &config).ok());
  EXPECT_EQ(config.server().listen(), "127.0.0.1:0");
  EXPECT_EQ(config.quota_bytes(), 1'000'000'000);
}

TEST(SetFieldTest, NamesTheFieldOfABadValue) {
  v1::WeightStoreConfig config;
  const absl::Status status = SetField("quota_bytes", "much", &config);
  EXPECT_EQ(std::string(status.message()), "quota_bytes: expected a whole number, got \"much\"");
}

TEST(YamlWriterTest, LayersTakeALineEach) {
  const v1::SearchSpec spec = Parse(R"(
space:
  plain:
    start:
      layers:
        - op: input
          attributes: {shape: [1, 28, 28]}
        - op: relu
    filters: [4, 8]
)");
  EXPECT_EQ(ToYaml(spec), R"(space:
  plain:
    start:
      layers:
        - {op: input, attributes: {shape: [1, 28, 28]}}
        - {op: relu}
    filters: [4, 8]
)");
}

}  // namespace
}  // namespace graft::config
