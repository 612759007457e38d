#include "common/wire/architecture_wire.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "common/base/field_error.h"
#include "common/wire/attributes_wire.h"
#include "tests/property/random_architecture.h"

namespace graft::wire {
namespace {

using ::testing::HasSubstr;
using Ints = std::vector<std::int64_t>;

const arch::ExpandOptions kOptions = {.input_shape = {1, 8, 8}};

v1::Architecture ParseJson(const std::string& json) {
  v1::Architecture proto;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &proto);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return proto;
}

// Layers 0 to 3.
v1::Architecture ShortForm() {
  return ParseJson(R"({"layers": [
      {"op": "convolution", "attributes": {"filters": 4, "kernel": [3, 5], "bias": true}},
      {"op": "dropout", "attributes": {"rate": 0.25}},
      {"id": "pool", "op": "global_average_pool"},
      {"id": "fc", "op": "linear", "attributes": {"units": 3}, "operands": ["pool"]}]})");
}

std::string BadField(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  const auto violations = base::FieldViolations(status);
  EXPECT_EQ(violations.size(), 1u) << status;
  return violations.empty() ? "" : violations[0].field;
}

TEST(ArchitectureWireTest, RandomArchitecturesSurviveTheTripThroughBytes) {
  base::Rng rng(3);
  for (int i = 0; i < 50; ++i) {
    const arch::Architecture architecture = graft::testing::RandomArchitecture(rng);
    v1::Architecture proto;
    ASSERT_TRUE(proto.ParseFromString(ToProto(architecture).SerializeAsString()));
    const auto back = FromProto(proto);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->fingerprint(), architecture.fingerprint());
    for (std::size_t n = 0; n < architecture.nodes().size(); ++n) {
      EXPECT_EQ(back->nodes()[n].id, architecture.nodes()[n].id);
      EXPECT_EQ(back->nodes()[n].attributes, architecture.nodes()[n].attributes);
    }
  }
}

TEST(ArchitectureWireTest, RandomArchitecturesSurviveTheTripThroughJson) {
  base::Rng rng(4);
  for (int i = 0; i < 20; ++i) {
    const arch::Architecture architecture = graft::testing::RandomArchitecture(rng);
    std::string json;
    ASSERT_TRUE(google::protobuf::util::MessageToJsonString(ToProto(architecture), &json).ok());
    const auto back = FromProto(ParseJson(json));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->fingerprint(), architecture.fingerprint());
  }
}

TEST(ArchitectureWireTest, ShortFormIsExpanded) {
  const auto architecture = ExpandFromProto(ShortForm(), kOptions);
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  EXPECT_EQ(architecture->cost().parameters, 4 * 15 + 4 + 3 * 4 + 3);
  EXPECT_EQ(Summary(*architecture), "C4k3x5-GAP-F3");
}

TEST(ArchitectureWireTest, ExpandLeavesTheFullFormAsItIs) {
  const auto architecture = ExpandFromProto(ShortForm(), kOptions);
  ASSERT_TRUE(architecture.ok()) << architecture.status();
  const auto again = ExpandFromProto(ToProto(*architecture), {});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->fingerprint(), architecture->fingerprint());
}

struct BadMessage {
  std::string name;
  std::function<void(v1::Architecture&)> spoil;
  std::string field;
};

class BadMessageTest : public ::testing::TestWithParam<BadMessage> {};

TEST_P(BadMessageTest, IsRejectedWithItsField) {
  v1::Architecture proto = ShortForm();
  GetParam().spoil(proto);
  EXPECT_EQ(BadField(ExpandFromProto(proto, kOptions).status()), GetParam().field);
}

google::protobuf::Value& Attribute(v1::Architecture& proto, int layer, const std::string& name) {
  return (*proto.mutable_layers(layer)->mutable_attributes()->mutable_fields())[name];
}

const std::string kLong(129, 'a');

