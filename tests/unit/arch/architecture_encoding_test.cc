#include "common/arch/architecture_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "common/arch/expand.h"
#include "common/base/strings.h"
#include "common/digest/sha256.h"

namespace graft::arch {
namespace {

using Ints = std::vector<std::int64_t>;

struct Vector {
  std::string hex;
  std::string sha256;
};

// By name, from the file that tests/golden/architecture_encoding.py wrote.
std::map<std::string, Vector> ReadVectors() {
  std::ifstream file("tests/golden/architecture_encoding.hex");
  EXPECT_TRUE(file.is_open());
  std::map<std::string, Vector> vectors;
  for (std::string name, hex, sha256; file >> name >> hex >> sha256;) vectors[name] = {hex, sha256};
  return vectors;
}

Architecture MustExpand(const std::vector<LayerDef>& layers, std::vector<OutputDef> outputs) {
  auto architecture = Expand(layers, std::move(outputs), {});
  EXPECT_TRUE(architecture.ok()) << architecture.status();
  return *std::move(architecture);
}

Architecture ReluOfInput() {
  return MustExpand({{"a", "input", {{"shape", Ints{5}}}, {}}, {"b", "relu", {}, {}}},
                    {{"y", "b"}});
}

std::vector<LayerDef> ClassifierLayers() {
  return {{"in", "input", {{"shape", Ints{2, 6, 5}}}, {}},
          {"c", "convolution", {{"filters", std::int64_t{2}}, {"kernel", Ints{3, 1}}}, {}},
          {"n", "batch_norm", {}, {}},
          {"s", "add", {}, {"n", "in"}},
          {"p", "max_pool", {{"kernel", Ints{3, 2}}}, {}},
          {"f", "flatten", {}, {}},
          {"d", "dropout", {{"rate", 0.25}}, {}},
          {"fc", "linear", {{"units", std::int64_t{3}}}, {}},
          {"labels",
           "input",
           {{"index", std::int64_t{1}}, {"shape", Ints{}}, {"dtype", std::string("int32")}},
           {}},
          {"loss", "softmax_cross_entropy", {}, {"fc", "labels"}}};
}

Architecture ClassifierWithLoss() {
  return MustExpand(ClassifierLayers(), {{"loss", "loss"}, {"logits", "fc"}});
}

class VectorTest : public testing::TestWithParam<std::pair<std::string, Architecture>> {};

TEST_P(VectorTest, BytesAndFingerprintEqualTheIndependentImplementation) {
  const auto& [name, architecture] = GetParam();
  const auto vectors = ReadVectors();
  ASSERT_TRUE(vectors.contains(name));
  const std::string bytes = EncodeArchitecture(architecture);
  const std::span data(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  EXPECT_EQ(base::HexEncode(data), vectors.at(name).hex);
  EXPECT_EQ(architecture.fingerprint().ToString(), vectors.at(name).sha256);
}

TEST_P(VectorTest, DecodeOfEncodeIsTheIdentity) {
  const Architecture& architecture = GetParam().second;
  const auto decoded = DecodeArchitecture(EncodeArchitecture(architecture));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->fingerprint(), architecture.fingerprint());
  ASSERT_EQ(decoded->nodes().size(), architecture.nodes().size());
  for (std::size_t i = 0; i < decoded->nodes().size(); ++i) {
    EXPECT_EQ(decoded->nodes()[i].op, architecture.nodes()[i].op);
    EXPECT_EQ(decoded->nodes()[i].attributes, architecture.nodes()[i].attributes);
    EXPECT_EQ(decoded->nodes()[i].operands, architecture.nodes()[i].operands);
    EXPECT_EQ(decoded->nodes()[i].type, architecture.nodes()[i].type);
  }
}

TEST_P(VectorTest, EveryTruncationAndEveryAppendedByteIsRejected) {
  const std::string bytes = EncodeArchitecture(GetParam().second);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeArchitecture(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeArchitecture(bytes + '\0').ok());
}

TEST_P(VectorTest, AChangedByteIsRejectedOrChangesTheFingerprint) {
  const Architecture& architecture = GetParam().second;
  const std::string bytes = EncodeArchitecture(architecture);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] ^= 1;
    const auto decoded = DecodeArchitecture(changed);
    if (decoded.ok()) {
      EXPECT_NE(decoded->fingerprint(), architecture.fingerprint()) << "byte " << i;
    } else {
      EXPECT_EQ(decoded.status().code(), absl::StatusCode::kInvalidArgument) << "byte " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Vectors, VectorTest,
                         testing::Values(std::pair<std::string, Architecture>{"relu_of_input",
                                                                              ReluOfInput()},
                                         std::pair<std::string, Architecture>{
                                             "classifier_with_loss", ClassifierWithLoss()}),
                         [](const auto& test) { return test.param.first; });

TEST(FingerprintTest, IdsDoNotMatter) {
  std::vector<LayerDef> layers = ClassifierLayers();
  for (LayerDef& layer : layers) {
    layer.id = "other-" + layer.id;
    for (std::string& operand : layer.operands) operand = "other-" + operand;
  }
  EXPECT_EQ(MustExpand(layers, {{"loss", "other-loss"}, {"logits", "other-fc"}}).fingerprint(),
            ClassifierWithLoss().fingerprint());
}

TEST(FingerprintTest, TheOrderOfLayersDoesNotMatter) {
  const Architecture architecture = ClassifierWithLoss();
  std::vector<LayerDef> layers = architecture.ToLayers();
  // Inputs and parameters have no operands: they may stand in any order before the rest.
  std::stable_partition(layers.begin(), layers.end(),
                        [](const LayerDef& layer) { return layer.op == "parameter"; });
  const auto middle = std::stable_partition(
      layers.begin(), layers.end(), [](const LayerDef& layer) { return layer.operands.empty(); });
  std::reverse(layers.begin(), middle);
  const auto reordered = Architecture::Create(layers, architecture.ToOutputs());
  ASSERT_TRUE(reordered.ok()) << reordered.status();
  EXPECT_NE(reordered->ToLayers().front().id, layers.front().id);
  EXPECT_EQ(reordered->fingerprint(), architecture.fingerprint());
}

TEST(FingerprintTest, SpelledOutDefaultsDoNotMatter) {
  std::vector<LayerDef> layers = ClassifierLayers();
  layers[4].attributes["strides"] = Ints{3, 2};
  layers[4].attributes["padding"] = std::int64_t{0};
  layers[2].attributes["momentum"] = 0.1;
  EXPECT_EQ(MustExpand(layers, {{"loss", "loss"}, {"logits", "fc"}}).fingerprint(),
            ClassifierWithLoss().fingerprint());
}

TEST(FingerprintTest, TheOrderOfOperandsAndOutputsMatters) {
  std::vector<LayerDef> layers = ClassifierLayers();
  std::swap(layers[3].operands[0], layers[3].operands[1]);
  const std::vector<OutputDef> outputs = {{"loss", "loss"}, {"logits", "fc"}};
  EXPECT_NE(MustExpand(layers, outputs).fingerprint(), ClassifierWithLoss().fingerprint());
  EXPECT_NE(MustExpand(ClassifierLayers(), {outputs[1], outputs[0]}).fingerprint(),
            ClassifierWithLoss().fingerprint());
  EXPECT_NE(MustExpand(ClassifierLayers(), {outputs[0], {"scores", "fc"}}).fingerprint(),
            ClassifierWithLoss().fingerprint());
}

TEST(FingerprintTest, SharingAParameterMatters) {
  const auto graph = [](bool shared) {
    std::vector<LayerDef> layers = {
        {"x", "input", {{"shape", Ints{4}}}, {}},
        {"a", "linear", {{"units", std::int64_t{4}}, {"bias", false}}, {}},
        {"b", "linear", {{"units", std::int64_t{4}}, {"bias", false}}, {}}};
    if (shared) layers[2] = {"b", "linear", {}, {"a", "a.weight"}};
    return MustExpand(layers, {{"y", "b"}}).fingerprint();
  };
  EXPECT_NE(graph(true), graph(false));
}

TEST(DecodeArchitectureTest, NodesOutOfCanonicalOrderAreRejected) {
  // Two inputs of one sum, written in the order opposite to that of a depth-first visit.
  const auto encode = [](std::uint64_t first, std::uint64_t second) {
    digest::CanonicalEncoder encoder;
    encoder.String("graft.architecture.v1").List(3);
    for (const std::int64_t index : {0, 1}) {
      encoder.List(3).String("input");
      encoder.List(8).String("batched").Bool(true).String("dtype").String("float32");
      encoder.String("index").I64(index).String("shape").List(1).I64(4);
      encoder.List(0);
    }
    encoder.List(3).String("add").List(0).List(2).U64(first).U64(second);
    encoder.List(1).List(2).String("y").U64(2);
    return *std::move(encoder).Finish();
  };
  EXPECT_TRUE(DecodeArchitecture(encode(0, 1)).ok());
  EXPECT_EQ(DecodeArchitecture(encode(1, 0)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(DecodeArchitectureTest, LimitsAreKept) {
  const std::string bytes = EncodeArchitecture(ClassifierWithLoss());
  EXPECT_FALSE(DecodeArchitecture(bytes, Limits{.max_nodes = 5}).ok());
  EXPECT_FALSE(DecodeArchitecture(bytes, Limits{.max_parameters = 5}).ok());
}

}  // namespace
}  // namespace graft::arch
