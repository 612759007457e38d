#ifndef GRAFT_SERVICES_WEIGHT_STORE_WEIGHT_STORE_SERVICE_H_
#define GRAFT_SERVICES_WEIGHT_STORE_WEIGHT_STORE_SERVICE_H_

#include "common/blob/blob_store.h"
#include "proto/graft/v1/weight_store.grpc.pb.h"
#include "services/weight_store/core/io_executor.h"
#include "services/weight_store/core/manifests.h"
#include "services/weight_store/core/uploads.h"

namespace graft::weight_store {

// The gRPC face of a store: parses, calls the core on its executor, converts. Holds one chunk of a
// stream at a time. Thread-safe.
class WeightStoreService final : public v1::WeightStore::CallbackService {
 public:
  struct Parts {
    blob::BlobStore* store = nullptr;
    // For statistics; usually what `store` decorates.
    const blob::LocalBlobStore* local = nullptr;
    Uploads* uploads = nullptr;
    Manifests* manifests = nullptr;
    IoExecutor* executor = nullptr;
  };

  // All parts must outlive the server.
  explicit WeightStoreService(const Parts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* FindMissingBlobs(grpc::CallbackServerContext* context,
                                             const v1::FindMissingBlobsRequest* request,
                                             v1::FindMissingBlobsResponse* response) override;
  grpc::ServerWriteReactor<v1::ReadBlobResponse>* ReadBlob(
      grpc::CallbackServerContext* context, const v1::ReadBlobRequest* request) override;
  grpc::ServerBidiReactor<v1::WriteBlobRequest, v1::WriteBlobResponse>* WriteBlob(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* QueryWriteStatus(grpc::CallbackServerContext* context,
                                             const v1::QueryWriteStatusRequest* request,
                                             v1::QueryWriteStatusResponse* response) override;
  grpc::ServerUnaryReactor* CommitManifest(grpc::CallbackServerContext* context,
                                           const v1::CommitManifestRequest* request,
                                           v1::CommitManifestResponse* response) override;
  grpc::ServerUnaryReactor* ListManifests(grpc::CallbackServerContext* context,
                                          const v1::ListManifestsRequest* request,
                                          v1::ListManifestsResponse* response) override;
  grpc::ServerUnaryReactor* GetStatistics(grpc::CallbackServerContext* context,
                                          const v1::GetStatisticsRequest* request,
                                          v1::Statistics* response) override;

 private:
  const Parts parts_;
};

}  // namespace graft::weight_store

#endif  // GRAFT_SERVICES_WEIGHT_STORE_WEIGHT_STORE_SERVICE_H_
