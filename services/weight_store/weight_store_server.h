#ifndef GRAFT_SERVICES_WEIGHT_STORE_WEIGHT_STORE_SERVER_H_
#define GRAFT_SERVICES_WEIGHT_STORE_WEIGHT_STORE_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/blob/disk_blob_store.h"
#include "common/metrics/metered_blob_store.h"
#include "common/metrics/registry.h"
#include "common/rpc/server.h"
#include "services/weight_store/core/io_executor.h"
#include "services/weight_store/core/manifests.h"
#include "services/weight_store/core/quota_blob_store.h"
#include "services/weight_store/core/uploads.h"
#include "services/weight_store/weight_store_service.h"

namespace graft::v1 {
class WeightStoreConfig;
}

namespace graft::weight_store {

inline constexpr char kDefaultListen[] = "127.0.0.1:7071";
inline constexpr char kDefaultDirectory[] = "graft-store";

// A weight store that serves: disk, quota, metrics, core and gRPC put together. Thread-safe.
class WeightStoreServer {
 public:
  // Opens the folder and serves. `reader` checks manifests. Errors as those of DiskBlobStore::Open
  // and rpc::Server::Start; INVALID_ARGUMENT for a negative quota.
  static absl::StatusOr<std::unique_ptr<WeightStoreServer>> Start(
      const v1::WeightStoreConfig& config, ManifestReader reader);

  // "host:port" with the port that was picked.
  const std::string& address() const { return server_->address(); }
  const metrics::Registry& metrics() const { return metrics_; }

  // Refuses new calls and waits for those that run (rpc::Server::Drain).
  void Drain() { server_->Drain(); }

 private:
  WeightStoreServer(std::unique_ptr<blob::DiskBlobStore> disk, uint64_t quota_bytes);
  void PublishStatistics();

  metrics::Registry metrics_;
  const std::unique_ptr<blob::DiskBlobStore> disk_;
  QuotaBlobStore quota_;
  metrics::MeteredBlobStore metered_;
  Uploads uploads_;
  std::unique_ptr<Manifests> manifests_;
  // Ends after the server below, whose calls use it.
  IoExecutor executor_;
  std::unique_ptr<WeightStoreService> service_;
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace graft::weight_store

#endif  // GRAFT_SERVICES_WEIGHT_STORE_WEIGHT_STORE_SERVER_H_
