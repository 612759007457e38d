#include "common/data/image_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/data/dataset_format.h"
#include "common/data/image.h"
#include "tests/unit/data/golden_files.h"

namespace graft::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImageFolderTest : public ::testing::Test {
 protected:
  void Put(const std::string& name, const std::string& golden) {
    tree_.Write(name, GoldenFile(golden));
  }

  // Two classes of colour images, [3, 5, 7].
  void PutTwoClasses() {
    Put("train/dog/1.png", "colour.png");
    Put("train/cat/b.png", "palette.png");
    Put("train/cat/a.png", "colour_16_bits.png");
    Put("test/dog/1.png", "colour_alpha.png");
  }

  Dataset Read(const ImageFolderOptions& options = {}) {
    return ReadImageFolder(tree_.path(), options).value();
  }

  std::string ReadError(const ImageFolderOptions& options = {}) {
    const absl::StatusOr<Dataset> dataset = ReadImageFolder(tree_.path(), options);
    EXPECT_EQ(dataset.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(dataset.status().message());
  }

  FileTree tree_;
};

std::vector<std::uint8_t> Pixels(const std::vector<std::string>& names) {
  std::vector<std::uint8_t> pixels;
  for (const std::string& name : names) {
    const Image& image = ExpectedImages().at(name);
    pixels.insert(pixels.end(), image.pixels.begin(), image.pixels.end());
  }
  return pixels;
}

TEST_F(ImageFolderTest, ReadsClassesAndFilesByName) {
  PutTwoClasses();
  const Dataset dataset = Read();
  EXPECT_EQ(dataset.image_shape(), tensor::Shape({3, 5, 7}));
  EXPECT_THAT(dataset.class_names(), ElementsAre("cat", "dog"));
  EXPECT_THAT(dataset.train().labels, ElementsAre(0, 0, 1));
  EXPECT_EQ(dataset.train().pixels, Pixels({"colour_16_bits.png", "palette.png", "colour.png"}));
  EXPECT_THAT(dataset.test().labels, ElementsAre(1));
  EXPECT_EQ(dataset.test().pixels, Pixels({"colour_alpha.png"}));
}

TEST_F(ImageFolderTest, ReadsGreyImages) {
  Put("train/a/1.png", "grey_4_bits.png");
  Put("test/a/1.png", "grey_16_bits.png");
  const Dataset dataset = Read();
  EXPECT_EQ(dataset.image_shape(), tensor::Shape({1, 5, 7}));
  EXPECT_EQ(dataset.train().pixels, Pixels({"grey_4_bits.png"}));
}

TEST_F(ImageFolderTest, OrderOfWritingDoesNotMatter) {
  PutTwoClasses();
  const std::string bytes = EncodeDataset(Read());
  tree_.Remove("train");
  Put("train/cat/a.png", "colour_16_bits.png");
  Put("train/cat/b.png", "palette.png");
  Put("train/dog/1.png", "colour.png");
  EXPECT_EQ(EncodeDataset(Read()), bytes);
}

TEST_F(ImageFolderTest, HiddenFilesAndFilesBesideTheFoldersArePassedOver) {
  PutTwoClasses();
  const Dataset dataset = Read();
  tree_.Write("README.txt", "text");
  tree_.Write("train/labels.csv", "text");
  tree_.Write("train/cat/.DS_Store", "x");
  tree_.Write("train/.cache/x", "x");
  EXPECT_EQ(Read(), dataset);
}

TEST_F(ImageFolderTest, MixedColoursAreRefusedUnlessTheyAreConverted) {
  PutTwoClasses();
  Put("train/dog/2.png", "grey.png");
  EXPECT_EQ(ReadError(), tree_.Join("train/dog/2.png") +
                             " (training image 4 of 4): is grey, but the first image, " +
                             tree_.Join("train/cat/a.png") +
                             ", is colour: expected --grey or --colour, or images of one kind");
  const Dataset colour = Read({.colours = ImageColours::kColour});
  EXPECT_EQ(colour.image_shape(), tensor::Shape({3, 5, 7}));
  EXPECT_EQ(colour.train().pixels[3 * 105], ExpectedImages().at("grey.png").pixels[0]);
  EXPECT_EQ(colour.train().pixels[3 * 105 + 35], ExpectedImages().at("grey.png").pixels[0]);
  const Dataset grey = Read({.colours = ImageColours::kGrey});
  EXPECT_EQ(grey.image_shape(), tensor::Shape({1, 5, 7}));
  EXPECT_EQ(grey.train().pixels[2 * 35], ExpectedImages().at("colour_to_grey").pixels[0]);
}

TEST_F(ImageFolderTest, OtherSizesAreRefusedUnlessTheyAreResized) {
  PutTwoClasses();
  Put("test/dog/2.jpg", "colour.jpg");
  EXPECT_EQ(ReadError(), tree_.Join("test/dog/2.jpg") +
                             " (test image 2 of 2): is 12x20 (height x width), but the first "
                             "image, " +
                             tree_.Join("train/cat/a.png") +
                             ", is 5x7: expected --resize HxW, or images of one size");
  const Dataset resized = Read({.resize = ImageSize{.height = 8, .width = 9}});
  EXPECT_EQ(resized.image_shape(), tensor::Shape({3, 8, 9}));
  const std::vector<std::uint8_t> expected = Pixels({"colour_8x9"});
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(),
                         resized.train().pixels.begin() + 2 * resized.image_size()));
}

