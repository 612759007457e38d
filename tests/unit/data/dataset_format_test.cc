#include "common/data/dataset_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/base/file.h"
#include "tests/unit/data/testing.h"

namespace graft::data {
namespace {

using ::testing::HasSubstr;

std::string MessageOf(const absl::StatusOr<Dataset>& dataset) {
  EXPECT_EQ(dataset.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(dataset.status().message());
}

std::string SmallEncoding() { return EncodeDataset(Dataset::Create(SmallParts()).value()); }

TEST(DatasetFormatTest, DecodeOfEncodeIsTheIdentity) {
  const Dataset dataset = Dataset::Create(SmallParts()).value();
  EXPECT_EQ(DecodeDataset(EncodeDataset(dataset)).value(), dataset);
}

TEST(DatasetFormatTest, LaysBytesOutAsDocumented) {
  const Dataset dataset = Dataset::Create({.image_shape = {1, 1, 2},
                                           .class_names = {"a", "bc"},
                                           .train = {{7, 8}, {1}},
                                           .test = {{9, 10, 11, 12}, {0, 1}}})
                              .value();
  const std::string expected(
      "GRAFTDS\n"
      "\1\0\0\0"
      "\1\0\0\0\1\0\0\0\2\0\0\0"
      "\2\0\0\0"
      "\1\0\0\0\0\0\0\0"
      "\2\0\0\0\0\0\0\0"
      "\1\0\0\0a"
      "\2\0\0\0bc"
      "\x07\x08\x01"
      "\x09\x0a\x0b\x0c\0\1",
      8 + 4 + 12 + 4 + 8 + 8 + 5 + 6 + 3 + 6);
  EXPECT_EQ(EncodeDataset(dataset), expected);
}

TEST(DatasetFormatTest, EveryTruncationIsRefused) {
  const std::string bytes = SmallEncoding();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string message = MessageOf(DecodeDataset(bytes.substr(0, size)));
    ASSERT_THAT(message, HasSubstr("truncated data set: expected")) << size;
  }
}

TEST(DatasetFormatTest, BytesAfterTheEndAreRefused) {
  EXPECT_THAT(MessageOf(DecodeDataset(SmallEncoding() + "x")), HasSubstr("expected a data set of"));
}

TEST(DatasetFormatTest, OtherFilesAreRefusedByMagicAndVersion) {
  std::string bytes = SmallEncoding();
  bytes[0] = 'X';
  EXPECT_THAT(MessageOf(DecodeDataset(bytes)), HasSubstr("expected the magic"));
  bytes = SmallEncoding();
  bytes[8] = 2;
  EXPECT_EQ(MessageOf(DecodeDataset(bytes)), "data set format version 2, expected 1");
}

TEST(DatasetFormatTest, CountsBeyondTheBoundsAreRefusedBeforeAllocation) {
  std::string bytes = SmallEncoding();
  bytes.replace(28, 8, 8, '\xff');
  EXPECT_THAT(MessageOf(DecodeDataset(bytes)),
              HasSubstr("number of training images is 18446744073709551615, expected 1 to"));
  bytes = SmallEncoding();
  bytes.replace(28, 8, std::string("\0\0\0\x20\0\0\0\0", 8));
  EXPECT_THAT(MessageOf(DecodeDataset(bytes)), HasSubstr("of training images at offset"));
}

TEST(DatasetFormatTest, LabelsBeyondTheClassesAreRefused) {
  DatasetParts parts = SmallParts();
  parts.test.labels[4] = 3;
  EXPECT_EQ(MessageOf(Dataset::Create(parts)),
            "test label 4 is 3, expected less than 3, the number of classes");
}

TEST(DatasetFormatTest, PixelsThatDoNotFitTheLabelsAreRefused) {
  DatasetParts parts = SmallParts();
  parts.train.pixels.pop_back();
  EXPECT_EQ(MessageOf(Dataset::Create(parts)),
            "training images: expected 480 bytes for 20 labels, found 479");
}

TEST(DatasetFormatTest, ErrorsOfAFileNameIt) {
  const base::TempDir folder = base::TempDir::Create().value();
  const std::string path = folder.Join("broken");
  ASSERT_TRUE(base::WriteFileDurably(path, SmallEncoding().substr(0, 100)).ok());
  EXPECT_THAT(MessageOf(ReadDatasetFile(path)), HasSubstr(path + ": truncated data set"));
}

}  // namespace
}  // namespace graft::data
