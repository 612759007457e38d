#include "common/data/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <numeric>
#include <string>

#include "common/base/file.h"

namespace graft::data {
namespace {

using ::testing::HasSubstr;

std::string BigEndian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

// Images of 3 rows and 2 columns that count up from 0.
std::string IdxImages(std::uint32_t count) {
  std::string values(count * 6, '\0');
  std::iota(values.begin(), values.end(), '\0');
  return BigEndian(0x803) + BigEndian(count) + BigEndian(3) + BigEndian(2) + values;
}

// Labels 0, 1, ..., each modulo 4.
std::string IdxLabels(std::uint32_t count) {
  std::string values;
  for (std::uint32_t i = 0; i < count; ++i) values.push_back(static_cast<char>(i % 4));
  return BigEndian(0x801) + BigEndian(count) + values;
}

// A folder with a whole data set of 8 training and 4 test images, which tests then damage.
class IdxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Write("train-images-idx3-ubyte", IdxImages(8));
    Write("train-labels-idx1-ubyte", IdxLabels(8));
    Write("t10k-images-idx3-ubyte", IdxImages(4));
    Write("t10k-labels-idx1-ubyte", IdxLabels(4));
  }

  void Write(const std::string& name, const std::string& bytes) {
    ASSERT_TRUE(base::WriteFileDurably(folder_.Join(name), bytes).ok());
  }

  void WriteCompressed(const std::string& name, const std::string& bytes) {
    gzFile file = gzopen(folder_.Join(name).c_str(), "wb");
    ASSERT_EQ(gzwrite(file, bytes.data(), bytes.size()), static_cast<int>(bytes.size()));
    ASSERT_EQ(gzclose(file), Z_OK);
  }

  void Remove(const std::string& name) { ASSERT_EQ(unlink(folder_.Join(name).c_str()), 0); }

  std::string ReadError() {
    const absl::StatusOr<Dataset> dataset = ReadIdxFolder(folder_.path());
    EXPECT_EQ(dataset.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(dataset.status().message());
  }

  base::TempDir folder_ = base::TempDir::Create().value();
};

TEST_F(IdxTest, ReadsPlainFiles) {
  const Dataset dataset = ReadIdxFolder(folder_.path()).value();
  EXPECT_EQ(dataset.image_shape(), tensor::Shape({1, 3, 2}));
  EXPECT_EQ(dataset.train().count(), 8);
  EXPECT_EQ(dataset.train().pixels[47], 47);
  EXPECT_EQ(dataset.train().labels[6], 2);
  EXPECT_EQ(dataset.test().count(), 4);
  EXPECT_THAT(dataset.class_names(), ::testing::ElementsAre("0", "1", "2", "3"));
}

TEST_F(IdxTest, ReadsCompressedFiles) {
  const Dataset plain = ReadIdxFolder(folder_.path()).value();
  Remove("train-images-idx3-ubyte");
  WriteCompressed("train-images-idx3-ubyte.gz", IdxImages(8));
  EXPECT_EQ(ReadIdxFolder(folder_.path()).value(), plain);
}

TEST_F(IdxTest, TakesGivenClassNames) {
  const Dataset dataset = ReadIdxFolder(folder_.path(), {"a", "b", "c", "d", "e"}).value();
  EXPECT_EQ(dataset.class_count(), 5);
}

TEST_F(IdxTest, MissingFileIsNamed) {
  Remove("t10k-labels-idx1-ubyte");
  const absl::Status status = ReadIdxFolder(folder_.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(folder_.Join("t10k-labels-idx1-ubyte") + " or "));
}

TEST_F(IdxTest, TruncatedFileSaysWhatWasExpected) {
  Write("t10k-images-idx3-ubyte", IdxImages(4).substr(0, 20));
  EXPECT_EQ(ReadError(),
            folder_.Join("t10k-images-idx3-ubyte") + ": truncated: expected 40 bytes, found 20");
  Write("t10k-images-idx3-ubyte", IdxImages(4).substr(0, 9));
  EXPECT_EQ(ReadError(),
            folder_.Join("t10k-images-idx3-ubyte") + ": truncated: expected 16 bytes, found 9");
}

TEST_F(IdxTest, TruncatedCompressedFileSaysWhatWasExpected) {
  Remove("train-images-idx3-ubyte");
  WriteCompressed("whole.gz", IdxImages(8));
  const std::string compressed = base::ReadFile(folder_.Join("whole.gz")).value();
  Write("train-images-idx3-ubyte.gz", compressed.substr(0, compressed.size() - 12));
  EXPECT_THAT(ReadError(),
              HasSubstr("train-images-idx3-ubyte.gz: truncated: expected 64 bytes, found"));
}

TEST_F(IdxTest, DamagedCompressedFileIsNamed) {
  Remove("train-images-idx3-ubyte");
  WriteCompressed("whole.gz", IdxImages(8));
  std::string compressed = base::ReadFile(folder_.Join("whole.gz")).value();
  compressed[compressed.size() - 6] ^= 0x55;  // the checksum
  Write("train-images-idx3-ubyte.gz", compressed);
  EXPECT_THAT(ReadError(), HasSubstr("train-images-idx3-ubyte.gz: expected a gzip file"));
}

TEST_F(IdxTest, OverlongFileIsRefused) {
  Write("t10k-labels-idx1-ubyte", IdxLabels(4) + "x");
  EXPECT_THAT(ReadError(), HasSubstr("t10k-labels-idx1-ubyte: expected 12 bytes, found more"));
}

TEST_F(IdxTest, WrongMagicIsRefused) {
  Write("t10k-images-idx3-ubyte", "<html>404 Not Found</html>");
  EXPECT_THAT(ReadError(), HasSubstr("expected the IDX magic 0x00000803, found 0x3c68746d"));
}

TEST_F(IdxTest, HeaderWithAbsurdSizesIsRefused) {
  Write("t10k-images-idx3-ubyte",
        BigEndian(0x803) + BigEndian(4) + BigEndian(0xffffffff) + BigEndian(2));
  EXPECT_THAT(ReadError(), HasSubstr("expected 1 to"));
}

TEST_F(IdxTest, DifferentNumbersOfImagesAndLabelsAreRefused) {
  Write("train-labels-idx1-ubyte", IdxLabels(7));
  EXPECT_THAT(ReadError(), HasSubstr("expected 8 labels, one for each image in"));
}

TEST(FashionMnistTest, DebianPackageIsWhatItsAuthorsPublished) {
  if (access(kFashionMnistDirectory, F_OK) != 0) {
    GTEST_SKIP() << "the package dataset-fashion-mnist is not installed";
  }
  const Dataset dataset = ReadIdxFolder(kFashionMnistDirectory, FashionMnistClassNames()).value();
  EXPECT_EQ(dataset.image_shape(), tensor::Shape({1, 28, 28}));
  EXPECT_EQ(dataset.train().count(), 60'000);
  EXPECT_EQ(dataset.test().count(), 10'000);
  EXPECT_EQ(dataset.class_count(), 10);
  EXPECT_EQ(dataset.train().labels[0], 9);  // an ankle boot
}

}  // namespace
}  // namespace graft::data