TEST_F(ImageFolderTest, UndecodableImageIsNamedWithItsPlace) {
  PutTwoClasses();
  std::string bytes = GoldenFile("colour.png");
  tree_.Write("train/cat/c.png", bytes.substr(0, 100));
  EXPECT_EQ(ReadError(), tree_.Join("train/cat/c.png") +
                             " (training image 3 of 4): damaged PNG, at byte 100 of 100: the file "
                             "ends early");
  tree_.Write("train/cat/c.png", "text");
  EXPECT_THAT(ReadError(), AllOf(HasSubstr("train/cat/c.png (training image 3 of 4)"),
                                 HasSubstr("expected a PNG or JPEG file")));
}

TEST_F(ImageFolderTest, FoldersInsideAClassAreRefused) {
  PutTwoClasses();
  Put("train/cat/more/1.png", "colour.png");
  EXPECT_EQ(ReadError(), tree_.Join("train/cat") +
                             ": expected the images of the class `cat`, found the folder more");
}

TEST_F(ImageFolderTest, EmptyClassesAndNoClassesAreRefused) {
  PutTwoClasses();
  tree_.Remove("train/dog/1.png");
  EXPECT_EQ(ReadError(),
            tree_.Join("train/dog") + ": expected images of the class `dog`, found none");
  tree_.Remove("train/cat");
  tree_.Remove("train/dog");
  EXPECT_EQ(ReadError(),
            tree_.Join("train") + ": a folder for each class: 0 classes, expected 1 to 256");
}

TEST_F(ImageFolderTest, TooManyClassesAreRefusedBeforeImagesAreRead) {
  for (int i = 0; i < 257; ++i) tree_.Write(absl::StrCat("train/", i, "/x"), "no image");
  Put("test/1/x", "colour.png");
  EXPECT_THAT(ReadError(), HasSubstr("a folder for each class: 257 classes, expected 1 to 256"));
}

TEST_F(ImageFolderTest, TestClassThatIsNotTrainedIsRefused) {
  PutTwoClasses();
  Put("test/cow/1.png", "colour.png");
  EXPECT_EQ(ReadError(), tree_.Join("test/cow") + ": expected a class that " + tree_.Join("train") +
                             " has, too");
}

