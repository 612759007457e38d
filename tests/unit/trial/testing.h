// Trials for tests.
#ifndef GRAFT_TESTS_UNIT_TRIAL_TESTING_H_
#define GRAFT_TESTS_UNIT_TRIAL_TESTING_H_

#include <cstdint>
#include <limits>
#include <string>
#include <variant>

#include "common/arch/architecture.h"
#include "common/arch/expand.h"
#include "common/trial/trial_spec.h"

namespace graft::trial {

// A convolution of `filters` 3x3 kernels and a classifier of three classes on images [2, 6, 6].
inline arch::Architecture SmallArchitecture(const std::string& input = "input", int filters = 4) {
  const std::int64_t width = filters;
  return arch::Expand({{.id = input,
                        .op = "input",
                        .attributes = {{"shape", std::vector<std::int64_t>{2, 6, 6}}}},
                       {.id = "conv1",
                        .op = "convolution",
                        .attributes = {{"filters", width}, {"kernel", std::int64_t{3}}}},
                       {.id = "relu1", .op = "relu"},
                       {.id = "pool", .op = "global_average_pool"},
                       {.id = "fc", .op = "linear", .attributes = {{"units", std::int64_t{3}}}}},
                      {}, {})
      .value();
}

// The weights digest whose bytes all are `byte`.
inline digest::WeightsDigest SmallWeights(const std::string& byte = "ab") {
  std::string hex;
  for (int i = 0; i < 32; ++i) hex += byte;
  return digest::WeightsDigest::Parse(hex + "/123").value();
}

inline ImageClassification& TaskOf(TrialSpec& spec) {
  return std::get<ImageClassification>(spec.task);
}

inline recipe::SgdOptions& SgdOf(TrialSpec& spec) {
  return std::get<recipe::SgdOptions>(spec.recipe.optimizer);
}

inline TrialSpec InitSpec() {
  std::string dataset;
  for (int i = 0; i < 32; ++i) dataset += "cd";
  return {.architecture = SmallArchitecture(),
          .origin = Init{.seed = 7},
          .task = ImageClassification{.dataset = "small",
                                      .dataset_digest = dataset + "/4567",
                                      .train_images = 1000,
                                      .validation_images = 200,
                                      .split_seed = 5},
          .recipe = {.epochs = 3, .seed = std::numeric_limits<std::uint64_t>::max()}};
}

// Its architecture is not what the edits arrive at; keys do not look.
inline TrialSpec DeriveSpec() {
  Derive derive{
      .inputs = {{.role = kParentRole,
                  .network = {.architecture = SmallArchitecture(), .weights = SmallWeights()}}},
      .edits = {{.transformation = "widen_layer",
                 .attributes = {{"layer", std::string("conv1")}, {"width", std::int64_t{8}}}},
                {.transformation = "deepen_layer",
                 .attributes = {{"after", std::string("conv1")}, {"kernel", std::int64_t{3}}}}}};
  derive.edit_seed = DefaultEditSeed(derive.inputs, derive.edits);
  TrialSpec spec = InitSpec();
  spec.origin = derive;
  spec.recipe.label_smoothing = 0.1;
  spec.recipe.flip = true;
  spec.recipe.pad_crop = 4;
  spec.recipe.cutout = 8;
  spec.recipe.rand_augment_operations = 2;
  spec.recipe.rand_augment_magnitude = 11;
  spec.recipe.mixup_alpha = 0.2;
  spec.recipe.cutmix_alpha = 1;
  return spec;
}

}  // namespace graft::trial

#endif  // GRAFT_TESTS_UNIT_TRIAL_TESTING_H_
