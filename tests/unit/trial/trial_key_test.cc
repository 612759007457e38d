#include "common/trial/trial_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "common/digest/sha256.h"
#include "tests/unit/trial/testing.h"

namespace graft::trial {
namespace {

// Printed by tests/golden/trial_vectors.py.
constexpr char kFingerprint[] = "d6ee6e467acf7e35821a7b7772baa82f74326f124a58687fb82f4dabe79a5d4b";
constexpr char kNetwork[] = "e7213d6662ea13adfe22b14d6fc726d8fb5e1f16da8723d9f1c3e1048dba6b1b";
constexpr std::uint64_t kEditSeed = 17988674018181163848U;
constexpr char kInitEncodingSha256[] =
    "9e56640d4e546e615790f51de05c5a8a50ae1b46499cb1297c12d730a73f050b";
constexpr char kInitKey[] = "5bdc8e8198dbc1d0aa9082079baf1caea88e6fc5f0c952ef08a76fc590a2abcd";
constexpr char kDeriveKey[] = "11b589e8a9e8b84e9fbab1d7bb8ba4a92c254da6cadd45710028b77baed8085e";

constexpr char kNumerics[] = "1/reference/threads-1";

std::string Key(const TrialSpec& spec) { return KeyOf(spec, kNumerics).ToString(); }

TEST(TrialKeyTest, EqualsTheIndependentVectors) {
  EXPECT_EQ(SmallArchitecture().fingerprint().ToString(), kFingerprint);
  EXPECT_EQ(digest::Sha256(EncodeTrial(InitSpec())).ToHex(), kInitEncodingSha256);
  EXPECT_EQ(Key(InitSpec()), kInitKey);
  EXPECT_EQ(Key(DeriveSpec()), kDeriveKey);
}

TEST(TrialKeyTest, EditSeedEqualsTheIndependentVector) {
  const auto derive = std::get<Derive>(DeriveSpec().origin);
  EXPECT_EQ(DefaultEditSeed(derive.inputs, derive.edits), kEditSeed);
}

TEST(TrialKeyTest, NetworkDigestEqualsTheIndependentVector) {
  EXPECT_EQ(DigestOf(SmallArchitecture().fingerprint(), SmallWeights()).ToString(), kNetwork);
}

TEST(TrialKeyTest, NumericsClassIsPartOfTheKey) {
  EXPECT_NE(KeyOf(InitSpec(), "a"), KeyOf(InitSpec(), "b"));
}

TEST(TrialKeyTest, NameOfTheDataSetIsNot) {
  TrialSpec spec = InitSpec();
  TaskOf(spec).dataset = "another_name";
  EXPECT_EQ(Key(spec), Key(InitSpec()));
}

TEST(TrialKeyTest, LayerNamesAreNot) {
  TrialSpec spec = InitSpec();
  spec.architecture = SmallArchitecture("other");
  EXPECT_EQ(Key(spec), Key(InitSpec()));
}

// A change of one field, by name.
struct Change {
  std::string name;
  std::function<void(TrialSpec&)> apply;
};

class TrialKeyFieldTest : public ::testing::TestWithParam<Change> {};

TEST_P(TrialKeyFieldTest, ChangesTheKey) {
  TrialSpec spec = DeriveSpec();
  GetParam().apply(spec);
  EXPECT_NE(Key(spec), Key(DeriveSpec()));
}

Derive& DeriveOf(TrialSpec& spec) { return std::get<Derive>(spec.origin); }

INSTANTIATE_TEST_SUITE_P(
    EveryField, TrialKeyFieldTest,
    ::testing::Values(
        Change{"architecture",
               [](TrialSpec& s) { s.architecture = SmallArchitecture("input", 5); }},
        Change{"origin", [](TrialSpec& s) { s.origin = Init{1}; }},
        Change{"parent",
               [](TrialSpec& s) {
                 DeriveOf(s).inputs[0].network.architecture = SmallArchitecture("input", 5);
               }},
        Change{"weights",
               [](TrialSpec& s) { DeriveOf(s).inputs[0].network.weights = SmallWeights("ef"); }},
        Change{"edits", [](TrialSpec& s) { DeriveOf(s).edits.pop_back(); }},
        Change{"edit_order",
               [](TrialSpec& s) { std::swap(DeriveOf(s).edits[0], DeriveOf(s).edits[1]); }},
        Change{"edit_attribute",
               [](TrialSpec& s) { DeriveOf(s).edits[0].attributes["width"] = std::int64_t{9}; }},
        Change{"edit_seed", [](TrialSpec& s) { ++DeriveOf(s).edit_seed; }},
        Change{"dataset_digest",
               [](TrialSpec& s) { TaskOf(s).dataset_digest = std::string(64, 'a') + "/1"; }},
        Change{"train_images", [](TrialSpec& s) { ++TaskOf(s).train_images; }},
        Change{"validation_images", [](TrialSpec& s) { ++TaskOf(s).validation_images; }},
        Change{"split_seed", [](TrialSpec& s) { ++TaskOf(s).split_seed; }},
        Change{"evaluation_split", [](TrialSpec& s) { TaskOf(s).evaluation_split = Split::kTest; }},
        Change{"epochs", [](TrialSpec& s) { ++s.recipe.epochs; }},
        Change{"batch_size", [](TrialSpec& s) { ++s.recipe.batch_size; }},
        Change{"learning_rate", [](TrialSpec& s) { s.recipe.sgd.learning_rate = 0.1; }},
        Change{"momentum", [](TrialSpec& s) { s.recipe.sgd.momentum = 0; }},
        Change{"weight_decay", [](TrialSpec& s) { s.recipe.sgd.weight_decay = 0; }},
        Change{"schedule", [](TrialSpec& s) { s.recipe.schedule = Schedule::kConstant; }},
        Change{"seed", [](TrialSpec& s) { ++s.recipe.seed; }},
        Change{"threads", [](TrialSpec& s) { ++s.recipe.threads; }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace graft::trial
