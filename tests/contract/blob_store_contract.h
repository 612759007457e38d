// What every BlobStore promises (common/blob/blob_store.h), as a test suite to run on each
// implementation:
//
//   class MyFixture : public BlobStoreFixture { ... };
//   INSTANTIATE_TEST_SUITE_P(My, BlobStoreContract, testing::Values(MakeFixture<MyFixture>));
//
// in a program that also links blob_store_contract.cc.
#ifndef GRAFT_TESTS_CONTRACT_BLOB_STORE_CONTRACT_H_
#define GRAFT_TESTS_CONTRACT_BLOB_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <memory>

#include "common/blob/blob_store.h"

namespace graft::blob {

// Owns one empty store and what it stands on (folders, servers, other stores).
class BlobStoreFixture {
 public:
  virtual ~BlobStoreFixture() = default;
  virtual BlobStore* store() = 0;
};

using BlobStoreFixtureFactory = std::unique_ptr<BlobStoreFixture> (*)();

template <typename Fixture>
std::unique_ptr<BlobStoreFixture> MakeFixture() {
  return std::make_unique<Fixture>();
}

class BlobStoreContract : public testing::TestWithParam<BlobStoreFixtureFactory> {
 protected:
  BlobStoreContract() : fixture_(GetParam()()) {}
  BlobStore* store() { return fixture_->store(); }

 private:
  const std::unique_ptr<BlobStoreFixture> fixture_;
};

}  // namespace graft::blob

#endif  // GRAFT_TESTS_CONTRACT_BLOB_STORE_CONTRACT_H_
