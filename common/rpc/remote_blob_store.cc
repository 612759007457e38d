#include "common/rpc/remote_blob_store.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "common/rpc/client.h"
#include "common/rpc/remote_blob_internal.h"
#include "common/rpc/status_conversion.h"

namespace graft::rpc {
namespace {

constexpr size_t kMaxDigestsPerCall = 10'000;

}  // namespace

template <typename Request, typename Response>
absl::Status RemoteBlobStore::Connection::Call(
    grpc::Status (v1::WeightStore::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    const Request& request, Response* response) {
  return Retry(options.retry, options.sleeper, [&] {
    grpc::ClientContext context;
    SetTimeout(options.call_timeout, &context);
    return FromGrpc((stub.get()->*method)(&context, request, response));
  });
}

RemoteBlobStore::RemoteBlobStore(std::shared_ptr<grpc::Channel> channel, const Options& options)
    : connection_(new Connection{v1::WeightStore::NewStub(std::move(channel)), options}) {}

RemoteBlobStore::~RemoteBlobStore() = default;

absl::StatusOr<std::vector<digest::BlobDigest>> RemoteBlobStore::FindMissing(
    std::span<const digest::BlobDigest> digests) {
  std::vector<digest::BlobDigest> missing;
  while (!digests.empty()) {
    const size_t count = std::min(digests.size(), kMaxDigestsPerCall);
    v1::FindMissingBlobsRequest request;
    for (const digest::BlobDigest& digest : digests.first(count)) {
      request.add_digests(digest.ToString());
    }
    v1::FindMissingBlobsResponse response;
    RETURN_IF_ERROR(
        connection_->Call(&v1::WeightStore::Stub::FindMissingBlobs, request, &response));
    for (const std::string& text : response.missing()) {
      ASSIGN_OR_RETURN(const digest::BlobDigest digest, digest::BlobDigest::Parse(text));
      missing.push_back(digest);
    }
    digests = digests.subspan(count);
  }
  return missing;
}

absl::StatusOr<std::unique_ptr<blob::BlobReader>> RemoteBlobStore::OpenReader(
    const digest::BlobDigest& digest, uint64_t offset) {
  auto reader = std::make_unique<Reader>(connection_.get(), digest, offset);
  RETURN_IF_ERROR(reader->Open());
  return reader;
}

absl::StatusOr<std::unique_ptr<blob::BlobWriter>> RemoteBlobStore::OpenWriter(
    const blob::WriteOptions& options) {
  if (!options.upload_id.empty()) RETURN_IF_ERROR(blob::ValidateUploadId(options.upload_id));
  auto writer = std::make_unique<Writer>(connection_.get(), options);
  RETURN_IF_ERROR(writer->Open());
  return writer;
}

absl::Status RemoteBlobStore::CommitManifest(const digest::WeightsDigest& manifest) {
  v1::CommitManifestRequest request;
  request.set_digest(manifest.ToString());
  v1::CommitManifestResponse response;
  return connection_->Call(&v1::WeightStore::Stub::CommitManifest, request, &response);
}

}  // namespace graft::rpc
