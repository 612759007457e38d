// Predictions for images in files, by a network that tells bright images from dark ones.
#include "services/worker/trainer/prediction_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>

#include "common/arch/expand.h"
#include "common/base/file.h"
#include "common/blob/disk_blob_store.h"
#include "common/data/dataset_format.h"
#include "common/data/image_decoder.h"
#include "common/engine/reference/reference_backend.h"
#include "common/weights/weights.h"
#include "common/wire/architecture_wire.h"

namespace graft::worker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// The size of tests/golden/data/grey.png and colour.png.
constexpr std::int64_t kHeight = 5;
constexpr std::int64_t kWidth = 7;

std::string Golden(const std::string& name) {
  return std::string(std::getenv("GRAFT_SOURCE_DIR")) + "/tests/golden/data/" + name;
}

// Its mean is 1/2 and its standard deviation, too.
data::Dataset DarkAndBright(std::int64_t height, std::int64_t width) {
  data::ImageSet images{.pixels = std::vector<std::uint8_t>(height * width, 0), .labels = {0, 1}};
  images.pixels.resize(2 * height * width, 255);
  return data::Dataset::Create({.image_shape = {1, height, width},
                                .class_names = {"dark/black", "bright"},
                                .train = images,
                                .test = images})
      .value();
}

class PredictionJobTest : public ::testing::Test {
 protected:
  void SetUp() override { Prepare(kHeight, kWidth); }

  // A network and a data set of images of this size.
  void Prepare(std::int64_t height, std::int64_t width) {
    const arch::Architecture architecture =
        arch::Expand({{.id = "pool", .op = "global_average_pool"},
                      {.id = "fc",
                       .op = "linear",
                       .attributes = {{"units", std::int64_t{2}}, {"bias", false}}}},
                     {}, {.input_shape = {1, height, width}})
            .value();
    tensor::NamedTensors tensors;
    tensors.Set(architecture.TensorName(architecture.parameters()[0]),
                tensor::Tensor::FromFloats({2, 1}, std::vector<float>{-1, 1}));
    job_.set_weights_path(folder_.Join("weights"));
    const auto store = blob::DiskBlobStore::Open({.directory = job_.weights_path()}).value();
    job_.set_weights(weights::SaveWeights(tensors, store.get())->ToString());
    *job_.mutable_architecture() = wire::ToProto(architecture);
    job_.set_dataset_path(folder_.Join("dataset"));
    ASSERT_TRUE(base::WriteFileDurably(job_.dataset_path(),
                                       data::EncodeDataset(DarkAndBright(height, width)))
                    .ok());
  }

  // Copies a golden image to a path below the test's folder.
  std::string Place(const std::string& golden, const std::string& path) {
    const std::filesystem::path target = folder_.Join(path);
    std::filesystem::create_directories(target.parent_path());
    std::filesystem::copy_file(Golden(golden), target);
    return target;
  }

  absl::StatusOr<v1::PredictionReport> Run() { return RunPredictionJob(backend_, job_); }

  engine::reference::ReferenceBackend backend_;
  const base::TempDir folder_ = base::TempDir::Create().value();
  v1::PredictionJob job_;
};

TEST_F(PredictionJobTest, ProbabilityFollowsFromThePixelsByHand) {
  job_.add_images(Place("grey.png", "image.png"));
  const auto report = Run();
  ASSERT_TRUE(report.ok()) << report.status();
  const data::Image image = data::DecodeImage(base::ReadFile(Golden("grey.png")).value()).value();
  const double mean =
      std::accumulate(image.pixels.begin(), image.pixels.end(), 0.0) / (kHeight * kWidth);
  const double z = (mean / 255 - 0.5) / 0.5;
  const double bright = 1 / (1 + std::exp(-2 * z));
  ASSERT_THAT(report->predictions(), SizeIs(1));
  ASSERT_THAT(report->predictions(0).classes(), SizeIs(2));
  for (const v1::ClassProbability& told : report->predictions(0).classes()) {
    EXPECT_NEAR(told.probability(), told.name() == "bright" ? bright : 1 - bright, 1e-6);
  }
  EXPECT_GE(report->predictions(0).classes(0).probability(), 0.5) << "best first";
  EXPECT_FALSE(report->has_accuracy()) << "nothing says what it is";
}

TEST_F(PredictionJobTest, FoldersNamedAfterClassesJudge) {
  const std::string images = folder_.Join("images");
  Place("grey.png", "images/bright/a.png");
  Place("grey.png", "images/dark_black/b.png");
  Place("grey.png", "images/unknown/c.png");
  job_.add_images(images);
  job_.set_top(1);
  const auto report = Run();
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_THAT(report->predictions(), SizeIs(3));
  EXPECT_EQ(report->predictions(0).expected(), "bright");
  EXPECT_EQ(report->predictions(1).expected(), "dark/black");
  EXPECT_EQ(report->predictions(2).expected(), "");
  EXPECT_THAT(report->predictions(0).classes(), SizeIs(1));
  EXPECT_EQ(report->judged(), 2);
  EXPECT_EQ(report->correct(), 1) << "equal images are of one class";
  EXPECT_DOUBLE_EQ(report->accuracy(), 0.5);
}

TEST_F(PredictionJobTest, ColoursAreBroughtToTheDataSets) {
  job_.add_images(Place("colour.png", "colour.png"));
  EXPECT_TRUE(Run().ok()) << Run().status();
}

TEST_F(PredictionJobTest, OtherSizesAreRefusedUnlessTheyAreResized) {
  Prepare(3, 3);
  job_.add_images(Place("grey.png", "large.png"));
  const absl::Status refused = Run().status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), AllOf(HasSubstr("large.png (image 1 of 1): is 5x7"),
                                                    HasSubstr("sees 3x3"), HasSubstr("--resize")));
  job_.set_resize(true);
  EXPECT_TRUE(Run().ok()) << Run().status();
}

TEST_F(PredictionJobTest, WhatCannotBeShownIsNamedWithWhatWasExpected) {
  const auto message = [&] {
    const absl::Status status = Run().status();
    EXPECT_FALSE(status.ok());
    return std::string(status.message());
  };
  EXPECT_THAT(message(), HasSubstr("expected images"));
  job_.add_images(folder_.Join("nothing.png"));
  EXPECT_THAT(message(), HasSubstr(folder_.Join("nothing.png")));
  job_.set_images(0, Place("half_label.mat", "no-image.png"));
  EXPECT_THAT(message(), AllOf(HasSubstr("no-image.png"), HasSubstr("expected a PNG or JPEG")));
  job_.set_images(0, Place("grey.png", "image.png"));
  job_.set_top(3);
  EXPECT_THAT(message(), HasSubstr("--top 3, expected 1 to 2"));
}

}  // namespace
}  // namespace graft::worker
