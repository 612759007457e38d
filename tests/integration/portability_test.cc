// A network leaves one cluster and enters another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/file.h"
#include "common/digest/sha256.h"
#include "common/weights/weights.h"
#include "tests/integration/process_cluster.h"
#include "tests/integration/search_file.h"

namespace graft::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Prints a line a tensor: name, dtype, shape, SHA-256 of its bytes. Knows the format from its
// specification alone.
constexpr char kReader[] = R"(
import hashlib, json, struct, sys
data = open(sys.argv[1], 'rb').read()
size, = struct.unpack('<Q', data[:8])
header = json.loads(data[8:8 + size])
for name in sorted(header):
    if name == '__metadata__': continue
    tensor = header[name]
    begin, end = (8 + size + offset for offset in tensor['data_offsets'])
    print(name, tensor['dtype'], tensor['shape'], hashlib.sha256(data[begin:end]).hexdigest())
)";

class PortabilityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasFashionMnist()) GTEST_SKIP() << kNoFashionMnist;
  }

  static std::unique_ptr<ProcessCluster> StartCluster() {
    auto cluster = ProcessCluster::Start({.workers = 1, .slots = 2});
    EXPECT_TRUE(cluster.ok()) << cluster.status();
    const CommandResult added =
        (*cluster)->Graft({"dataset", "add", "fashion_mnist", "/usr/share/datasets/fashion-mnist"});
    EXPECT_EQ(added.exit_code, 0) << added.errors;
    return *std::move(cluster);
  }

  static v1::Search Run(const ProcessCluster& cluster, const std::string& file) {
    const CommandResult submitted = cluster.Graft({"submit", file, "--wait"});
    EXPECT_EQ(submitted.exit_code, 0) << submitted.errors << cluster.Log("controller");
    const auto searches = (*cluster.Connect())->ListSearches({}, 1);
    EXPECT_TRUE(searches.ok() && !searches->empty()) << searches.status();
    return searches->front();
  }

  static std::string Describe(const std::string& name, const tensor::Tensor& tensor) {
    const std::string_view text(tensor.bytes().data(), tensor.bytes().size());
    std::string shape;
    for (const std::int64_t extent : tensor.shape().dims()) {
      absl::StrAppend(&shape, shape.empty() ? "" : ", ", extent);
    }
    return absl::StrCat(name, " F32 [", shape, "] ", digest::Sha256(text).ToHex(), "\n");
  }
};

TEST_F(PortabilityTest, ExportedNetworkIsTheSameOnAnEmptyCluster) {
  const std::unique_ptr<ProcessCluster> home = StartCluster();
  const v1::Search search =
      Run(*home, WriteSearchFile(home->Path(""), {.name = "home", .episodes = 1}));
  const std::string best = search.progress().best_network();
  const std::string folder = home->Path("export");
  ASSERT_EQ(home->Graft({"export", best, folder}).exit_code, 0);

  // An independent reader finds the tensors that the store holds.
  const auto network = (*home->Connect())->GetNetwork(best);
  ASSERT_TRUE(network.ok()) << network.status();
  const auto store = (*home->Connect())->OpenWeightStore();
  ASSERT_TRUE(store.ok()) << store.status();
  const auto tensors =
      weights::LoadWeights(*digest::WeightsDigest::Parse(network->weights()), store->get());
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  std::string expected;
  for (const auto& [name, tensor] : *tensors) expected += Describe(name, tensor);
  const CommandResult read =
      RunCommand({"python3", "-c", kReader, folder + "/weights.safetensors"});
  EXPECT_EQ(read.exit_code, 0) << read.errors;
  EXPECT_EQ(read.output, expected);

  // On another cluster it has the same name, that is the same architecture and weights, and
  // evaluated there, without training, it makes the same loss to the last bit.
  const std::unique_ptr<ProcessCluster> abroad = StartCluster();
  const CommandResult imported =
      abroad->Graft({"import", folder + "/architecture.json", folder + "/weights.safetensors"});
  ASSERT_EQ(imported.exit_code, 0) << imported.errors;
  EXPECT_THAT(imported.output, HasSubstr(best));
  // It says the same of images, to the last bit.
  const std::string images = home->Path("images");
  ASSERT_EQ(
      RunCommand({"python3", SourcePath("tests/integration/fashion_mnist_png.py"), images, "100"})
          .exit_code,
      0);
  const std::vector<std::string> evaluate = {
      "--output", "json", "evaluate", best, images, "--top", "10", "--dataset", "fashion_mnist"};
  const CommandResult seen_at_home = home->Graft(evaluate);
  EXPECT_EQ(seen_at_home.exit_code, 0) << seen_at_home.errors;
  EXPECT_THAT(seen_at_home.output,
              AllOf(HasSubstr("\"judged\": \"100\""), HasSubstr("\"logits\": [")));
  EXPECT_EQ(abroad->Graft(evaluate).output, seen_at_home.output);
  const CommandResult unknown = abroad->Graft({"evaluate", best, images});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_THAT(unknown.errors, HasSubstr("--dataset")) << "nothing here tells what it learned";

  std::string file = WriteSearchFile(abroad->Path(""), {.name = "abroad", .episodes = 1});
  const auto text = base::ReadFile(file);
  ASSERT_TRUE(text.ok());
  ASSERT_TRUE(base::WriteFileDurably(
                  file, absl::StrCat("start_network: ", best, "\n",
                                     absl::StrReplaceAll(*text, {{"start_recipe: {epochs: 1",
                                                                  "start_recipe: {epochs: 0"}})))
                  .ok());
  Run(*abroad, file);
  const auto start = (*abroad->Connect())->GetTrial("searches/1/trials/0");
  ASSERT_TRUE(start.ok()) << start.status();
  EXPECT_EQ(start->parent_network(), best);
  EXPECT_EQ(start->network(), best) << "measured, not trained";
  for (const char* metric : {"accuracy", "loss"}) {
    EXPECT_EQ(start->result().measurement().metrics().at(metric),
              network->measurement().metrics().at(metric))
        << metric;
  }
  const auto children = (*abroad->Connect())->ListTrials("searches/1");
  ASSERT_TRUE(children.ok());
  EXPECT_EQ(children->at(1).parent_network(), best) << "it is what the search grows from";
}

TEST_F(PortabilityTest, ImportNamesTheFirstTensorThatDoesNotFit) {
  const std::unique_ptr<ProcessCluster> home = StartCluster();
  const v1::Search search =
      Run(*home, WriteSearchFile(home->Path(""), {.name = "home", .episodes = 1}));
  const auto trials = (*home->Connect())->ListTrials(search.name());
  ASSERT_TRUE(trials.ok());
  const std::string start = home->Path("start");
  const std::string best = home->Path("best");
  ASSERT_EQ(home->Graft({"export", trials->front().network(), start}).exit_code, 0);
  ASSERT_EQ(home->Graft({"export", search.progress().best_network(), best}).exit_code, 0);
  const CommandResult imported =
      home->Graft({"import", start + "/architecture.json", best + "/weights.safetensors"});
  EXPECT_EQ(imported.exit_code, 1);
  EXPECT_THAT(imported.errors, HasSubstr(best + "/weights.safetensors: tensor 000"));
}

}  // namespace
}  // namespace graft::testing
