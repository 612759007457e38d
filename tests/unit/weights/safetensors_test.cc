#include "common/weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/weights/manifest.h"

namespace graft::weights {
namespace {

using tensor::DType;
using tensor::NamedTensors;
using tensor::Shape;
using tensor::Tensor;
using testing::HasSubstr;

// A file of the given header and data.
std::string File(const std::string& header, const std::string& data) {
  const uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return absl::StrCat(bytes, header, data);
}

Safetensors OneOfEachDType() {
  Safetensors contents;
  contents.metadata = {{"format", "graft"}, {"note", "a \"quoted\" \xE2\x82\xAC"}};
  contents.tensors.Set("conv.weight", Tensor::FromFloats({2, 1}, std::vector<float>{1.0F, -2.0F}));
  Tensor bytes = Tensor::Zeros(DType::kUint8, {3});
  bytes.mutable_data<uint8_t>()[2] = 255;
  contents.tensors.Set("a byte", bytes);
  Tensor half = Tensor::Zeros(DType::kBFloat16, {1});
  half.mutable_data<uint16_t>()[0] = 0x3f80;
  contents.tensors.Set("half", half);
  Tensor step = Tensor::Zeros(DType::kInt64, {});
  step.mutable_data<int64_t>()[0] = -1;
  contents.tensors.Set("step", step);
  contents.tensors.Set("index", Tensor::Zeros(DType::kInt32, {1}));
  contents.tensors.Set("none", Tensor::Zeros(DType::kFloat32, {0, 4}));
  return contents;
}

TEST(SafetensorsTest, DecodeOfEncodeIsTheIdentity) {
  const Safetensors contents = OneOfEachDType();
  const absl::StatusOr<Safetensors> decoded = DecodeSafetensors(*EncodeSafetensors(contents));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->tensors, contents.tensors);
  EXPECT_EQ(decoded->metadata, contents.metadata);
}

TEST(SafetensorsTest, EncodesAsTheFormatSays) {
  Safetensors contents;
  contents.tensors.Set("w", Tensor::FromFloats({2}, std::vector<float>{1.0F, 2.0F}));
  std::string header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  header.resize(56, ' ');
  EXPECT_EQ(*EncodeSafetensors(contents),
            File(header, std::string("\x00\x00\x80\x3f\x00\x00\x00\x40", 8)));
}

TEST(SafetensorsTest, IndependentReaderSeesTheSame) {
  if (std::system("python3 -c pass 2>/dev/null") != 0) GTEST_SKIP() << "needs python3";
  const base::TempDir directory = *base::TempDir::Create();
  const std::string path = directory.Join("file.safetensors");
  ASSERT_TRUE(base::WriteFileDurably(path, *EncodeSafetensors(OneOfEachDType())).ok());
  // Tests run in the root of the sources.
  const std::string command = absl::StrCat("python3 tests/unit/weights/read_safetensors.py ", path,
                                           " > ", directory.Join("out"));
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(*base::ReadFile(directory.Join("out")),
            "\"a byte\" U8 [3] 0000ff\n"
            "\"conv.weight\" F32 [2, 1] 0000803f000000c0\n"
            "\"half\" BF16 [1] 803f\n"
            "\"index\" I32 [1] 00000000\n"
            "\"none\" F32 [0, 4] \n"
            "\"step\" I64 [] ffffffffffffffff\n"
            "{\"format\": \"graft\", \"note\": \"a \\\"quoted\\\" \\u20ac\"}\n");
}

TEST(SafetensorsTest, ReadsOtherWritersLayouts) {
  // Members in another order, white space, escapes, and tensors out of the order of their names.
  const std::string header =
      "{ \"b\\u00e9\\ud83c\\udf31\" : { \"shape\" : [ ] , \"data_offsets\" : [ 0 , 1 ],\n"
      "\"dtype\":\"U8\" },\t\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]},"
      "\"__metadata__\":{} }   ";
  const absl::StatusOr<Safetensors> contents = DecodeSafetensors(File(header, "xyz"));
  ASSERT_TRUE(contents.ok()) << contents.status();
  EXPECT_EQ(contents->tensors.Get("b\xC3\xA9\xF0\x9F\x8C\xB1").data<uint8_t>()[0], 'x');
  EXPECT_EQ(contents->tensors.Get("a").data<uint8_t>()[1], 'z');
  EXPECT_TRUE(DecodeSafetensors(File("{}", ""))->tensors.empty());
}

TEST(SafetensorsTest, TensorsAreAlignedToTheirElements) {
  Safetensors contents;
  contents.tensors.Set("a", Tensor::Zeros(DType::kUint8, {3}));
  contents.tensors.Set("b", Tensor::Zeros(DType::kInt64, {1}));
  const std::string bytes = *EncodeSafetensors(contents);
  EXPECT_THAT(bytes, HasSubstr(R"("b":{"dtype":"I64","shape":[1],"data_offsets":[0,8]})"));
  EXPECT_EQ((bytes.size() - 11) % 8, 0) << "the data begins at a multiple of 8";
}

TEST(SafetensorsTest, RefusesToWriteReservedNames) {
  Safetensors contents;
  contents.tensors.Set("__metadata__", Tensor());
  EXPECT_TRUE(absl::IsInvalidArgument(EncodeSafetensors(contents).status()));
}

TEST(SafetensorsTest, EveryTruncationIsRefused) {
  const std::string bytes = *EncodeSafetensors(OneOfEachDType());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeSafetensors(bytes.substr(0, size)).status())) << size;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(DecodeSafetensors(bytes + "x").status()));
}

