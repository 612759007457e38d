#include "common/digest/canonical.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/base/strings.h"

namespace graft::digest {
namespace {

using testing::HasSubstr;

std::string Hex(std::string_view bytes) {
  return base::HexEncode({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

struct Vector {
  std::string name;
  std::function<void(CanonicalEncoder&)> encode;
  std::string hex;
};

class CanonicalVectorTest : public testing::TestWithParam<Vector> {};

TEST_P(CanonicalVectorTest, EncodesAsDocumented) {
  CanonicalEncoder encoder;
  GetParam().encode(encoder);
  EXPECT_EQ(Hex(*std::move(encoder).Finish()), GetParam().hex);
}

// Written by hand from the table in canonical.h.
INSTANTIATE_TEST_SUITE_P(
    Vectors, CanonicalVectorTest,
    testing::Values(
        Vector{"Nothing", [](CanonicalEncoder&) {}, ""},
        Vector{"U64", [](CanonicalEncoder& e) { e.U64(0x0102030405060708); },
               "01"
               "0807060504030201"},
        Vector{"U64Max", [](CanonicalEncoder& e) { e.U64(~uint64_t{0}); },
               "01"
               "ffffffffffffffff"},
        Vector{"I64Negative", [](CanonicalEncoder& e) { e.I64(-2); },
               "02"
               "feffffffffffffff"},
        Vector{"F64One", [](CanonicalEncoder& e) { e.F64(1.0); },
               "03"
               "000000000000f03f"},
        Vector{"F64NegativeZero", [](CanonicalEncoder& e) { e.F64(-0.0); },
               "03"
               "0000000000000000"},
        Vector{"F64Infinity",
               [](CanonicalEncoder& e) { e.F64(std::numeric_limits<double>::infinity()); },
               "03"
               "000000000000f07f"},
        Vector{"Bools", [](CanonicalEncoder& e) { e.Bool(false).Bool(true); },
               "0400"
               "0401"},
        Vector{"Bytes", [](CanonicalEncoder& e) { e.Bytes(std::string_view("\0\xff", 2)); },
               "05"
               "0200000000000000"
               "00ff"},
        Vector{"String", [](CanonicalEncoder& e) { e.String("\xC3\xA9"); },
               "06"
               "0200000000000000"
               "c3a9"},
        Vector{"EmptyString", [](CanonicalEncoder& e) { e.String(""); },
               "06"
               "0000000000000000"},
        Vector{"List", [](CanonicalEncoder& e) { e.List(2).Bool(true).U64(3); },
               "07"
               "0200000000000000"
               "0401"
               "01"
               "0300000000000000"}),
    [](const testing::TestParamInfo<Vector>& info) { return info.param.name; });

TEST(CanonicalDigestTest, IsTheSha256OfTheBytes) {
  CanonicalEncoder encoder;
  encoder.String("graft");
  EXPECT_EQ(CanonicalDigest(encoder)->ToHex(),
            Sha256(std::string("\x06\x05\0\0\0\0\0\0\0graft", 14)).ToHex());
}

TEST(CanonicalEncoderTest, RefusesWhatHasNoCanonicalForm) {
  CanonicalEncoder nan;
  nan.U64(1).F64(std::nan("")).U64(2);
  EXPECT_TRUE(absl::IsInvalidArgument(std::move(nan).Finish().status()));
  CanonicalEncoder text;
  text.String("\xFF");
  EXPECT_TRUE(absl::IsInvalidArgument(CanonicalDigest(std::move(text)).status()));
}

std::string EncodeOneOfEach() {
  CanonicalEncoder encoder;
  encoder.U64(7).I64(-7).F64(0.5).Bool(true).Bytes("raw").String("text").List(1).U64(1);
  return *std::move(encoder).Finish();
}

// Reads what EncodeOneOfEach wrote; the first error.
absl::Status DecodeOneOfEach(std::string_view bytes) {
  CanonicalDecoder decoder(bytes);
  if (const auto v = decoder.U64(); !v.ok() || *v != 7) return v.status();
  if (const auto v = decoder.I64(); !v.ok() || *v != -7) return v.status();
  if (const auto v = decoder.F64(); !v.ok() || *v != 0.5) return v.status();
  if (const auto v = decoder.Bool(); !v.ok() || !*v) return v.status();
  if (const auto v = decoder.Bytes(); !v.ok() || *v != "raw") return v.status();
  if (const auto v = decoder.String(); !v.ok() || *v != "text") return v.status();
  if (const auto v = decoder.List(10); !v.ok() || *v != 1) return v.status();
  if (const auto v = decoder.U64(); !v.ok() || *v != 1) return v.status();
  if (absl::Status end = decoder.ExpectEnd(); !end.ok()) return end;
  return absl::CancelledError("all read");
}

TEST(CanonicalDecoderTest, ReadsBackWhatWasWritten) {
  EXPECT_TRUE(absl::IsCancelled(DecodeOneOfEach(EncodeOneOfEach())));
}

TEST(CanonicalDecoderTest, EveryTruncationIsAnError) {
  const std::string bytes = EncodeOneOfEach();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeOneOfEach(bytes.substr(0, size)))) << size;
  }
}

TEST(CanonicalDecoderTest, EveryWrongTagIsAnError) {
  const std::string bytes = EncodeOneOfEach();
  CanonicalDecoder decoder(bytes);
  EXPECT_FALSE(decoder.I64().ok());
  EXPECT_FALSE(decoder.F64().ok());
  EXPECT_FALSE(decoder.Bool().ok());
  EXPECT_FALSE(decoder.Bytes().ok());
  EXPECT_FALSE(decoder.String().ok());
  EXPECT_FALSE(decoder.List(1).ok());
  EXPECT_EQ(decoder.position(), 0) << "an error does not move the decoder";
  EXPECT_EQ(*decoder.U64(), 7);
}

TEST(CanonicalDecoderTest, ErrorNamesPositionAndExpectation) {
  const std::string bytes = EncodeOneOfEach();
  CanonicalDecoder decoder(bytes);
  ASSERT_TRUE(decoder.U64().ok());
  const std::string message(decoder.Bool().status().message());
  EXPECT_THAT(message, HasSubstr("byte 9"));
  EXPECT_THAT(message, HasSubstr("expected bool"));
}

TEST(CanonicalDecoderTest, RefusesBytesAnEncoderNeverWrites) {
  const auto view = [](std::span<const uint8_t> bytes) {
    return std::string(bytes.begin(), bytes.end());
  };
  const std::string nan = view(std::vector<uint8_t>{3, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f});
  EXPECT_FALSE(CanonicalDecoder(nan).F64().ok());
  const std::string minus_zero = view(std::vector<uint8_t>{3, 0, 0, 0, 0, 0, 0, 0, 0x80});
  EXPECT_FALSE(CanonicalDecoder(minus_zero).F64().ok());
  const std::string two = view(std::vector<uint8_t>{4, 2});
  EXPECT_FALSE(CanonicalDecoder(two).Bool().ok());
  const std::string not_utf8 = view(std::vector<uint8_t>{6, 1, 0, 0, 0, 0, 0, 0, 0, 0xff});
  EXPECT_FALSE(CanonicalDecoder(not_utf8).String().ok());
}

TEST(CanonicalDecoderTest, HugeLengthsAreRefusedBeforeMemoryIsReserved) {
  const std::string length = std::string("\x05") + std::string(8, '\xff') + "abc";
  EXPECT_FALSE(CanonicalDecoder(length).Bytes().ok());
  const std::string count = std::string("\x07") + std::string(8, '\xff') + "abc";
  EXPECT_FALSE(CanonicalDecoder(count).List(~uint64_t{0}).ok());
  CanonicalEncoder encoder;
  encoder.List(3).Bool(true).Bool(true).Bool(true);
  const std::string three = *std::move(encoder).Finish();
  EXPECT_FALSE(CanonicalDecoder(three).List(2).ok());
  EXPECT_EQ(*CanonicalDecoder(three).List(3), 3);
}

}  // namespace
}  // namespace graft::digest
