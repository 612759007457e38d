#include "services/weight_store/weight_store_service.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/rpc/status_conversion.h"
#include "services/weight_store/blob_streams.h"

namespace graft::weight_store {
namespace {

constexpr int kMaxDigests = 10'000;
constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1'000;

// Does the work of a unary call on the executor.
grpc::ServerUnaryReactor* Run(IoExecutor* executor, grpc::CallbackServerContext* context,
                              std::function<absl::Status()> work) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  executor->Run([reactor, work = std::move(work)] { reactor->Finish(rpc::ToGrpc(work())); });
  return reactor;
}

absl::Status FieldError(std::string_view field, const absl::Status& status) {
  return base::InvalidFieldError(field, base::ToStd(status.message()));
}

absl::StatusOr<std::vector<digest::BlobDigest>> ParseDigests(
    const v1::FindMissingBlobsRequest& request) {
  if (request.digests_size() > kMaxDigests) {
    return base::InvalidFieldError("digests", absl::StrCat("expected at most ", kMaxDigests,
                                                           ", got ", request.digests_size()));
  }
  std::vector<digest::BlobDigest> digests;
  for (int i = 0; i < request.digests_size(); ++i) {
    absl::StatusOr<digest::BlobDigest> digest = digest::BlobDigest::Parse(request.digests(i));
    if (!digest.ok()) return FieldError(absl::StrCat("digests[", i, "]"), digest.status());
    digests.push_back(*digest);
  }
  return digests;
}

absl::StatusOr<size_t> PageSize(int32_t requested) {
  if (requested < 0) return base::InvalidFieldError("page_size", "must not be negative");
  return static_cast<size_t>(requested == 0 ? kDefaultPageSize : std::min(requested, kMaxPageSize));
}

}  // namespace

grpc::ServerUnaryReactor* WeightStoreService::FindMissingBlobs(
    grpc::CallbackServerContext* context, const v1::FindMissingBlobsRequest* request,
    v1::FindMissingBlobsResponse* response) {
  return Run(parts_.executor, context, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<digest::BlobDigest> digests, ParseDigests(*request));
    ASSIGN_OR_RETURN(const std::vector<digest::BlobDigest> missing,
                     parts_.store->FindMissing(digests));
    for (const digest::BlobDigest& digest : missing) response->add_missing(digest.ToString());
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::ReadBlobResponse>* WeightStoreService::ReadBlob(
    grpc::CallbackServerContext*, const v1::ReadBlobRequest* request) {
  return new ReadBlobStream(parts_.store, parts_.executor, *request);
}

grpc::ServerBidiReactor<v1::WriteBlobRequest, v1::WriteBlobResponse>* WeightStoreService::WriteBlob(
    grpc::CallbackServerContext*) {
  return new WriteBlobStream(parts_.uploads, parts_.executor);
}

grpc::ServerUnaryReactor* WeightStoreService::QueryWriteStatus(
    grpc::CallbackServerContext* context, const v1::QueryWriteStatusRequest* request,
    v1::QueryWriteStatusResponse* response) {
  return Run(parts_.executor, context, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const uint64_t size, parts_.uploads->CommittedSize(request->upload_id()));
    response->set_committed_size(static_cast<int64_t>(size));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* WeightStoreService::CommitManifest(
    grpc::CallbackServerContext* context, const v1::CommitManifestRequest* request,
    v1::CommitManifestResponse*) {
  return Run(parts_.executor, context, [this, request]() -> absl::Status {
    const absl::StatusOr<digest::WeightsDigest> manifest =
        digest::WeightsDigest::Parse(request->digest());
    if (!manifest.ok()) return FieldError("digest", manifest.status());
    return parts_.manifests->Commit(*manifest);
  });
}

grpc::ServerUnaryReactor* WeightStoreService::ListManifests(grpc::CallbackServerContext* context,
                                                            const v1::ListManifestsRequest* request,
                                                            v1::ListManifestsResponse* response) {
  return Run(parts_.executor, context, [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const size_t page_size, PageSize(request->page_size()));
    absl::StatusOr<Manifests::Page> page = parts_.manifests->List(page_size, request->page_token());
    if (!page.ok()) return FieldError("page_token", page.status());
    for (const digest::WeightsDigest& manifest : page->manifests) {
      response->add_digests(manifest.ToString());
    }
    response->set_next_page_token(page->next_page_token);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* WeightStoreService::GetStatistics(grpc::CallbackServerContext* context,
                                                            const v1::GetStatisticsRequest*,
                                                            v1::Statistics* response) {
  return Run(parts_.executor, context, [this, response] {
    const blob::BlobStoreStats stats = parts_.local->Stats();
    response->set_blob_count(static_cast<int64_t>(stats.blob_count));
    response->set_blob_bytes(static_cast<int64_t>(stats.size_bytes));
    response->set_quarantined_count(static_cast<int64_t>(stats.quarantined_count));
    response->set_manifest_count(static_cast<int64_t>(parts_.manifests->Count()));
    return absl::OkStatus();
  });
}

}  // namespace graft::weight_store
