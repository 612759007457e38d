#include "common/data/image_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/unit/data/golden_files.h"

namespace graft::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string ErrorOf(const std::string& bytes) {
  const absl::StatusOr<Image> image = DecodeImage(bytes);
  EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(image.status().message());
}

class ImageFileTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ImageFileTest, GivesTheExpectedPixels) {
  const absl::StatusOr<Image> image = DecodeImage(GoldenFile(GetParam()));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(*image, ExpectedImages().at(GetParam()));
}

TEST_P(ImageFileTest, IsRefusedWhenItIsCutAnywhere) {
  const std::string bytes = GoldenFile(GetParam());
  for (std::size_t size = 8; size < bytes.size(); ++size) {
    ASSERT_THAT(ErrorOf(bytes.substr(0, size)),
                AllOf(HasSubstr("damaged"), HasSubstr(absl::StrCat(" of ", size, ": "))))
        << size;
  }
}

std::string TestName(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, ImageFileTest,
                         ::testing::Values("grey.png", "colour.png", "grey_alpha.png",
                                           "colour_alpha.png", "grey_1_bits.png", "grey_2_bits.png",
                                           "grey_4_bits.png", "grey_16_bits.png",
                                           "colour_16_bits.png", "palette.png", "palette_alpha.png",
                                           "grey_transparent.png", "interlaced.png", "gamma.png",
                                           "grey.jpg", "colour.jpg", "progressive.jpg"),
                         TestName);

TEST(ImageDecoderTest, EveryFlippedBitOfAPngIsNoticed) {
  for (const char* name : {"colour.png", "palette_alpha.png", "gamma.png"}) {
    const std::string bytes = GoldenFile(name);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      std::string damaged = bytes;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
      EXPECT_FALSE(DecodeImage(damaged).ok()) << name << " bit " << bit;
    }
  }
}

TEST(ImageDecoderTest, DamagedJpegsAreRefusedOrReadInTheirSize) {
  const std::string bytes = GoldenFile("progressive.jpg");
  int refused = 0;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    const absl::StatusOr<Image> image = DecodeImage(damaged);
    if (!image.ok()) {
      ++refused;
      continue;
    }
    EXPECT_EQ(image->shape.ElementCount(), static_cast<std::int64_t>(image->pixels.size()));
  }
  EXPECT_GT(refused, 0);
}

TEST(ImageDecoderTest, ErrorsSayWhereAndWhat) {
  std::string bytes = GoldenFile("colour.png");
  const std::size_t data = bytes.find("IDAT");
  bytes[data + 10] ^= 1;
  EXPECT_THAT(ErrorOf(bytes), AllOf(HasSubstr("damaged PNG, at byte "), HasSubstr("IDAT")));
  bytes = GoldenFile("colour.jpg");
  EXPECT_EQ(ErrorOf(bytes.substr(0, 600)),
            "damaged JPEG, at byte 428 of 600: Premature end of JPEG file");
}

TEST(ImageDecoderTest, CmykIsRefused) {
  EXPECT_EQ(ErrorOf(GoldenFile("cmyk.jpg")), "expected a grey or RGB JPEG, found CMYK");
}

TEST(ImageDecoderTest, OtherFilesAreRefusedByTheirFirstBytes) {
  EXPECT_EQ(ErrorOf("GIF89a and more"),
            "expected a PNG or JPEG file, found one that begins with 0x4749463839612061");
  EXPECT_EQ(ErrorOf("ab"), "expected a PNG or JPEG file, found one that begins with 0x6162");
  EXPECT_EQ(ErrorOf(""), "expected a PNG or JPEG file, found an empty one");
}

TEST(ImageDecoderTest, HugeImagesAreRefusedBeforeTheyAreRead) {
  EXPECT_TRUE(CheckDecodedSize(1, 1).ok());
  EXPECT_TRUE(CheckDecodedSize(8192, 8192).ok());
  EXPECT_TRUE(CheckDecodedSize(1, kMaxDecodedExtent).ok());
  for (const auto& [height, width] :
       {std::pair<std::int64_t, std::int64_t>{0, 1}, {1, kMaxDecodedExtent + 1}, {8192, 8193}}) {
    EXPECT_THAT(std::string(CheckDecodedSize(height, width).message()),
                HasSubstr("expected at most 16384 each and 67108864 pixels"));
  }
  // The size in the frame header: 2 bytes of height and of width after marker, length, precision.
  std::string bytes = GoldenFile("grey.jpg");
  const std::size_t frame = bytes.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  bytes.replace(frame + 5, 4, "\x40\x01\x40\x01");
  EXPECT_THAT(ErrorOf(bytes), HasSubstr("is 16385x16385 (height x width)"));
}

}  // namespace
}  // namespace graft::data
