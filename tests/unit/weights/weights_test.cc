#include "common/weights/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/base/rng.h"
#include "common/blob/blob_io.h"
#include "common/blob/memory_blob_store.h"

namespace graft::weights {
namespace {

using digest::BlobDigest;
using digest::WeightsDigest;
using tensor::DType;
using tensor::NamedTensors;
using tensor::Shape;
using tensor::Tensor;

NamedTensors SomeTensors() {
  base::Rng rng(1);
  NamedTensors tensors;
  for (const Shape& shape : {Shape({4, 3, 3, 3}), Shape({17}), Shape(), Shape({0, 5})}) {
    Tensor tensor = Tensor::Zeros(DType::kFloat32, shape);
    for (float& value : tensor.mutable_floats()) value = rng.Normal();
    tensors.Set("t" + shape.ToString(), std::move(tensor));
  }
  Tensor step = Tensor::Zeros(DType::kInt64, {});
  step.mutable_data<int64_t>()[0] = 42;
  tensors.Set("step", std::move(step));
  return tensors;
}

TEST(WeightsTest, LoadOfSaveIsTheIdentity) {
  blob::MemoryBlobStore store;
  for (const NamedTensors& tensors : {SomeTensors(), NamedTensors()}) {
    const absl::StatusOr<WeightsDigest> weights = SaveWeights(tensors, &store);
    ASSERT_TRUE(weights.ok()) << weights.status();
    const absl::StatusOr<NamedTensors> loaded = LoadWeights(*weights, &store);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(*loaded, tensors);
  }
}

TEST(WeightsTest, EqualTensorsHaveEqualDigests) {
  blob::MemoryBlobStore store;
  const WeightsDigest one = *SaveWeights(SomeTensors(), &store);
  EXPECT_EQ(*SaveWeights(SomeTensors(), &store), one);
  NamedTensors changed = SomeTensors();
  changed.FindMutable("t[17]")->mutable_floats()[3] += 1;
  EXPECT_NE(*SaveWeights(changed, &store), one);
}

TEST(WeightsTest, DigestIsThatOfTheManifest) {
  blob::MemoryBlobStore store;
  const WeightsDigest weights = *SaveWeights(SomeTensors(), &store);
  EXPECT_EQ(LoadManifest(weights, &store)->Digest(), weights);
  EXPECT_EQ(PackWeights(SomeTensors())->manifest.Digest(), weights);
}

TEST(WeightsTest, PackingAlignsAndPadsWithZeros) {
  NamedTensors tensors;
  tensors.Set("a", Tensor::FromFloats({1}, std::vector<float>{1.0F}));
  tensors.Set("b", Tensor::FromFloats({1}, std::vector<float>{2.0F}));
  const PackedWeights packed = *PackWeights(tensors);
  EXPECT_EQ(packed.blob, std::string("\x00\x00\x80\x3f", 4) + std::string(60, '\0') +
                             std::string("\x00\x00\x00\x40", 4));
  EXPECT_EQ(packed.manifest.entries()[0].offset, 0);
  EXPECT_EQ(packed.manifest.entries()[1].offset, 64);
}

TEST(WeightsTest, UnpackReadsTensorsFromSeveralBlobs) {
  NamedTensors front;
  front.Set("a", Tensor::FromFloats({1}, std::vector<float>{1.0F}));
  NamedTensors back;
  back.Set("b", Tensor::FromFloats({1}, std::vector<float>{2.0F}));
  const PackedWeights packed_front = *PackWeights(front);
  const PackedWeights packed_back = *PackWeights(back);
  const Manifest both =
      *Manifest::Create({packed_front.manifest.entries()[0], packed_back.manifest.entries()[0]});
  int reads = 0;
  const absl::StatusOr<NamedTensors> tensors =
      UnpackWeights(both, [&](const BlobDigest& digest) -> absl::StatusOr<std::string_view> {
        ++reads;
        return digest == BlobDigest::Of(packed_front.blob) ? packed_front.blob : packed_back.blob;
      });
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  EXPECT_EQ(reads, 2);
  EXPECT_EQ(tensors->Get("a"), front.Get("a"));
  EXPECT_EQ(tensors->Get("b"), back.Get("b"));
}

TEST(WeightsTest, MissingManifestOrBlobIsNotFound) {
  blob::MemoryBlobStore store;
  const WeightsDigest weights = *SaveWeights(SomeTensors(), &store);
  ASSERT_TRUE(store.Delete(LoadManifest(weights, &store)->Blobs()[0]).ok());
  EXPECT_TRUE(absl::IsNotFound(LoadWeights(weights, &store).status()));
  EXPECT_TRUE(absl::IsNotFound(
      LoadWeights(WeightsDigest(BlobDigest::Of("never stored")), &store).status()));
}

TEST(WeightsTest, BlobThatIsNoManifestIsInvalid) {
  blob::MemoryBlobStore store;
  const BlobDigest digest = *blob::PutBytes(&store, "not a manifest");
  EXPECT_TRUE(absl::IsInvalidArgument(LoadWeights(WeightsDigest(digest), &store).status()));
}

TEST(WeightsTest, ManifestBeyondTheLimitIsNotRead) {
  blob::MemoryBlobStore store;
  const BlobDigest digest = *BlobDigest::Create(digest::Sha256("x"), kMaxManifestBytes + 1);
  EXPECT_TRUE(absl::IsResourceExhausted(LoadWeights(WeightsDigest(digest), &store).status()));
}

TEST(WeightsTest, BlobOfAnotherSizeIsDataLoss) {
  const PackedWeights packed = *PackWeights(SomeTensors());
  EXPECT_TRUE(absl::IsDataLoss(
      UnpackWeights(packed.manifest, [](const BlobDigest&) -> absl::StatusOr<std::string_view> {
        return "short";
      }).status()));
}

TEST(WeightsTest, MalformedNamesAreRefused) {
  NamedTensors tensors;
  tensors.Set("", Tensor());
  EXPECT_TRUE(absl::IsInvalidArgument(PackWeights(tensors).status()));
}

}  // namespace
}  // namespace graft::weights
