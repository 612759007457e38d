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
    "fbaad7188835d6c1c52cb0712a5c83c813db2fa57c21cbb61e67fdb05accfe44";
constexpr char kInitKey[] = "6606457bb9cd5fa457b8d8baaf1b472ec9cdc099b2fa79a4008a7a9f1ac2ee6f";
constexpr char kDeriveKey[] = "ac1a9ca8248a9d571f10968b034d3b84a515b304138a3cf72402d2487ec2bfe8";
constexpr char kBfloat16Key[] = "51c4223024cb06f2c4e506c44110544ad6039bd146e5f7fd7631bddd47a9b63e";

constexpr char kNumerics[] = "1/reference/threads-1";

std::string Key(const TrialSpec& spec) { return KeyOf(spec, kNumerics).ToString(); }

TEST(TrialKeyTest, EqualsTheIndependentVectors) {
  EXPECT_EQ(SmallArchitecture().fingerprint().ToString(), kFingerprint);
  EXPECT_EQ(digest::Sha256(EncodeTrial(InitSpec())).ToHex(), kInitEncodingSha256);
  EXPECT_EQ(Key(InitSpec()), kInitKey);
  EXPECT_EQ(Key(DeriveSpec()), kDeriveKey);
  TrialSpec bfloat16 = InitSpec();
  bfloat16.recipe.precision = recipe::Precision::kBfloat16;
  EXPECT_EQ(Key(bfloat16), kBfloat16Key);
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
        Change{"learning_rate", [](TrialSpec& s) { SgdOf(s).learning_rate = 0.1; }},
        Change{"momentum", [](TrialSpec& s) { SgdOf(s).momentum = 0; }},
        Change{"nesterov", [](TrialSpec& s) { SgdOf(s).nesterov = false; }},
        Change{"weight_decay", [](TrialSpec& s) { SgdOf(s).weight_decay = 0; }},
        Change{"optimizer", [](TrialSpec& s) { s.recipe.optimizer = recipe::LambOptions{}; }},
        Change{
            "weight_decay_mask",
            [](TrialSpec& s) { s.recipe.weight_decay_mask = recipe::WeightDecayMask::kMatrices; }},
        Change{"clip_norm", [](TrialSpec& s) { s.recipe.clip_norm = 1; }},
        Change{"schedule",
               [](TrialSpec& s) { s.recipe.schedule.shape = recipe::ConstantSchedule{}; }},
        Change{"schedule_option",
               [](TrialSpec& s) {
                 s.recipe.schedule.shape = recipe::CosineSchedule{.each_step = true};
               }},
        Change{"warmup", [](TrialSpec& s) { s.recipe.schedule.warmup_epochs = 1; }},
        Change{"ema_decay", [](TrialSpec& s) { s.recipe.ema_decay = 0.9; }},
        Change{"frozen", [](TrialSpec& s) { s.recipe.frozen = {"*.kernel"}; }},
        Change{"seed", [](TrialSpec& s) { ++s.recipe.seed; }},
        Change{"threads", [](TrialSpec& s) { ++s.recipe.threads; }},
        Change{"label_smoothing", [](TrialSpec& s) { s.recipe.label_smoothing = 0.2; }},
        Change{"flip", [](TrialSpec& s) { s.recipe.flip = false; }},
        Change{"pad_crop", [](TrialSpec& s) { ++s.recipe.pad_crop; }},
        Change{"cutout", [](TrialSpec& s) { ++s.recipe.cutout; }},
        Change{"operations", [](TrialSpec& s) { ++s.recipe.rand_augment_operations; }},
        Change{"magnitude", [](TrialSpec& s) { ++s.recipe.rand_augment_magnitude; }},
        Change{"mixup_alpha", [](TrialSpec& s) { s.recipe.mixup_alpha = 0.3; }},
        Change{"cutmix_alpha", [](TrialSpec& s) { s.recipe.cutmix_alpha = 0; }},
        Change{"precision",
               [](TrialSpec& s) { s.recipe.precision = recipe::Precision::kBfloat16; }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace graft::trial