TEST_F(ImageFolderTest, OneOfTrainAndTestAloneIsRefused) {
  PutTwoClasses();
  tree_.Remove("test");
  EXPECT_EQ(ReadError(), tree_.path() + ": expected the folders train and test, found only train");
}

TEST_F(ImageFolderTest, ClassFoldersAreSplitByATestFraction) {
  for (int i = 0; i < 10; ++i) {
    Put(absl::StrCat("a/", i, ".png"), i % 2 == 0 ? "colour.png" : "palette.png");
    if (i < 3) Put(absl::StrCat("b/", i, ".png"), "colour_16_bits.png");
  }
  EXPECT_THAT(ReadError(), HasSubstr("expected the folders train and test, or --test-fraction"));
  const Dataset dataset = Read({.test_fraction = 0.3});
  EXPECT_THAT(dataset.class_names(), ElementsAre("a", "b"));
  EXPECT_THAT(dataset.train().labels, ElementsAre(0, 0, 0, 0, 0, 0, 0, 1, 1));
  EXPECT_THAT(dataset.test().labels, ElementsAre(0, 0, 0, 1));
  EXPECT_EQ(Read({.test_fraction = 0.3}), dataset);
  // At least one image of each class tests, and one trains.
  EXPECT_THAT(Read({.test_fraction = 0.001}).test().labels, ElementsAre(0, 1));
  EXPECT_THAT(Read({.test_fraction = 0.999}).train().labels, ElementsAre(0, 1));
}

TEST_F(ImageFolderTest, TestImagesAreNotTrainedOn) {
  for (const char* bits : {"1", "2", "4", "16"}) {
    Put(absl::StrCat("a/", bits, ".png"), absl::StrCat("grey_", bits, "_bits.png"));
  }
  const Dataset dataset = Read({.test_fraction = 0.5});
  std::set<std::vector<std::uint8_t>> images;
  for (const ImageSet* set : {&dataset.train(), &dataset.test()}) {
    ASSERT_EQ(set->count(), 2);
    for (int i = 0; i < 2; ++i) {
      images.emplace(set->pixels.begin() + i * 35, set->pixels.begin() + (i + 1) * 35);
    }
  }
  EXPECT_EQ(images.size(), 4U);
}

TEST_F(ImageFolderTest, TestFractionsThatCannotBeAreRefused) {
  Put("a/1.png", "colour.png");
  EXPECT_THAT(ReadError({.test_fraction = 0.5}),
              HasSubstr(tree_.Join("a") + ": expected at least two images"));
  for (const double fraction : {0.0, 1.0, -0.5}) {
    EXPECT_THAT(ReadError({.test_fraction = fraction}),
                HasSubstr("expected more than 0 and less than 1"));
  }
  tree_.Remove("a");
  PutTwoClasses();
  EXPECT_THAT(ReadError({.test_fraction = 0.5}),
              HasSubstr("has a folder test, expected no --test-fraction besides"));
}

TEST_F(ImageFolderTest, SizesBeyondTheBoundsAreRefused) {
  PutTwoClasses();
  EXPECT_THAT(ReadError({.resize = ImageSize{.height = 4097, .width = 1}}),
              HasSubstr("--resize 4097x1, expected 1 to 4096 each"));
}

TEST_F(ImageFolderTest, DataSetsBeyondTheMemoryBoundAreRefusedAtTheFirstImage) {
  // 4 training and 90 test images of 4096 x 4096 x 3 bytes are more than 4 GiB.
  PutTwoClasses();
  for (int i = 0; i < 90; ++i) tree_.Write(absl::StrCat("test/cat/", i), "no image");
  EXPECT_THAT(ReadError({.resize = ImageSize{.height = 4096, .width = 4096}}),
              AllOf(HasSubstr("(training image 1 of 3)"),
                    HasSubstr("94 images of shape [3,4096,4096], 50331648 bytes each, expected at "
                              "most 4294967296 bytes in all")));
}

}  // namespace
}  // namespace graft::data
