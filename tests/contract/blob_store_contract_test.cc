// The blob-store contract on the stores that need no server.
#include "tests/contract/blob_store_contract.h"

#include <utility>

#include "common/base/file.h"
#include "common/blob/caching_blob_store.h"
#include "common/blob/disk_blob_store.h"
#include "common/blob/memory_blob_store.h"

namespace graft::blob {
namespace {

class MemoryFixture final : public BlobStoreFixture {
 public:
  BlobStore* store() override { return &store_; }

 private:
  MemoryBlobStore store_;
};

class DiskFixture final : public BlobStoreFixture {
 public:
  BlobStore* store() override { return store_.get(); }

 private:
  base::TempDir directory_ = *base::TempDir::Create();
  std::unique_ptr<DiskBlobStore> store_ = *DiskBlobStore::Open({.directory = directory_.path()});
};

// A cache of `kLimitBytes` on disk in front of a store in memory.
template <uint64_t kLimitBytes>
class CachingFixture final : public BlobStoreFixture {
 public:
  BlobStore* store() override { return store_.get(); }

 private:
  base::TempDir directory_ = *base::TempDir::Create();
  MemoryBlobStore remote_;
  std::unique_ptr<DiskBlobStore> local_ =
      *DiskBlobStore::Open({.directory = directory_.path(), .sync_writes = false});
  std::unique_ptr<CachingBlobStore> store_ =
      *CachingBlobStore::Create(local_.get(), &remote_, {.limit_bytes = kLimitBytes});
};

INSTANTIATE_TEST_SUITE_P(Memory, BlobStoreContract, testing::Values(MakeFixture<MemoryFixture>));
INSTANTIATE_TEST_SUITE_P(Disk, BlobStoreContract, testing::Values(MakeFixture<DiskFixture>));
INSTANTIATE_TEST_SUITE_P(RoomyCache, BlobStoreContract,
                         testing::Values(MakeFixture<CachingFixture<uint64_t{1} << 30>>));
// Too small for most blobs of the suite: it evicts and reads past the cache.
INSTANTIATE_TEST_SUITE_P(TinyCache, BlobStoreContract,
                         testing::Values(MakeFixture<CachingFixture<1500>>));

}  // namespace
}  // namespace graft::blob
