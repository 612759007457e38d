#include "common/digest/blob_digest.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/hash/hash_testing.h"

namespace graft::digest {
namespace {

constexpr char kAbcHex[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(BlobDigestTest, NamesBytesByDigestAndSize) {
  const BlobDigest digest = BlobDigest::Of("abc");
  EXPECT_EQ(digest.sha256().ToHex(), kAbcHex);
  EXPECT_EQ(digest.size_bytes(), 3);
  EXPECT_EQ(digest.ToString(), std::string(kAbcHex) + "/3");
}

TEST(BlobDigestTest, TextRoundTrips) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{10}, BlobDigest::kMaxSizeBytes}) {
    const BlobDigest digest = *BlobDigest::Create(Sha256("x"), size);
    EXPECT_EQ(*BlobDigest::Parse(digest.ToString()), digest);
  }
}

TEST(BlobDigestTest, RefusesTextThatToStringNeverGives) {
  const std::string hex = kAbcHex;
  for (const std::string& text :
       {std::string(), hex, hex + "/", hex + "/03", hex + "/+3", hex + "/-3", hex + "/ 3",
        hex + "/3 ", hex + "/3/", hex + "/0x3", hex + "-3", hex.substr(2) + "/3",
        "../../etc/passwd/" + hex.substr(17) + "/3", hex + "/9223372036854775808",
        hex + "/99999999999999999999", "B" + hex.substr(1) + "/3"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(BlobDigest::Parse(text).status())) << text;
  }
}

TEST(BlobDigestTest, RefusesSizesThatDoNotFitSignedFields) {
  EXPECT_TRUE(absl::IsInvalidArgument(
      BlobDigest::Create(Sha256("x"), BlobDigest::kMaxSizeBytes + 1).status()));
}

TEST(BlobDigestTest, SizeTakesPartInComparisonAndHash) {
  const BlobDigest three = *BlobDigest::Create(Sha256("x"), 3);
  const BlobDigest four = *BlobDigest::Create(Sha256("x"), 4);
  EXPECT_NE(three, four);
  EXPECT_LT(three, four);
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly({three, four, BlobDigest::Of("y")}));
}

}  // namespace
}  // namespace graft::digest
