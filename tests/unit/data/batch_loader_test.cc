#include "common/data/batch_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "common/data/split.h"
#include "tests/unit/data/testing.h"

namespace graft::data {
namespace {

constexpr std::int64_t kImages = 20;

class BatchLoaderTest : public ::testing::Test {
 protected:
  BatchLoader Loader(const BatchOptions& options) {
    return BatchLoader(&dataset_.train(), &normalizer_, dataset_.image_shape(), AllIndices(kImages),
                       options);
  }

  // Hands over each batch of an epoch.
  static void Visit(BatchLoader& loader, std::int64_t epoch,
                    const std::function<void(const Batch&)>& visit) {
    BatchBuffer buffer = loader.MakeBuffer();
    ASSERT_TRUE(loader.StartEpoch(epoch).ok());
    while (true) {
      const Batch batch = loader.Next(buffer).value();
      if (batch.count == 0) return;
      visit(batch);
    }
  }

  // First value of each image of an epoch.
  static std::vector<float> Epoch(BatchLoader& loader, std::int64_t epoch) {
    std::vector<float> values;
    Visit(loader, epoch, [&](const Batch& batch) {
      const std::size_t image_size = batch.images.size() / batch.count;
      for (std::int64_t i = 0; i < batch.count; ++i) {
        values.push_back(batch.images[i * image_size]);
      }
    });
    return values;
  }

  const Dataset dataset_ = Dataset::Create(SmallParts(kImages)).value();
  const Normalizer normalizer_{dataset_};
};

TEST_F(BatchLoaderTest, ServesEachImageOnceWithItsLabelAndASmallerLastBatch) {
  BatchLoader loader = Loader({.batch_size = 8});
  std::vector<std::int64_t> counts;
  std::int64_t image = 0;
  Visit(loader, 1, [&](const Batch& batch) {
    counts.push_back(batch.count);
    EXPECT_TRUE(batch.targets.empty());
    for (std::int64_t i = 0; i < batch.count; ++i, ++image) {
      EXPECT_EQ(batch.labels[i], dataset_.train().labels[image]);
      std::vector<float> expected(dataset_.image_size());
      normalizer_.Apply(std::span(dataset_.train().pixels)
                            .subspan(image * dataset_.image_size(), dataset_.image_size()),
                        expected);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(),
                             batch.images.begin() + i * dataset_.image_size()));
    }
  });
  EXPECT_EQ(counts, (std::vector<std::int64_t>{8, 8, 4}));
  EXPECT_EQ(loader.batches_per_epoch(), 3);
  EXPECT_EQ(loader.images_per_epoch(), kImages);
}

TEST_F(BatchLoaderTest, ShuffledEpochIsAPermutationThatDependsOnSeedAndEpochAlone) {
  BatchLoader plain = Loader({.batch_size = 8});
  BatchLoader loader = Loader({.batch_size = 8, .shuffle = true, .seed = 3});
  BatchLoader other = Loader({.batch_size = 8, .shuffle = true, .seed = 4});
  const std::vector<float> first = Epoch(loader, 1);
  const std::vector<float> second = Epoch(loader, 2);
  EXPECT_THAT(first, ::testing::UnorderedElementsAreArray(Epoch(plain, 1)));
  EXPECT_NE(first, Epoch(plain, 1));
  EXPECT_NE(first, second);
  EXPECT_NE(first, Epoch(other, 1));
  EXPECT_EQ(first, Epoch(loader, 1));
}

TEST_F(BatchLoaderTest, AugmentationDependsOnTheImageAndNotOnItsBatch) {
  const AugmentationOptions augmentation{.flip = true, .pad_crop = 1, .cutout = 2};
  const RandAugmentOptions rand_augment{.operations = 2};
  const auto serve = [&](std::vector<std::int64_t> order, std::int64_t batch_size) {
    BatchLoader loader(&dataset_.train(), &normalizer_, dataset_.image_shape(), order,
                       {.batch_size = batch_size,
                        .seed = 3,
                        .rand_augment = rand_augment,
                        .augmentation = augmentation});
    std::map<std::int64_t, std::vector<float>> images;
    std::size_t next = 0;
    Visit(loader, 2, [&](const Batch& batch) {
      for (std::int64_t i = 0; i < batch.count; ++i) {
        const auto values = batch.images.subspan(i * dataset_.image_size(), dataset_.image_size());
        images[order[next++]] = {values.begin(), values.end()};
      }
    });
    return images;
  };
  std::vector<std::int64_t> order = AllIndices(kImages);
  const auto images = serve(order, 8);
  std::ranges::reverse(order);
  EXPECT_EQ(serve(order, 3), images);

  const RandAugment first(dataset_.image_shape(), rand_augment, 3);
  const Augmenter augmenter(dataset_.image_shape(), augmentation, 3);
  int changed = 0;
  for (const auto& [index, served] : images) {
    const auto source = std::span(dataset_.train().pixels)
                            .subspan(index * dataset_.image_size(), dataset_.image_size());
    std::vector<std::uint8_t> pixels(source.begin(), source.end());
    std::vector<std::uint8_t> scratch(pixels.size());
    first.Apply(first.StepsOf(2, index), pixels, scratch);
    std::vector<float> plain(dataset_.image_size());
    normalizer_.Apply(pixels, plain);
    std::vector<float> expected(plain.size());
    augmenter.Apply(augmenter.PlacementOf(2, index), plain, expected);
    EXPECT_EQ(served, expected) << index;
    if (served != plain) ++changed;
  }
  EXPECT_GT(changed, kImages / 2);
}

