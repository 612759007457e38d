// Images a second that one thread prepares for training, by what the recipe wants.
//
//   data_path [seconds per measurement]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "common/base/rng.h"
#include "common/data/batch_loader.h"
#include "common/data/split.h"

namespace graft::data {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kImages = 2000;
constexpr std::int64_t kClasses = 10;

Dataset RandomDataset(const tensor::Shape& shape) {
  base::Rng rng(1);
  ImageSet images;
  for (std::int64_t i = 0; i < kImages; ++i) {
    for (std::int64_t j = 0; j < shape.ElementCount(); ++j) {
      images.pixels.push_back(static_cast<std::uint8_t>(rng.NextU32()));
    }
    images.labels.push_back(static_cast<std::uint8_t>(i % kClasses));
  }
  return Dataset::Create({.image_shape = shape,
                          .class_names = std::vector<std::string>(kClasses, "class"),
                          .train = images,
                          .test = images})
      .value();
}

double ImagesPerSecond(const Dataset& dataset, const Normalizer& normalizer,
                       const BatchOptions& options, double seconds) {
  BatchLoader loader(&dataset.train(), &normalizer, dataset.image_shape(), AllIndices(kImages),
                     options);
  BatchBuffer buffer = loader.MakeBuffer();
  double images = 0;
  double passed = 0;
  const Clock::time_point start = Clock::now();
  for (std::int64_t epoch = 1; passed < seconds; ++epoch) {
    if (!loader.StartEpoch(epoch).ok()) std::abort();
    while (loader.Next(buffer)->count > 0) continue;
    images += kImages;
    passed = std::chrono::duration<double>(Clock::now() - start).count();
  }
  return images / passed;
}

void Report(const tensor::Shape& shape, double seconds) {
  const Dataset dataset = RandomDataset(shape);
  const Normalizer normalizer(dataset);
  std::vector<std::pair<std::string, BatchOptions>> rows(7);
  rows[0].first = "normalisation alone";
  rows[1].first = "flip, pad-crop 4";
  rows[1].second.augmentation = {.flip = true, .pad_crop = 4};
  rows[2].first = "cutout 8";
  rows[2].second.augmentation = {.cutout = 8};
  rows[3].first = "RandAugment, 2 operations";
  rows[3].second.rand_augment = {.operations = 2};
  rows[4].first = "mixup";
  rows[4].second.mixing = {.mixup_alpha = 0.2};
  rows[5].first = "CutMix";
  rows[5].second.mixing = {.cutmix_alpha = 1};
  rows[6].first = "all of them";
  rows[6].second = {.rand_augment = {.operations = 2},
                    .augmentation = {.flip = true, .pad_crop = 4, .cutout = 8},
                    .mixing = {.mixup_alpha = 0.2, .cutmix_alpha = 1}};
  for (auto& [name, options] : rows) {
    options.shuffle = true;
    options.targets.class_count = kClasses;
    std::printf("%-10s %-26s %10.0f\n", shape.ToString().c_str(), name.c_str(),
                ImagesPerSecond(dataset, normalizer, options, seconds));
  }
}

}  // namespace
}  // namespace graft::data

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  graft::data::Report({1, 28, 28}, seconds);
  graft::data::Report({3, 32, 32}, seconds);
}
