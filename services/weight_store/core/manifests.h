#ifndef GRAFT_SERVICES_WEIGHT_STORE_CORE_MANIFESTS_H_
#define GRAFT_SERVICES_WEIGHT_STORE_CORE_MANIFESTS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/blob/blob_store.h"
#include "common/digest/typed_digest.h"

namespace graft::weight_store {

// Checks the bytes of a manifest and returns the blobs it refers to, or says what is wrong with it.
using ManifestReader =
    std::function<absl::StatusOr<std::vector<digest::BlobDigest>>(std::string_view bytes)>;

// Which blobs are manifests of weights, all of whose blobs were there when they were committed.
// Each is an empty file `<64 hex digits>-<size>` in one folder. Thread-safe.
class Manifests {
 public:
  // The largest manifest that is read.
  static constexpr uint64_t kMaxManifestBytes = 64 << 20;

  // Creates the folder, or reads what it lists; files with other names are an error. `store` must
  // outlive this.
  static absl::StatusOr<std::unique_ptr<Manifests>> Open(const std::string& folder,
                                                         blob::BlobStore* store,
                                                         ManifestReader reader);

  // Lists a stored blob; one that is listed already is OK. NOT_FOUND if there is no such blob,
  // INVALID_ARGUMENT if it is not a manifest, FAILED_PRECONDITION naming a blob that it lacks.
  absl::Status Commit(const digest::WeightsDigest& manifest);

  struct Page {
    std::vector<digest::WeightsDigest> manifests;
    std::string next_page_token;  // empty at the end
  };
  // In order of digest. `page_size` > 0. INVALID_ARGUMENT for a token that List did not give.
  absl::StatusOr<Page> List(size_t page_size, const std::string& page_token) const;

  size_t Count() const;

 private:
  Manifests(std::string folder, blob::BlobStore* store, ManifestReader reader);
  absl::Status Load();
  absl::Status Check(const digest::WeightsDigest& manifest) const;

  const std::string folder_;
  blob::BlobStore* const store_;
  const ManifestReader reader_;

  mutable base::Mutex mutex_;
  std::set<digest::WeightsDigest> committed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace graft::weight_store

#endif  // GRAFT_SERVICES_WEIGHT_STORE_CORE_MANIFESTS_H_
