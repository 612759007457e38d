// The streaming calls of the weight store.
#ifndef GRAFT_SERVICES_WEIGHT_STORE_BLOB_STREAMS_H_
#define GRAFT_SERVICES_WEIGHT_STORE_BLOB_STREAMS_H_

#include <cstdint>
#include <memory>

#include "common/blob/blob_store.h"
#include "common/digest/blob_digest.h"
#include "proto/graft/v1/weight_store.grpc.pb.h"
#include "services/weight_store/core/io_executor.h"
#include "services/weight_store/core/uploads.h"

namespace graft::weight_store {

// Sends a blob: reads a chunk on the executor, writes it, reads the next. Deletes itself when the
// call is done. gRPC calls it from its threads, one after the other.
class ReadBlobStream final : public grpc::ServerWriteReactor<v1::ReadBlobResponse> {
 public:
  ReadBlobStream(blob::BlobStore* store, IoExecutor* executor, const v1::ReadBlobRequest& request);

  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  absl::Status Open(const v1::ReadBlobRequest& request);
  // Reads and sends a chunk, or ends the call. On the executor.
  void SendNext();

  blob::BlobStore* const store_;
  IoExecutor* const executor_;
  std::unique_ptr<blob::BlobReader> reader_;
  uint64_t left_ = 0;  // bytes not yet sent
  v1::ReadBlobResponse chunk_;
};

// Receives a blob: reads a message, gives it to the upload on the executor, answers, reads the
// next. Deletes itself when the call is done. gRPC calls it from its threads, one after the other.
class WriteBlobStream final
    : public grpc::ServerBidiReactor<v1::WriteBlobRequest, v1::WriteBlobResponse> {
 public:
  WriteBlobStream(Uploads* uploads, IoExecutor* executor);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  // Does what the message says. On the executor.
  absl::Status Handle();
  void Answer();
  // Lets go of the upload, so that it can be resumed once the client sees the end of the call.
  void End(const absl::Status& status);

  Uploads* const uploads_;
  IoExecutor* const executor_;
  std::unique_ptr<Upload> upload_;
  v1::WriteBlobRequest message_;
  v1::WriteBlobResponse answer_;
};

}  // namespace graft::weight_store

#endif  // GRAFT_SERVICES_WEIGHT_STORE_BLOB_STREAMS_H_
