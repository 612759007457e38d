// A tiny task that a tiny network learns within a few steps.
#ifndef GRAFT_TESTS_UNIT_RUNNER_TESTING_H_
#define GRAFT_TESTS_UNIT_RUNNER_TESTING_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/arch/architecture.h"
#include "common/arch/expand.h"
#include "common/base/rng.h"
#include "common/data/dataset.h"
#include "common/data/dataset_format.h"
#include "common/digest/blob_digest.h"
#include "common/transform/transformation.h"
#include "common/trial/trial_spec.h"

namespace graft::runner {

inline constexpr std::int64_t kEdge = 8;

// Noisy images [1, 8, 8]: class 0 is bright above, 1 below, 2 to the left.
inline data::ImageSet TinyImages(std::int64_t count, std::uint64_t seed) {
  base::Rng rng(seed);
  data::ImageSet images;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::uint8_t>(i % 3);
    for (std::int64_t y = 0; y < kEdge; ++y) {
      for (std::int64_t x = 0; x < kEdge; ++x) {
        const bool bright = label == 0 ? y < kEdge / 2 : label == 1 ? y >= kEdge / 2 : x < 3;
        const auto noise = static_cast<std::int64_t>(rng.UniformInt(120));
        images.pixels.push_back(static_cast<std::uint8_t>((bright ? 130 : 0) + noise));
      }
    }
    images.labels.push_back(label);
  }
  return images;
}

inline data::Dataset TinyDataset() {
  return data::Dataset::Create({.image_shape = {1, kEdge, kEdge},
                                .class_names = {"above", "below", "left"},
                                .train = TinyImages(120, 1),
                                .test = TinyImages(30, 2)})
      .value();
}

// conv4-bn-relu, pool, conv4-bn-relu, flatten, hidden linear 6-bn-relu, 3 classes.
inline arch::Architecture TinyArchitecture(std::int64_t classes = 3, std::int64_t edge = kEdge) {
  const auto number = [](std::int64_t value) { return arch::AttributeValue(value); };
  return arch::Expand(
             {{.id = "conv1",
               .op = "convolution",
               .attributes = {{"filters", number(4)}, {"kernel", number(3)}, {"bias", false}}},
              {.id = "bn1", .op = "batch_norm"},
              {.id = "relu1", .op = "relu"},
              {.id = "pool1",
               .op = "max_pool",
               .attributes = {{"kernel", number(2)}, {"strides", number(2)}}},
              {.id = "conv2",
               .op = "convolution",
               .attributes = {{"filters", number(4)}, {"kernel", number(3)}, {"bias", false}}},
              {.id = "bn2", .op = "batch_norm"},
              {.id = "relu2", .op = "relu"},
              {.id = "flat", .op = "flatten"},
              {.id = "fc1", .op = "linear", .attributes = {{"units", number(6)}, {"bias", false}}},
              {.id = "bn3", .op = "batch_norm"},
              {.id = "relu3", .op = "relu"},
              {.id = "fc2", .op = "linear", .attributes = {{"units", number(classes)}}}},
             {}, {.input_shape = {1, edge, edge}})
      .value();
}

inline trial::ImageClassification& TaskOf(trial::TrialSpec& spec) {
  return std::get<trial::ImageClassification>(spec.task);
}

// Trains TinyArchitecture from scratch on TinyDataset.
inline trial::TrialSpec TinyInitSpec(std::int64_t epochs = 2) {
  return {.architecture = TinyArchitecture(),
          .origin = trial::Init{.seed = 11},
          .task =
              trial::ImageClassification{
                  .dataset = "tiny",
                  .dataset_digest =
                      digest::BlobDigest::Of(data::EncodeDataset(TinyDataset())).ToString(),
                  .train_images = 72,
                  .validation_images = 30,
                  .split_seed = 3},
          .recipe = {.epochs = epochs,
                     .batch_size = 16,
                     .optimizer = recipe::SgdOptions{.learning_rate = 0.05},
                     .seed = 5}};
}

inline transform::Edit Widen(const std::string& layer, std::int64_t width) {
  return {.transformation = "widen_layer", .attributes = {{"layer", layer}, {"width", width}}};
}

inline transform::Edit Deepen(const std::string& after, std::int64_t kernel = 0) {
  transform::Edit edit{.transformation = "deepen_layer", .attributes = {{"after", after}}};
  if (kernel != 0) edit.attributes["kernel"] = kernel;
  return edit;
}

// Grows TinyArchitecture by `edits`. The weights' digest is not looked at by the runner.
inline trial::TrialSpec TinyDeriveSpec(std::vector<transform::Edit> edits, std::int64_t epochs = 2,
                                       const std::string& weights = std::string(64, 'a') + "/1") {
  trial::TrialSpec spec = TinyInitSpec(epochs);
  trial::Derive derive{
      .inputs = {{.role = trial::kParentRole,
                  .network = {.architecture = TinyArchitecture(),
                              .weights = digest::WeightsDigest::Parse(weights).value()}}},
      .edits = std::move(edits)};
  derive.edit_seed = trial::DefaultEditSeed(derive.inputs, derive.edits);
  spec.architecture =
      transform::ApplyAll(TinyArchitecture(), derive.edits, derive.edit_seed).value();
  spec.origin = std::move(derive);
  return spec;
}

}  // namespace graft::runner

#endif  // GRAFT_TESTS_UNIT_RUNNER_TESTING_H_
