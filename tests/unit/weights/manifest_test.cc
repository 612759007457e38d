#include "common/weights/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/strings.h"

namespace graft::weights {
namespace {

using digest::BlobDigest;
using tensor::DType;
using tensor::Shape;
using testing::HasSubstr;

const BlobDigest& Blob() {
  static const BlobDigest* const blob =
      new BlobDigest(*BlobDigest::Create(digest::Sha256("abc"), 1000));
  return *blob;
}

// 24 bytes at the start of the blob.
TensorEntry Entry(std::string name) {
  return {std::move(name), DType::kFloat32, Shape({2, 3}), Blob(), 0, 24};
}

TensorEntry EntryAt(std::string name, uint64_t offset) {
  TensorEntry entry = Entry(std::move(name));
  entry.offset = offset;
  return entry;
}

TEST(ManifestTest, EncodesAsDocumented) {
  const Manifest manifest = *Manifest::Create({EntryAt("w", 64)});
  const std::string bytes = manifest.Encode();
  // Written by hand from manifest.h and canonical.h.
  EXPECT_EQ(base::HexEncode({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}),
            "06"
            "1000000000000000"
            "67726166742e776569676874732e7631"  // "graft.weights.v1"
            "07"
            "0100000000000000"  // one tensor
            "06"
            "0100000000000000"
            "77"  // "w"
            "01"
            "0100000000000000"  // float32
            "07"
            "0200000000000000"  // two dimensions
            "01"
            "0200000000000000"  // 2
            "01"
            "0300000000000000"  // 3
            "05"
            "2000000000000000"  // 32 bytes
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
            "01"
            "e803000000000000"  // of 1000 bytes
            "01"
            "4000000000000000"  // offset 64
            "01"
            "1800000000000000");  // length 24
  EXPECT_EQ(manifest.Digest().blob(), BlobDigest::Of(bytes));
}

TEST(ManifestTest, DecodeOfEncodeIsTheIdentity) {
  const TensorEntry empty = {"empty", DType::kInt64, Shape({0, 7}), Blob(), 0, 0};
  const TensorEntry scalar = {"scalar", DType::kBFloat16, Shape(), BlobDigest::Of("ab"), 0, 2};
  for (const std::vector<TensorEntry>& entries :
       {std::vector<TensorEntry>{}, {Entry("w")}, {Entry("w"), empty, EntryAt("b", 64), scalar}}) {
    const Manifest manifest = *Manifest::Create(entries);
    const absl::StatusOr<Manifest> decoded = Manifest::Decode(manifest.Encode());
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, manifest);
  }
}

TEST(ManifestTest, OrderOfEntriesDoesNotMatter) {
  const Manifest one = *Manifest::Create({Entry("a"), EntryAt("b", 64)});
  const Manifest other = *Manifest::Create({EntryAt("b", 64), Entry("a")});
  EXPECT_EQ(one.Digest(), other.Digest());
  EXPECT_EQ(one.entries()[0].name, "a");
}

TEST(ManifestTest, ListsEachBlobOnce) {
  const TensorEntry elsewhere = {"c", DType::kUint8, Shape({2}), BlobDigest::Of("ab"), 0, 2};
  const Manifest manifest = *Manifest::Create({Entry("a"), EntryAt("b", 64), elsewhere});
  EXPECT_EQ(manifest.Blobs().size(), 2);
}

struct BadEntries {
  std::string name;
  std::vector<TensorEntry> entries;
  std::string problem;
};

TensorEntry Changed(const std::function<void(TensorEntry&)>& change) {
  TensorEntry entry = Entry("w");
  change(entry);
  return entry;
}

class BadManifestTest : public testing::TestWithParam<BadEntries> {};

TEST_P(BadManifestTest, IsRefusedWithTheReason) {
  const absl::Status status = Manifest::Create(GetParam().entries).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(
    Rules, BadManifestTest,
    testing::Values(
        BadEntries{"EmptyName", {Entry("")}, "a name has 1 to"},
        BadEntries{"LongName", {Entry(std::string(kMaxNameBytes + 1, 'n'))}, "a name has 1 to"},
        BadEntries{"NameNotUtf8", {Entry("\xFF")}, "not UTF-8"},
        BadEntries{"DuplicateName", {Entry("w"), EntryAt("w", 64)}, "appears twice"},
        BadEntries{
            "LengthOfAnotherShape", {Changed([](TensorEntry& e) { e.length = 20; })}, "needs 24"},
        BadEntries{"LengthOfAnotherDType",
                   {Changed([](TensorEntry& e) { e.dtype = DType::kInt64; })},
                   "needs 48"},
        BadEntries{"UnalignedOffset", {EntryAt("w", 4)}, "not a multiple of 64"},
        BadEntries{"BeyondTheEnd", {EntryAt("w", 1024)}, "beyond the end"},
        BadEntries{"AcrossTheEnd",
                   {Changed([](TensorEntry& e) {
                     e.shape = Shape({1001});
                     e.dtype = DType::kUint8;
                     e.length = 1001;
                   })},
                   "beyond the end"},
        BadEntries{"OffsetThatOverflows", {EntryAt("w", ~uint64_t{63})}, "beyond the end"},
        BadEntries{"SameBytesTwice", {Entry("a"), Entry("b")}, "overlaps tensor \"a\""},
        BadEntries{"Overlap",
                   {Changed([](TensorEntry& e) {
                      e.shape = Shape({17});
                      e.length = 68;
                    }),
                    EntryAt("x", 64)},
                   "overlaps tensor \"w\""},
        BadEntries{"HugeBlob",
                   {Changed([](TensorEntry& e) {
                     e.blob = *BlobDigest::Create(e.blob.sha256(), kMaxTotalBytes + 1);
                   })},
                   "more than"}),
    [](const testing::TestParamInfo<BadEntries>& info) { return info.param.name; });

TEST(ManifestTest, EveryTruncationIsRefused) {
  const std::string bytes = Manifest::Create({Entry("a"), EntryAt("b", 64)})->Encode();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsInvalidArgument(Manifest::Decode(bytes.substr(0, size)).status())) << size;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(Manifest::Decode(bytes + "x").status()));
}

TEST(ManifestTest, EveryFlippedByteIsRefusedOrAnotherManifest) {
  const Manifest manifest = *Manifest::Create({Entry("a"), EntryAt("b", 64)});
  const std::string bytes = manifest.Encode();
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xFF'}) {
      std::string changed = bytes;
      changed[i] ^= flip;
      const absl::StatusOr<Manifest> decoded = Manifest::Decode(changed);
      if (!decoded.ok()) continue;
      EXPECT_FALSE(*decoded == manifest) << i;
      EXPECT_EQ(decoded->Encode(), changed) << "bytes have one meaning, byte " << i;
    }
  }
}

TEST(ManifestTest, DecodeRefusesNamesOutOfOrder) {
  std::string bytes = Manifest::Create({Entry("a"), EntryAt("b", 64)})->Encode();
  // The names are the only bytes 'a' and 'b' that follow the length of one.
  const std::string one("\x06\x01\0\0\0\0\0\0\0", 9);
  const size_t a = bytes.find(one + "a");
  const size_t b = bytes.find(one + "b");
  ASSERT_NE(a, std::string::npos);
  ASSERT_NE(b, std::string::npos);
  std::swap(bytes[a + 9], bytes[b + 9]);
  EXPECT_THAT(std::string(Manifest::Decode(bytes).status().message()),
              HasSubstr("not in ascending order"));
}

}  // namespace
}  // namespace graft::weights
