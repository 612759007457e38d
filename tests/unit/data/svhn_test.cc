#include "common/data/svhn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/data/mat_file.h"
#include "tests/unit/data/golden_files.h"

namespace graft::data {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A folder with a whole data set of 12 training and 5 test images, which tests then damage.
class SvhnTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tree_.Write(kSvhnTrainFile, GoldenFile(kSvhnTrainFile));
    tree_.Write(kSvhnTestFile, GoldenFile(kSvhnTestFile));
  }

  std::string ReadError() {
    const absl::StatusOr<Dataset> dataset = ReadSvhnFolder(tree_.path());
    EXPECT_EQ(dataset.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(dataset.status().message());
  }

  // What is wrong with `bytes` as the test images.
  std::string TestFileError(const std::string& bytes) {
    tree_.Write(kSvhnTestFile, bytes);
    const std::string message = ReadError();
    const std::string prefix = tree_.Join(kSvhnTestFile) + ": ";
    EXPECT_THAT(message, ::testing::StartsWith(prefix));
    return message.substr(std::min(prefix.size(), message.size()));
  }

  FileTree tree_;
};

// As make_files.py has it.
void ExpectDigits(const ImageSet& images, int count, int shift) {
  ASSERT_EQ(images.count(), count);
  for (int n = 0; n < count; ++n) {
    EXPECT_EQ(images.labels[n], ((n + shift) % 10 + 1) % 10) << n;
    for (int c = 0; c < 3; ++c) {
      for (int y = 0; y < 32; ++y) {
        for (int x = 0; x < 32; ++x) {
          ASSERT_EQ(images.pixels[((n * 3 + c) * 32 + y) * 32 + x],
                    (3 * y + 5 * x + 50 * c + 11 * n + shift) % 256)
              << n << " " << c << " " << y << " " << x;
        }
      }
    }
  }
}

TEST_F(SvhnTest, ReadsCompressedBytesAndPlainDoubles) {
  const Dataset dataset = ReadSvhnFolder(tree_.path()).value();
  EXPECT_EQ(dataset.image_shape(), tensor::Shape({3, 32, 32}));
  EXPECT_THAT(dataset.class_names(), ElementsAre("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"));
  ExpectDigits(dataset.train(), 12, 0);
  ExpectDigits(dataset.test(), 5, 7);
}

TEST_F(SvhnTest, ReadsASingleImage) {
  tree_.Write(kSvhnTestFile, GoldenFile("one_image.mat"));
  ExpectDigits(ReadSvhnFolder(tree_.path()).value().test(), 1, 7);
}

TEST_F(SvhnTest, MissingFileIsNamed) {
  tree_.Remove(kSvhnTestFile);
  const absl::Status status = ReadSvhnFolder(tree_.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr(tree_.Join(kSvhnTestFile)));
}

// All places but for most of a plain image's pixels.
std::vector<std::size_t> PlacesIn(const std::string& bytes) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool is_pixel = bytes.size() > 3072 && i > 250 && i < 3180;
    if (!is_pixel || i % 41 == 0) places.push_back(i);
  }
  return places;
}

