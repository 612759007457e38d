#include "common/data/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/rng.h"

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

TEST_F(IdxTest, PlainFileCutAnywhereSaysWhatWasExpectedAndFound) {
  for (const auto& [name, bytes, header] :
       {std::tuple("t10k-images-idx3-ubyte", IdxImages(4), 16),
        std::tuple("t10k-labels-idx1-ubyte", IdxLabels(4), 8)}) {
    for (int size = 0; size < static_cast<int>(bytes.size()); ++size) {
      Write(name, bytes.substr(0, size));
      EXPECT_EQ(ReadError(),
                absl::StrCat(folder_.Join(name), ": truncated: expected ",
                             size < header ? header : bytes.size(), " bytes, found ", size));
    }
    Write(name, bytes);
  }
}

TEST_F(IdxTest, ChangedByteIsRefusedOrGivesAsManyImages) {
  const std::string images = "t10k-images-idx3-ubyte";
  int read = 0;
  for (const bool compressed : {false, true}) {
    std::string name = images;
    std::string bytes = IdxImages(4);
    if (compressed) {
      WriteCompressed("whole.gz", bytes);
      bytes = base::ReadFile(folder_.Join("whole.gz")).value();
      Remove(images);
      name += ".gz";
    }
    for (int bit = 0; bit < 8 * static_cast<int>(bytes.size()); bit += 3) {
      std::string damaged = bytes;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
      Write(name, damaged);
      const absl::StatusOr<Dataset> dataset = ReadIdxFolder(folder_.path());
      if (dataset.ok()) {
        ++read;
        EXPECT_EQ(dataset->test().count(), 4) << bit;
        EXPECT_EQ(dataset->image_shape(), tensor::Shape({1, 3, 2})) << bit;
      } else {
        EXPECT_THAT(std::string(dataset.status().message()), HasSubstr(folder_.path())) << bit;
      }
    }
  }
  EXPECT_GE(read, 8 * 24 / 3);  // the pixels of a plain file
}

// How many bytes zlib makes of the beginning of a gzip file.
std::size_t InflatedSize(std::string compressed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);  // 16: a gzip header
  stream.next_in = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string out(1 << 20, '\0');
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  inflate(&stream, Z_SYNC_FLUSH);
  const std::size_t size = stream.total_out;
  EXPECT_EQ(inflateEnd(&stream), Z_OK);
  return size;
}

TEST_F(IdxTest, CompressedFileCutAnywhereSaysWhatWasExpectedAndFound) {
  constexpr std::size_t kTrailerBytes = 8;  // checksum and size
  Remove("train-images-idx3-ubyte");
  WriteCompressed("whole.gz", IdxImages(8));
  const std::string compressed = base::ReadFile(folder_.Join("whole.gz")).value();
  const std::string truncated = folder_.Join("train-images-idx3-ubyte.gz") + ": truncated: ";
  int in_header = 0, in_values = 0, in_trailer = 0;
  // A file of a single byte cannot be told from one that is not compressed.
  for (std::size_t size = 2; size < compressed.size(); ++size) {
    SCOPED_TRACE(size);
    Write("train-images-idx3-ubyte.gz", compressed.substr(0, size));
    const std::size_t found = InflatedSize(compressed.substr(0, size));
    if (found < 16) {
      ++in_header;
      EXPECT_EQ(ReadError(), absl::StrCat(truncated, "expected 16 bytes, found ", found));
    } else if (found < 64) {
      ++in_values;
      EXPECT_EQ(ReadError(), absl::StrCat(truncated, "expected 64 bytes, found ", found));
    } else {
      ++in_trailer;
      EXPECT_EQ(ReadError(), truncated +
                                 "expected 64 bytes and their gzip checksum, found 64 "
                                 "bytes without it");
    }
  }
  EXPECT_GT(in_header, 0);
  EXPECT_GT(in_values, 0);
  EXPECT_GE(in_trailer, static_cast<int>(kTrailerBytes));
}

TEST_F(IdxTest, LargeCompressedFileCutShortSaysHowMuchWasFound) {
  // Larger than zlib's buffers, and poorly compressible, so that the cut lies far inside.
  constexpr std::uint32_t kCount = 50'000;
  std::string images = IdxImages(kCount);
  base::Rng rng(1);
  for (std::size_t i = 16; i < images.size(); ++i) images[i] = static_cast<char>(rng.NextU32());
  Write("train-labels-idx1-ubyte", IdxLabels(kCount));
  Remove("train-images-idx3-ubyte");
  WriteCompressed("whole.gz", images);
  const std::string compressed = base::ReadFile(folder_.Join("whole.gz")).value();
  Write("train-images-idx3-ubyte.gz", compressed.substr(0, compressed.size() / 2));
  const std::size_t found = InflatedSize(compressed.substr(0, compressed.size() / 2));
  EXPECT_GT(found, images.size() / 3);
  EXPECT_EQ(ReadError(),
            absl::StrCat(folder_.Join("train-images-idx3-ubyte.gz"), ": truncated: expected ",
                         images.size(), " bytes, found ", found));
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

// The files end after their headers, so that reading an image would fail.
TEST_F(IdxTest, MoreImagesThanMemoryHoldsAreRefusedBeforeAnyIsRead) {
  const auto write_headers = [&](const std::string& set, std::uint32_t count, bool compressed) {
    const std::string images =
        BigEndian(0x803) + BigEndian(count) + BigEndian(1024) + BigEndian(1024);
    const std::string labels = BigEndian(0x801) + BigEndian(count);
    if (compressed) {
      Remove(set + "-images-idx3-ubyte");
      WriteCompressed(set + "-images-idx3-ubyte.gz", images);
    } else {
      Write(set + "-images-idx3-ubyte", images);
    }
    Write(set + "-labels-idx1-ubyte", labels);
  };
  for (const bool compressed : {false, true}) {
    // One alone, and both together.
    for (const std::uint32_t train : {4096, 3000}) {
      SetUp();
      write_headers("train", train, compressed);
      write_headers("t10k", 4097 - train, compressed);
      EXPECT_EQ(ReadError(), folder_.path() +
                                 ": 4097 images of shape [1,1024,1024], 1048576 bytes each, "
                                 "expected at most 4294967296 bytes in all: they are held in "
                                 "memory");
    }
  }
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