TEST_F(BatchLoaderTest, MixesEachBatchWithItself) {
  const BatchOptions plain_options{.batch_size = 8, .shuffle = true, .seed = 3};
  BatchOptions mixed_options = plain_options;
  mixed_options.mixing = {.mixup_alpha = 1, .cutmix_alpha = 1};
  mixed_options.targets = {.class_count = 3, .label_smoothing = 0.3};
  const Mixer mixer(dataset_.image_shape(), mixed_options.mixing, mixed_options.targets, 3);
  BatchLoader plain = Loader(plain_options);
  BatchLoader mixed = Loader(mixed_options);
  BatchBuffer buffer = plain.MakeBuffer();
  ASSERT_TRUE(plain.StartEpoch(2).ok());
  std::int64_t number = 0;
  Visit(mixed, 2, [&](const Batch& batch) {
    const Batch before = plain.Next(buffer).value();
    ASSERT_EQ(batch.count, before.count);
    EXPECT_TRUE(std::ranges::equal(batch.labels, before.labels));
    const Mix mix = mixer.MixOf(2, number++, batch.count);
    std::vector<float> images(before.images.size());
    mixer.MixImages(mix, before.images, images);
    EXPECT_TRUE(std::ranges::equal(batch.images, images));
    std::vector<float> targets(batch.count * 3);
    mixer.MixTargets(mix, before.labels, targets);
    EXPECT_TRUE(std::ranges::equal(batch.targets, targets));
  });
  EXPECT_EQ(number, 3);
}

TEST_F(BatchLoaderTest, LastBatchBelowTheSmallestIsLeftOut) {
  BatchLoader loader = Loader({.batch_size = 19, .smallest_batch = 2});
  EXPECT_EQ(loader.images_per_epoch(), 19);
  EXPECT_EQ(loader.batches_per_epoch(), 1);
  EXPECT_EQ(Epoch(loader, 1).size(), 19U);
}

TEST_F(BatchLoaderTest, HasNothingBeforeTheFirstEpoch) {
  BatchLoader loader = Loader({});
  BatchBuffer buffer = loader.MakeBuffer();
  EXPECT_EQ(loader.Next(buffer).value().count, 0);
}

TEST(NormalizerTest, BringsEachChannelToZeroMeanAndUnitVariance) {
  const Dataset dataset = Dataset::Create(SmallParts(200)).value();
  const Normalizer normalizer(dataset);
  const std::int64_t channel_size = dataset.image_size() / 2;
  std::vector<double> sums(2);
  std::vector<double> squares(2);
  std::vector<float> image(dataset.image_size());
  for (std::int64_t i = 0; i < 200; ++i) {
    normalizer.Apply(std::span(dataset.train().pixels).subspan(i * image.size(), image.size()),
                     image);
    for (std::size_t j = 0; j < image.size(); ++j) {
      sums[j / channel_size] += image[j];
      squares[j / channel_size] += image[j] * image[j];
    }
  }
  for (int channel = 0; channel < 2; ++channel) {
    EXPECT_NEAR(sums[channel] / (200 * channel_size), 0, 1e-5);
    EXPECT_NEAR(squares[channel] / (200 * channel_size), 1, 1e-5);
  }
}

TEST(NormalizerTest, StatisticsAreOfTrainingImagesInTheScaleFromZeroToOne) {
  const Dataset dataset = Dataset::Create({.image_shape = {1, 1, 2},
                                           .class_names = {"a"},
                                           .train = {{0, 255, 0, 255}, {0, 0}},
                                           .test = {{9, 9}, {0}}})
                              .value();
  const Normalizer normalizer(dataset);
  EXPECT_DOUBLE_EQ(normalizer.mean(0), 0.5);
  EXPECT_DOUBLE_EQ(normalizer.stddev(0), 0.5);
}

TEST(NormalizerTest, ConstantChannelBecomesZero) {
  const Dataset dataset = Dataset::Create({.image_shape = {1, 1, 2},
                                           .class_names = {"a"},
                                           .train = {{9, 9}, {0}},
                                           .test = {{9, 9}, {0}}})
                              .value();
  std::vector<float> image(2);
  Normalizer(dataset).Apply(dataset.train().pixels, image);
  EXPECT_THAT(image, ::testing::Each(0.0F));
}

}  // namespace
}  // namespace graft::data
