#include "common/data/cifar10.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/data/golden_files.h"

namespace graft::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kRecordBytes = 3073;

// Records that count up: the label is the record's number modulo 3, pixel i is number + i.
std::string Records(int first, int count) {
  std::string bytes;
  for (int record = first; record < first + count; ++record) {
    bytes.push_back(static_cast<char>(record % 3));
    for (int i = 0; i < 3072; ++i) bytes.push_back(static_cast<char>(record + i));
  }
  return bytes;
}

// A folder with a whole data set of 10 training and 3 test images, which tests then damage.
class Cifar10Test : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int number = 1; number <= 5; ++number) {
      tree_.Write(Cifar10TrainFile(number), Records(2 * number - 2, 2));
    }
    tree_.Write("test_batch.bin", Records(100, 3));
    tree_.Write("batches.meta.txt", "airplane\nautomobile\nbird\n\n");
  }

  std::string ReadError() {
    const absl::StatusOr<Dataset> dataset = ReadCifar10Folder(tree_.path());
    EXPECT_EQ(dataset.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(dataset.status().message());
  }

  FileTree tree_;
};

// All places around the ends of records, and some of the others.
std::vector<std::size_t> PlacesIn(const std::string& records) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if ((i + 2) % kRecordBytes < 5 || i % 61 == 0) places.push_back(i);
  }
  return places;
}

int DifferentValues(const ImageSet& a, const ImageSet& b) {
  int count = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) count += a.pixels[i] != b.pixels[i];
  for (std::size_t i = 0; i < a.labels.size(); ++i) count += a.labels[i] != b.labels[i];
  return count;
}

TEST_F(Cifar10Test, ReadsAllBatchesInOrder) {
  const Dataset dataset = ReadCifar10Folder(tree_.path()).value();
  EXPECT_EQ(dataset.image_shape(), tensor::Shape({3, 32, 32}));
  EXPECT_THAT(dataset.class_names(), ElementsAre("airplane", "automobile", "bird"));
  ASSERT_EQ(dataset.train().count(), 10);
  ASSERT_EQ(dataset.test().count(), 3);
  for (int image = 0; image < 10; ++image) {
    EXPECT_EQ(dataset.train().labels[image], image % 3);
    EXPECT_EQ(dataset.train().pixels[image * 3072 + 1025], (image + 1025) % 256);
  }
  EXPECT_THAT(dataset.test().labels, ElementsAre(1, 2, 0));
  EXPECT_EQ(dataset.test().pixels[3071], (100 + 3071) % 256);
}

TEST_F(Cifar10Test, TakesNamesWithWindowsLineEnds) {
  tree_.Write("batches.meta.txt", "a\r\nb\r\nc");
  EXPECT_THAT(ReadCifar10Folder(tree_.path()).value().class_names(), ElementsAre("a", "b", "c"));
}

TEST_F(Cifar10Test, MissingFilesAreNamed) {
  for (const char* name : {"data_batch_4.bin", "test_batch.bin", "batches.meta.txt"}) {
    SetUp();
    tree_.Remove(name);
    const absl::Status status = ReadCifar10Folder(tree_.path()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(status.message()), HasSubstr(tree_.Join(name)));
  }
}

TEST_F(Cifar10Test, TruncatedRecordSaysWhatWasExpected) {
  tree_.Write("data_batch_3.bin", Records(0, 2).substr(0, kRecordBytes + 100));
  EXPECT_EQ(ReadError(), tree_.Join("data_batch_3.bin") +
                             ": truncated: expected whole records of 3073 bytes, found 100 bytes "
                             "of record 1 after 3073");
  tree_.Write("data_batch_3.bin", "");
  EXPECT_EQ(ReadError(), tree_.Join("data_batch_3.bin") +
                             ": expected records of 3073 bytes, found an empty file");
}

TEST_F(Cifar10Test, FileCutAnywhereIsRefusedUnlessWholeTestImagesAreLeft) {
  const std::string train = Records(4, 2);
  const std::string test = Records(100, 3);
  for (const std::size_t size : PlacesIn(test)) {
    tree_.Write("test_batch.bin", test.substr(0, size));
    if (size > 0 && size % kRecordBytes == 0) {
      EXPECT_EQ(ReadCifar10Folder(tree_.path()).value().test().count(), size / kRecordBytes);
    } else {
      EXPECT_THAT(ReadError(), HasSubstr("test_batch.bin: ")) << size;
    }
  }
  tree_.Write("test_batch.bin", test);
  for (const std::size_t size : PlacesIn(train)) {
    tree_.Write("data_batch_3.bin", train.substr(0, size));
    EXPECT_THAT(ReadError(), HasSubstr("data_batch_3.bin: ")) << size;
  }
}

// Neither labels nor pixels have a checksum.
TEST_F(Cifar10Test, ChangedByteIsRefusedOrChangesOneValue) {
  const Dataset whole = ReadCifar10Folder(tree_.path()).value();
  const std::string test = Records(100, 3);
  for (const std::size_t i : PlacesIn(test)) {
    std::string damaged = test;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << i % 8));
    tree_.Write("test_batch.bin", damaged);
    const absl::StatusOr<Dataset> dataset = ReadCifar10Folder(tree_.path());
    if (!dataset.ok()) {
      EXPECT_EQ(i % kRecordBytes, 0);
      EXPECT_THAT(std::string(dataset.status().message()),
                  HasSubstr(absl::StrCat("label of record ", i / kRecordBytes)));
      continue;
    }
    EXPECT_EQ(dataset->train(), whole.train());
    EXPECT_EQ(DifferentValues(dataset->test(), whole.test()), 1) << i;
  }
}

TEST_F(Cifar10Test, FileThatLacksWholeRecordsSaysWhatWasExpected) {
  tree_.Write("data_batch_3.bin", Records(0, 1));
  EXPECT_EQ(ReadError(), tree_.Join("data_batch_3.bin") +
                             ": expected 6146 bytes, as in data_batch_1.bin, found 3073");
}

TEST_F(Cifar10Test, LabelWithoutANameIsRefusedWithItsPlace) {
  std::string records = Records(0, 2);
  records[kRecordBytes] = 3;
  tree_.Write("data_batch_2.bin", records);
  EXPECT_EQ(ReadError(), tree_.Join("data_batch_2.bin") +
                             ": label of record 1, at byte 3073, is 3, expected less than 3, the "
                             "number of names in batches.meta.txt");
}

// Sparse files; the first one has a label that would be refused if it were read.
TEST_F(Cifar10Test, MoreImagesThanMemoryHoldsAreRefusedBeforeAnyIsRead) {
  constexpr int kRecords = 280'000;  // 5 times as many are 4.3 GB
  for (int number = 1; number <= 5; ++number) {
    tree_.Write(Cifar10TrainFile(number), "\xff");
    std::filesystem::resize_file(tree_.Join(Cifar10TrainFile(number)), kRecords * kRecordBytes);
  }
  EXPECT_EQ(ReadError(), tree_.path() +
                             ": 1400003 images of shape [3,32,32], 3072 bytes each, expected at "
                             "most 4294967296 bytes in all: they are held in memory");
}

TEST_F(Cifar10Test, EmptyNamesAreRefused) {
  tree_.Write("batches.meta.txt", "a\n\nc\n");
  EXPECT_THAT(ReadError(), HasSubstr("batches.meta.txt: expected a class's name on each line: name "
                                     "of class 1"));
  tree_.Write("batches.meta.txt", "\n");
  EXPECT_THAT(ReadError(), HasSubstr("batches.meta.txt: expected a class's name on each line"));
}

}  // namespace
}  // namespace graft::data