TEST_F(SvhnTest, FileCutAnywhereSaysWhatWasExpected) {
  for (const char* name : {"one_image.mat", "one_plain_image.mat"}) {
    const std::string bytes = GoldenFile(name);
    for (const std::size_t size : PlacesIn(bytes)) {
      // Between two variables: the second one is missing.
      EXPECT_THAT(TestFileError(bytes.substr(0, size)),
                  AnyOf(HasSubstr("truncated: expected "),
                        HasSubstr("variable y: expected, but not in the file"),
                        HasSubstr("variable X: expected, but not in the file")))
          << name << " " << size;
    }
  }
  EXPECT_EQ(TestFileError(GoldenFile(kSvhnTestFile).substr(0, 10'000)),
            "truncated: expected 15416 bytes of a variable at byte 128, found 9864");
}

// But for the few bits that fill up the last byte of compressed data.
TEST_F(SvhnTest, DamageInCompressedDataIsNoticedOrChangesNothing) {
  const std::string path = tree_.Join("damaged.mat");
  const std::string bytes = GoldenFile("one_image.mat");
  tree_.Write("damaged.mat", bytes);
  const MatArray images = MatFile::Open(path)->Read("X").value();
  const MatArray labels = MatFile::Open(path)->Read("y").value();
  int unnoticed = 0;
  for (std::size_t bit = 8 * 128; bit < 8 * bytes.size(); bit += 3) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    tree_.Write("damaged.mat", damaged);
    absl::StatusOr<MatFile> file = MatFile::Open(path);
    if (!file.ok()) continue;
    const absl::StatusOr<MatArray> damaged_images = file->Read("X");
    const absl::StatusOr<MatArray> damaged_labels = file->Read("y");
    if (!damaged_images.ok() || !damaged_labels.ok()) continue;
    ++unnoticed;
    EXPECT_EQ(damaged_images->values, images.values) << bit;
    EXPECT_EQ(damaged_labels->values, labels.values) << bit;
  }
  EXPECT_LT(unnoticed, 2 * 8);
}

TEST_F(SvhnTest, ChangedByteOfAPlainFileIsRefusedOrGivesDigits) {
  const std::string bytes = GoldenFile("one_plain_image.mat");
  int refused = 0;
  int read = 0;
  for (const std::size_t i : PlacesIn(bytes)) {
    for (const int flip : {0xff, 1 << i % 8}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      tree_.Write(kSvhnTestFile, damaged);
      const absl::StatusOr<Dataset> dataset = ReadSvhnFolder(tree_.path());
      if (dataset.ok()) {
        ++read;
        EXPECT_EQ(dataset->test().count(), 1) << i;
      } else {
        ++refused;
        EXPECT_THAT(std::string(dataset.status().message()), HasSubstr(tree_.path())) << i;
      }
    }
  }
  EXPECT_GE(read, 100);  // the pixels have no checksum
  EXPECT_GE(refused, 100);
}

TEST_F(SvhnTest, WrongChecksumOfCompressedDataIsRefused) {
  std::string bytes = GoldenFile("one_image.mat");
  const std::size_t labels = bytes.rfind(std::string("\x0f\0\0\0", 4));
  bytes[labels - 1] ^= 1;  // the last byte of the images' checksum
  EXPECT_THAT(TestFileError(bytes),
              AllOf(HasSubstr("variable at byte 128: expected compressed data with their checksum"),
                    HasSubstr(absl::StrCat("of ", labels - 128 - 8))));
  bytes[labels - 1] ^= 1;
  bytes.back() ^= 1;
  EXPECT_THAT(TestFileError(bytes),
              HasSubstr(absl::StrCat("variable at byte ", labels,
                                     ": expected compressed data with their checksum")));
}

TEST_F(SvhnTest, BytesAfterTheLastVariableAreRefused) {
  for (const char* name : {"one_image.mat", "one_plain_image.mat"}) {
    const std::string bytes = GoldenFile(name);
    EXPECT_EQ(TestFileError(bytes + "x"),
              absl::StrCat("truncated: expected a variable's tag of 8 bytes at byte ", bytes.size(),
                           ", found 1"));
    EXPECT_EQ(TestFileError(bytes + std::string(8, '\0')),
              absl::StrCat("expected a variable at byte ", bytes.size(),
                           ", of type 14 or 15, found type 0"));
  }
}

// Little-endian.
std::string Number(std::uint32_t value) {
  return {static_cast<char>(value), static_cast<char>(value >> 8), static_cast<char>(value >> 16),
          static_cast<char>(value >> 24)};
}

// Type, size and data of an element as MATLAB writes them.
std::string Element(std::uint32_t type, const std::string& data) {
  return Number(type) + Number(data.size()) + data + std::string((8 - data.size() % 8) % 8, '\0');
}

// The variable X of bytes, [32, 32, 3, count], up to where its values begin.
std::string BeginningOfImages(std::uint32_t count) {
  const std::string parts = Element(6, Number(9) + Number(0)) +
                            Element(5, Number(32) + Number(32) + Number(3) + Number(count)) +
                            Element(1, "X") + Number(2) + Number(3072 * count);
  return Number(14) + Number(parts.size() + 3072 * count) + parts;
}

// A variable as MATLAB compresses it.
std::string Compressed(const std::string& variable) {
  uLongf size = compressBound(variable.size());
  std::string bytes(size, '\0');
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(bytes.data()), &size,
                     reinterpret_cast<const Bytef*>(variable.data()), variable.size()),
            Z_OK);
  bytes.resize(size);
  return Number(15) + Number(size) + bytes;
}

TEST_F(SvhnTest, BytesAfterCompressedDataAreRefused) {
  const std::string header = GoldenFile(kSvhnTestFile).substr(0, 128);
  std::string variable = Compressed(BeginningOfImages(1) + std::string(3072, 'x'));
  const std::size_t size = variable.size() - 8;
  variable += "more";
  variable.replace(4, 4, Number(size + 4));
  EXPECT_EQ(TestFileError(header + variable),
            absl::StrCat("variable at byte 128: expected ", size + 4,
                         " bytes of compressed data, found their end after ", size));
}

