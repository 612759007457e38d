#include "common/data/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/rng.h"
#include "tests/unit/data/golden_files.h"

namespace graft::data {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

Image RandomImage(std::int64_t channels, std::int64_t height, std::int64_t width) {
  base::Rng rng(7);
  Image image{.shape = {channels, height, width}};
  for (std::int64_t i = 0; i < image.shape.ElementCount(); ++i) {
    image.pixels.push_back(static_cast<std::uint8_t>(rng.NextU32()));
  }
  return image;
}

TEST(ImageTest, SizesEqualThoseComputedWithFractions) {
  const Image& image = ExpectedImages().at("colour.png");
  for (const auto& [height, width] :
       {std::pair{5, 7}, {2, 3}, {1, 1}, {8, 9}, {3, 11}, {10, 2}, {20, 28}}) {
    EXPECT_EQ(Resize(image, height, width),
              ExpectedImages().at(absl::StrCat("colour_", height, "x", width)))
        << height << "x" << width;
  }
}

TEST(ImageTest, ShrinkingAveragesAreas) {
  const Image image{.shape = {1, 2, 4}, .pixels = {0, 10, 20, 31, 40, 50, 60, 70}};
  EXPECT_THAT(Resize(image, 1, 2).pixels, ElementsAre(25, 45));
}

TEST(ImageTest, GrowingInterpolatesBetweenCentres) {
  const Image image{.shape = {1, 1, 2}, .pixels = {0, 100}};
  EXPECT_THAT(Resize(image, 1, 4).pixels, ElementsAre(0, 25, 75, 100));
}

TEST(ImageTest, SameSizeIsTheSameImage) {
  const Image image = RandomImage(3, 9, 13);
  EXPECT_EQ(Resize(image, 9, 13), image);
}

TEST(ImageTest, EvenImagesStayEven) {
  for (const std::uint8_t value : {0, 1, 254, 255}) {
    const Image image{.shape = {1, 17, 23}, .pixels = std::vector<std::uint8_t>(17 * 23, value)};
    EXPECT_THAT(Resize(image, 5, 40).pixels, Each(value));
  }
}

TEST(ImageTest, WideShrinkingKeepsTheMean) {
  const Image image = RandomImage(1, 512, 1024);
  double sum = 0;
  for (const std::uint8_t pixel : image.pixels) sum += pixel;
  EXPECT_NEAR(Resize(image, 1, 1).pixels[0], sum / static_cast<double>(image.pixels.size()), 0.5);
}

TEST(ImageTest, GreyIsLuma) {
  EXPECT_EQ(ToGrey(ExpectedImages().at("colour.png")), ExpectedImages().at("colour_to_grey"));
}

TEST(ImageTest, ColourOfGreyRepeatsItAndGreyOfThatIsTheSame) {
  const Image grey = RandomImage(1, 4, 5);
  const Image colour = ToColour(grey);
  EXPECT_EQ(colour.shape, tensor::Shape({3, 4, 5}));
  EXPECT_EQ(ToGrey(colour), grey);
  EXPECT_EQ(ToGrey(grey), grey);
  EXPECT_EQ(ToColour(colour), colour);
}

}  // namespace
}  // namespace graft::data
