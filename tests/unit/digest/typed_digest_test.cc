#include "common/digest/typed_digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <concepts>
#include <string>
#include <type_traits>

namespace graft::digest {
namespace {

// Neither by conversion nor by construction.
static_assert(!std::is_constructible_v<Fingerprint, TrialKey>);
static_assert(!std::is_constructible_v<TrialKey, Fingerprint>);
static_assert(!std::is_convertible_v<Sha256Digest, Fingerprint>);
static_assert(!std::is_convertible_v<BlobDigest, WeightsDigest>);
static_assert(!std::is_convertible_v<WeightsDigest, BlobDigest>);
static_assert(!std::equality_comparable_with<Fingerprint, TrialKey>);
static_assert(!std::is_default_constructible_v<Fingerprint>);
static_assert(!std::is_default_constructible_v<WeightsDigest>);

TEST(TypedDigestTest, TextRoundTrips) {
  const Fingerprint fingerprint(Sha256("net"));
  EXPECT_EQ(*Fingerprint::Parse(fingerprint.ToString()), fingerprint);
  const WeightsDigest weights(BlobDigest::Of("manifest"));
  EXPECT_EQ(*WeightsDigest::Parse(weights.ToString()), weights);
}

TEST(TypedDigestTest, ParseErrorNamesTheKind) {
  EXPECT_THAT(std::string(TrialKey::Parse("zz").status().message()),
              testing::StartsWith("trial key: "));
  EXPECT_THAT(std::string(WeightsDigest::Parse("zz").status().message()),
              testing::StartsWith("weights digest: "));
}

}  // namespace
}  // namespace graft::digest