// Neither file has labels, so that reading one to its end would fail.
TEST_F(SvhnTest, MoreImagesThanMemoryHoldsAreRefusedBeforeAnyIsRead) {
  const std::string header = GoldenFile(kSvhnTestFile).substr(0, 128);
  constexpr std::uint32_t kTrain = 1'000'000;
  constexpr std::uint32_t kTest = 500'000;
  const std::string expected =
      tree_.path() +
      ": 1500000 images of shape [3,32,32], 3072 bytes each, expected at most 4294967296 bytes in "
      "all: they are held in memory";
  for (const auto& [name, count] :
       {std::pair(kSvhnTrainFile, kTrain), std::pair(kSvhnTestFile, kTest)}) {
    const std::string begin = header + BeginningOfImages(count);
    tree_.Write(name, begin);
    std::filesystem::resize_file(tree_.Join(name), begin.size() + std::uint64_t{3072} * count);
  }
  EXPECT_EQ(ReadError(), expected);
  for (const auto& [name, count] :
       {std::pair(kSvhnTrainFile, kTrain), std::pair(kSvhnTestFile, kTest)}) {
    tree_.Write(name, header + Compressed(BeginningOfImages(count)));
  }
  EXPECT_EQ(ReadError(), expected);
}

TEST_F(SvhnTest, ShapeWithMoreValuesThanTheFileIsRefused) {
  const std::string header = GoldenFile(kSvhnTestFile).substr(0, 128);
  EXPECT_EQ(TestFileError(header + Compressed(BeginningOfImages(1'000'000))),
            "variable X: its shape has more values than the file");
}

TEST_F(SvhnTest, FilesOfOtherKindsAreRefused) {
  EXPECT_EQ(TestFileError("x"), "truncated: expected a MATLAB header of 128 bytes, found 1");
  EXPECT_EQ(TestFileError(std::string(1000, 'x')),
            "expected a MATLAB 5 file, found something else");
  std::string bytes = GoldenFile(kSvhnTestFile);
  bytes[125] = 2;
  EXPECT_THAT(TestFileError(bytes), HasSubstr("found one of MATLAB 7.3 (HDF5)"));
  bytes[125] = 3;
  EXPECT_THAT(TestFileError(bytes), HasSubstr("found one of another version"));
  bytes = GoldenFile(kSvhnTestFile);
  bytes[128] = 9;
  EXPECT_THAT(TestFileError(bytes), HasSubstr("expected a variable at byte 128, of type 14 or 15"));
}

TEST_F(SvhnTest, ArraysOfAnotherFormAreRefused) {
  EXPECT_EQ(TestFileError(GoldenFile("no_y.mat")), "variable y: expected, but not in the file");
  EXPECT_EQ(TestFileError(GoldenFile("transposed.mat")),
            "variable X: expected the shape [32,32,3,N], found [5,32,32,3]");
  EXPECT_EQ(TestFileError(GoldenFile("few_labels.mat")),
            "variable y: expected 5 labels, one for each image in X, found 4");
  for (const auto& [name, shape] :
       {std::pair("grey_images.mat", "[32,32,1,5]"), std::pair("small_images.mat", "[31,31,3,5]"),
        std::pair("flat_images.mat", "[3072,5]"), std::pair("five_dimensions.mat", "[32,32,3,5,2]"),
        std::pair("no_images.mat", "[32,32,3,0]")}) {
    EXPECT_EQ(TestFileError(GoldenFile(name)),
              absl::StrCat("variable X: expected the shape [32,32,3,N], found ", shape));
  }
}

TEST_F(SvhnTest, ArraysOfAnotherClassAreRefused) {
  for (const char* name : {"text.mat", "complex.mat", "cell.mat", "struct.mat", "sparse.mat"}) {
    EXPECT_EQ(TestFileError(GoldenFile(name)),
              "variable X: expected real numbers, found something else")
        << name;
  }
  EXPECT_EQ(TestFileError(GoldenFile("text_labels.mat")),
            "variable y: expected real numbers, found something else");
}

TEST_F(SvhnTest, ValuesThatAreNoBytesAreRefused) {
  EXPECT_EQ(TestFileError(GoldenFile("negative_pixel.mat")),
            "variable X: value 1788 is -1, expected a whole number of 0 to 255");
}

TEST_F(SvhnTest, LabelsThatAreNoDigitsAreRefused) {
  EXPECT_EQ(TestFileError(GoldenFile("label_11.mat")),
            "variable y: label 0 is 11, expected 1 to 10");
  EXPECT_EQ(TestFileError(GoldenFile("half_label.mat")),
            "variable y: value 0 is 8.5, expected a whole number of 0 to 255");
}

}  // namespace
}  // namespace graft::data
