// Parts of RemoteBlobStore that its files share; for nobody else.
#ifndef GRAFT_COMMON_RPC_REMOTE_BLOB_INTERNAL_H_
#define GRAFT_COMMON_RPC_REMOTE_BLOB_INTERNAL_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/digest/sha256.h"
#include "common/rpc/remote_blob_store.h"
#include "proto/graft/v1/weight_store.grpc.pb.h"

namespace graft::rpc {

struct RemoteBlobStore::Connection {
  std::unique_ptr<v1::WeightStore::Stub> stub;
  Options options;

  // A unary call, with timeout and retries.
  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::WeightStore::Stub::*method)(grpc::ClientContext*,
                                                                  const Request&, Response*),
                    const Request& request, Response* response);
};

// Reads through one call after the other. Not thread-safe.
class RemoteBlobStore::Reader final : public blob::BlobReader {
 public:
  Reader(Connection* connection, const digest::BlobDigest& digest, uint64_t offset);
  ~Reader() override;

  // Fetches the first chunk, so that the errors of OpenReader are known.
  absl::Status Open();
  absl::StatusOr<size_t> Read(std::span<char> buffer) override;

 private:
  // Fills chunk_ with the next bytes, or leaves it empty at the verified end of the blob.
  absl::Status NextChunk();
  // The next message of the current call; starts one if there is none. Empty at its end.
  absl::Status ReceiveChunk();
  absl::Status Verify();

  Connection* const connection_;
  const digest::BlobDigest digest_;
  uint64_t offset_;  // bytes of the blob received so far
  // Set while reading from offset 0.
  std::optional<digest::Sha256Hasher> hasher_;
  bool at_end_ = false;

  std::string chunk_;
  size_t chunk_position_ = 0;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReader<v1::ReadBlobResponse>> stream_;
};

// Writes through one call after the other; see Pump. Not thread-safe.
class RemoteBlobStore::Writer final : public blob::BlobWriter {
 public:
  Writer(Connection* connection, const blob::WriteOptions& options);
  ~Writer() override;

  // Opens the upload, so that the errors of OpenWriter are known.
  absl::Status Open();
  absl::Status Append(std::string_view bytes) override;
  absl::StatusOr<digest::BlobDigest> Commit() override;
  uint64_t committed_size() const override { return size_; }

 private:
  enum class Goal {
    kSend,     // everything queued is written, and no more than the window is unanswered
    kRelease,  // everything queued has arrived
    kCommit,   // the blob is stored
  };
  struct Chunk {
    uint64_t end() const { return offset + data.size(); }
    uint64_t offset;
    std::string data;
  };

  // Starts a call and learns what the store has.
  absl::Status Connect();
  // Works towards a goal, over new calls where one breaks.
  absl::Status Pump(Goal goal);
  absl::Status PumpOnce(Goal goal);
  // After a call broke with `status`: a new call if that may help, else the status.
  absl::Status Reconnect(const absl::Status& status, Backoff* backoff, int* attempts);
  absl::Status WriteMessage(const v1::WriteBlobRequest& request);
  absl::Status ReadAnswer();
  // Ends the call; an error even if it ended well, because it should not have ended.
  absl::Status EndedCall();
  // Moves the buffer into the window.
  void Queue();
  // Forgets what has arrived, as far as it will not be needed again.
  void TrimWindow();
  absl::Status Fail(absl::Status status);
  // What Commit returns without asking, when the store had the blob already.
  absl::StatusOr<digest::BlobDigest> CommitStored();

  Connection* const connection_;
  const blob::WriteOptions options_;

  uint64_t size_ = 0;         // bytes accepted from the caller
  uint64_t queued_ = 0;       // those that went into the window
  std::string buffer_;        // those after them: less than a chunk
  std::deque<Chunk> window_;  // the last of the queued ones, which may have to be sent again
  uint64_t sent_ = 0;         // bytes written to the current call, or that it began with
  uint64_t arrived_ = 0;      // bytes that the store has said it has
  // Set while the upload began at 0.
  std::optional<digest::Sha256Hasher> hasher_;
  std::optional<digest::BlobDigest> stored_;  // the store has the blob
  bool failed_ = false;

  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WriteBlobRequest, v1::WriteBlobResponse>> stream_;
};

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_REMOTE_BLOB_INTERNAL_H_