struct BadFile {
  std::string name;
  std::string header;
  std::string data;
  std::string problem;
};

class BadSafetensorsTest : public testing::TestWithParam<BadFile> {};

TEST_P(BadSafetensorsTest, IsRefusedWithTheReason) {
  const absl::Status status = DecodeSafetensors(File(GetParam().header, GetParam().data)).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().problem));
}

std::string Entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return absl::StrCat(R"({"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":)",
                      offsets, "}");
}

INSTANTIATE_TEST_SUITE_P(
    Files, BadSafetensorsTest,
    testing::Values(
        BadFile{"NotJson", "hello", "", "expected '{'"},
        BadFile{"NotAnObject", "[]", "", "expected '{'"},
        BadFile{"TextAfterTheHeader", "{} x", "", "expected the end"},
        BadFile{"TrailingComma", R"({"a":)" + Entry("U8", "[0]", "[0,0]") + ",}", "", "JSON"},
        BadFile{"UnknownDType", R"({"a":)" + Entry("F64", "[1]", "[0,8]") + "}",
                std::string(8, 'x'), "dtype \"F64\""},
        BadFile{"MissingKey", R"({"a":{"dtype":"U8","shape":[1]}})", "x", "needs dtype"},
        BadFile{"RepeatedKey", R"({"a":{"dtype":"U8","dtype":"U8"}})", "x", "repeated key"},
        BadFile{"UnknownKey", R"({"a":{"strides":[1]}})", "x", "\"strides\""},
        BadFile{"RepeatedName",
                R"({"a":)" + Entry("U8", "[1]", "[0,1]") + R"(,"a":)" +
                    Entry("U8", "[1]", "[1,2]") + "}",
                "xy", "appears twice"},
        BadFile{"RepeatedMetadata", R"({"__metadata__":{},"__metadata__":{}})", "", "twice"},
        BadFile{"MetadataNotAString", R"({"__metadata__":{"a":1}})", "", "expected '\"'"},
        BadFile{"EmptyName", R"({"":)" + Entry("U8", "[1]", "[0,1]") + "}", "x", "a name has"},
        BadFile{
            "LongName",
            "{\"" + std::string(kMaxNameBytes + 1, 'n') + "\":" + Entry("U8", "[1]", "[0,1]") + "}",
            "x", "a name has"},
        BadFile{"WrongSize", R"({"a":)" + Entry("F32", "[2]", "[0,4]") + "}", "xxxx", "need 8"},
        BadFile{"EndBeforeBegin",
                R"({"a":)" + Entry("U8", "[1]", "[0,1]") + R"(,"b":)" +
                    Entry("U8", "[1]", "[1,0]") + "}",
                "x", "data_offsets"},
        BadFile{"OutOfRange", R"({"a":)" + Entry("U8", "[9]", "[0,9]") + "}", "x", "data_offsets"},
        BadFile{"Gap", R"({"a":)" + Entry("U8", "[1]", "[1,2]") + "}", "xx", "a gap"},
        BadFile{"Overlap",
                R"({"a":)" + Entry("U8", "[2]", "[0,2]") + R"(,"b":)" +
                    Entry("U8", "[2]", "[1,3]") + "}",
                "xxx", "an overlap"},
        BadFile{"BytesLeftOver", R"({"a":)" + Entry("U8", "[1]", "[0,1]") + "}", "xy",
                "belong to none"},
        BadFile{"NegativeDimension", R"({"a":)" + Entry("U8", "[-1]", "[0,1]") + "}", "x",
                "unsigned integer"},
        BadFile{"FractionalDimension", R"({"a":)" + Entry("U8", "[1.5]", "[0,1]") + "}", "x",
                "JSON"},
        BadFile{"HugeShape", R"({"a":)" + Entry("U8", "[4294967296,4294967296]", "[0,0]") + "}", "",
                "too many elements"},
        BadFile{"HugeInteger", R"({"a":)" + Entry("U8", "[18446744073709551616]", "[0,0]") + "}",
                "", "too large"},
        BadFile{"DeepRank", R"({"a":)" + Entry("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") + "}", "x",
                "array is too long"}),
    [](const testing::TestParamInfo<BadFile>& info) { return info.param.name; });

TEST(SafetensorsTest, HugeHeaderLengthIsRefusedBeforeItIsRead) {
  EXPECT_TRUE(absl::IsInvalidArgument(DecodeSafetensors(std::string(8, '\xff') + "{}").status()));
}

}  // namespace
}  // namespace graft::weights
