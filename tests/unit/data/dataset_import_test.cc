#include "common/data/dataset_import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/data/golden_files.h"

namespace graft::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

struct Detection {
  DatasetFormat format;
  std::vector<std::string> files;
};

class DetectionTest : public ::testing::TestWithParam<Detection> {};

TEST_P(DetectionTest, TellsTheFormatByOneOfItsFiles) {
  for (const std::string& file : GetParam().files) {
    FileTree tree;
    tree.Write(file, "x");
    tree.Write("LICENSE", "x");
    EXPECT_EQ(DetectDatasetFormat(tree.path()).value(), GetParam().format) << file;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Formats, DetectionTest,
    ::testing::Values(Detection{DatasetFormat::kIdx,
                                {"train-images-idx3-ubyte", "t10k-labels-idx1-ubyte.gz"}},
                      Detection{DatasetFormat::kCifar10, {"data_batch_1.bin", "test_batch.bin"}},
                      Detection{DatasetFormat::kSvhn, {"train_32x32.mat", "test_32x32.mat"}},
                      Detection{DatasetFormat::kImageFolder, {"train/a/1.png", "a/1.png"}}),
    [](const auto& info) {
      std::string name(NameOf(info.param.format));
      return name.substr(0, name.find('-'));
    });

TEST(DatasetImportTest, FilesOfAFormatCountMoreThanFolders) {
  FileTree tree;
  tree.Write("test_batch.bin", "x");
  tree.Write("old/a.png", "x");
  EXPECT_EQ(DetectDatasetFormat(tree.path()).value(), DatasetFormat::kCifar10);
}

TEST(DatasetImportTest, UnknownFolderTellsWhatIsExpectedAndFound) {
  FileTree tree;
  EXPECT_THAT(ErrorOf(DetectDatasetFormat(tree.path()).status()), HasSubstr("\nfound nothing"));
  for (int i = 10; i < 20; ++i) tree.Write(absl::StrCat("file", i), "x");
  tree.Write("data_batch_1", "the version for Python");
  EXPECT_EQ(
      ErrorOf(DetectDatasetFormat(tree.path()).status()),
      tree.path() +
          ": expected one of\n"
          "  idx: {train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte, each also "
          "with .gz\n"
          "  cifar10: data_batch_1.bin to data_batch_5.bin, test_batch.bin and batches.meta.txt "
          "(the binary version)\n"
          "  svhn: train_32x32.mat and test_32x32.mat (the cropped digits)\n"
          "  image-folder: train/CLASS/ and test/CLASS/, or CLASS/ with --test-fraction, of PNG or "
          "JPEG files\n"
          "found data_batch_1, file10, file11, file12, file13, file14, file15, file16 and 3 more");
}

TEST(DatasetImportTest, FilesOfTwoFormatsAreRefusedUnlessOneIsChosen) {
  FileTree tree;
  tree.Write("train_32x32.mat", GoldenFile("train_32x32.mat"));
  tree.Write("test_32x32.mat", GoldenFile("test_32x32.mat"));
  tree.Write("test_batch.bin", "x");
  EXPECT_EQ(ErrorOf(ImportDataset(tree.path()).status()),
            tree.path() +
                ": expected the files of one format, found those of cifar10 and svhn: choose one "
                "with --format");
  EXPECT_EQ(ImportDataset(tree.path(), {.format = DatasetFormat::kSvhn})->train().count(), 12);
}

TEST(DatasetImportTest, MissingFolderIsNotFound) {
  FileTree tree;
  const absl::Status status = ImportDataset(tree.Join("missing")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr(tree.Join("missing")));
}

TEST(DatasetImportTest, ImageOptionsReachTheReaderOfImageFolders) {
  FileTree tree;
  for (const char* name : {"a/1.png", "a/2.png"}) tree.Write(name, GoldenFile("colour.png"));
  const Dataset dataset =
      ImportDataset(tree.path(), {.images = {.resize = ImageSize{.height = 2, .width = 3},
                                             .colours = ImageColours::kGrey,
                                             .test_fraction = 0.5}})
          .value();
  EXPECT_EQ(dataset.image_shape(), tensor::Shape({1, 2, 3}));
  EXPECT_THAT(dataset.class_names(), ElementsAre("a"));
}

TEST(DatasetImportTest, ImageOptionsForOtherFormatsAreRefused) {
  FileTree tree;
  tree.Write("test_batch.bin", "x");
  for (const ImageFolderOptions& images :
       {ImageFolderOptions{.resize = ImageSize{.height = 2, .width = 3}},
        ImageFolderOptions{.colours = ImageColours::kGrey},
        ImageFolderOptions{.test_fraction = 0.5}}) {
    EXPECT_THAT(ErrorOf(ImportDataset(tree.path(), {.images = images}).status()),
                AllOf(HasSubstr("are for the format image-folder, found cifar10")));
  }
}

}  // namespace
}  // namespace graft::data
