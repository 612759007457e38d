#include "common/digest/sha256.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/hash/hash_testing.h"

namespace graft::digest {
namespace {

struct KnownAnswer {
  std::string message;
  std::string hex;
};

class Sha256KnownAnswerTest : public testing::TestWithParam<KnownAnswer> {};

TEST_P(Sha256KnownAnswerTest, GivesThePublishedDigest) {
  EXPECT_EQ(Sha256(GetParam().message).ToHex(), GetParam().hex);
}

// FIPS 180-2, appendix B, and the empty message.
INSTANTIATE_TEST_SUITE_P(
    Fips180, Sha256KnownAnswerTest,
    testing::Values(
        KnownAnswer{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        KnownAnswer{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        KnownAnswer{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        KnownAnswer{std::string(1'000'000, 'a'),
                    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}));

TEST(Sha256HasherTest, PiecesHashLikeTheWhole) {
  Sha256Hasher hasher;
  hasher.Update("a");
  hasher.Update("");
  hasher.Update("bc");
  EXPECT_EQ(hasher.Finish(), Sha256("abc"));
}

TEST(Sha256HasherTest, StartsAfreshAfterFinish) {
  Sha256Hasher hasher;
  hasher.Update("abc");
  hasher.Finish();
  EXPECT_EQ(hasher.Finish(), Sha256(""));
  hasher.Update("x");
  Sha256Hasher moved = std::move(hasher);
  moved.Update("yz");
  EXPECT_EQ(moved.Finish(), Sha256("xyz"));
}

TEST(Sha256DigestTest, HexRoundTrips) {
  const Sha256Digest digest = Sha256("round");
  EXPECT_EQ(*Sha256Digest::Parse(digest.ToHex()), digest);
  EXPECT_EQ(*Sha256Digest::FromBytes(digest.AsStringView()), digest);
}

TEST(Sha256DigestTest, RefusesMalformedText) {
  const std::string hex = Sha256("x").ToHex();
  std::string upper = hex;
  upper[0] = 'A';
  for (const std::string& text : {std::string(), hex.substr(1), hex.substr(2), hex + "00", upper,
                                  std::string(64, 'g'), " " + hex.substr(1)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Sha256Digest::Parse(text).status())) << text;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Sha256Digest::FromBytes("short").status()));
}

TEST(Sha256DigestTest, OrdersByBytesAndHashes) {
  const Sha256Digest low = *Sha256Digest::Parse(std::string(64, '0'));
  const Sha256Digest high = *Sha256Digest::Parse("80" + std::string(62, '0'));
  EXPECT_LT(low, high);
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly({low, high, Sha256("x")}));
}

}  // namespace
}  // namespace graft::digest