INSTANTIATE_TEST_SUITE_P(
    Messages, BadMessageTest,
    ::testing::Values(
        BadMessage{"LongId", [](auto& p) { p.mutable_layers(2)->set_id(kLong); }, "layers[2].id"},
        BadMessage{"LongOperator", [](auto& p) { p.mutable_layers(2)->set_op(kLong); },
                   "layers[2].op"},
        BadMessage{"LongOperand", [](auto& p) { p.mutable_layers(3)->set_operands(0, kLong); },
                   "layers[3].operands[0]"},
        BadMessage{"TooManyOperands",
                   [](auto& p) {
                     for (int i = 0; i <= arch::kMaxOperands; ++i) {
                       p.mutable_layers(3)->add_operands("pool");
                     }
                   },
                   "layers[3].operands"},
        BadMessage{"TooManyAttributes",
                   [](auto& p) {
                     for (int i = 0; i <= kMaxAttributes; ++i) {
                       Attribute(p, 1, "a" + std::to_string(i)).set_bool_value(true);
                     }
                   },
                   "layers[1].attributes"},
        BadMessage{"LongString", [](auto& p) { Attribute(p, 1, "rate").set_string_value(kLong); },
                   "layers[1].attributes.rate"},
        BadMessage{"LongList",
                   [](auto& p) {
                     auto& list = *Attribute(p, 0, "kernel").mutable_list_value();
                     for (std::size_t i = 0; i <= arch::kMaxListLength; ++i) {
                       list.add_values()->set_number_value(1);
                     }
                   },
                   "layers[0].attributes.kernel"},
        BadMessage{"FractionInAList",
                   [](auto& p) {
                     Attribute(p, 0, "kernel")
                         .mutable_list_value()
                         ->mutable_values(1)
                         ->set_number_value(2.5);
                   },
                   "layers[0].attributes.kernel[1]"},
        BadMessage{"StringInAList",
                   [](auto& p) {
                     Attribute(p, 0, "kernel")
                         .mutable_list_value()
                         ->mutable_values(0)
                         ->set_string_value("3");
                   },
                   "layers[0].attributes.kernel[0]"},
        BadMessage{
            "Null",
            [](auto& p) { Attribute(p, 0, "bias").set_null_value(google::protobuf::NULL_VALUE); },
            "layers[0].attributes.bias"},
        BadMessage{"NestedMessage", [](auto& p) { Attribute(p, 0, "bias").mutable_struct_value(); },
                   "layers[0].attributes.bias"},
        BadMessage{
            "NotANumber",
            [](auto& p) {
              Attribute(p, 1, "rate").set_number_value(std::numeric_limits<double>::quiet_NaN());
            },
            "layers[1].attributes.rate"},
        BadMessage{"KernelOfAnotherType",
                   [](auto& p) { Attribute(p, 0, "kernel").set_bool_value(true); },
                   "layers[0].attributes.kernel"},
        BadMessage{"HugeKernel", [](auto& p) { Attribute(p, 0, "kernel").set_number_value(1e300); },
                   "layers[0].attributes.kernel"},
        BadMessage{"UnknownAttribute",
                   [](auto& p) { Attribute(p, 0, "stride").set_number_value(2); },
                   "layers[0].attributes.stride"},
        BadMessage{"OutputOfNoLayer",
                   [](auto& p) {
                     auto& output = *p.add_outputs();
                     output.set_name("logits");
                     output.set_layer("nothing");
                   },
                   "outputs[0].layer"},
        BadMessage{"LongOutput", [](auto& p) { p.add_outputs()->set_name(kLong); },
                   "outputs[0].name"}),
    [](const auto& test) { return test.param.name; });

TEST(ArchitectureWireTest, TooManyLayersAreRejectedAtOnce) {
  EXPECT_EQ(BadField(FromProto(ShortForm(), arch::Limits{.max_nodes = 3}).status()), "layers");
}

TEST(AttributesWireTest, EveryTypeSurvives) {
  const arch::Attributes attributes = {{"flag", true},
                                       {"count", std::int64_t{-3}},
                                       {"largest", std::int64_t{9007199254740991}},
                                       {"rate", 0.1},
                                       {"label", std::string("conv1")},
                                       {"shape", Ints{3, -2}},
                                       {"scalar", Ints{}}};
  const auto back = FromProto(ToProto(attributes));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, attributes);
}

TEST(EditWireTest, EditsSurvive) {
  for (const transform::Edit& edit :
       {transform::Edit{"widen_layer", {{"layer", std::string("fc")}, {"width", std::int64_t{8}}}},
        transform::Edit{
            "deepen_layer",
            {{"after", std::string("c")}, {"kernel", std::int64_t{3}}, {"noise", true}}}}) {
    v1::Edit proto;
    ASSERT_TRUE(proto.ParseFromString(ToProto(edit).SerializeAsString()));
    const auto back = FromProto(proto);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, edit);
  }
}

TEST(EditWireTest, UnknownTransformationIsNamedWithTheKnownOnes) {
  v1::Edit proto;
  proto.set_transformation("prune");
  const auto edit = FromProto(proto);
  EXPECT_EQ(BadField(edit.status()), "transformation");
  EXPECT_THAT(std::string(edit.status().message()), HasSubstr("widen_layer"));
}

TEST(EditWireTest, BadAttributesAreNamed) {
  v1::Edit proto;
  proto.set_transformation("widen_layer");
  auto& fields = *proto.mutable_attributes()->mutable_fields();
  fields["layer"].set_string_value("fc");
  EXPECT_EQ(BadField(FromProto(proto).status()), "attributes.width");
  fields["width"].set_number_value(2.5);
  EXPECT_EQ(BadField(FromProto(proto).status()), "attributes.width");
}

}  // namespace
}  // namespace graft::wire
