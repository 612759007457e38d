#include "services/weight_store/weight_store_server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "proto/graft/v1/config.pb.h"

namespace graft::weight_store {
namespace {

// Enough to keep a disk busy; calls beyond that wait their turn.
constexpr int kIoThreads = 8;

rpc::ServerOptions ServerOptions(grpc::Service* service, const metrics::Registry* metrics) {
  rpc::ServerOptions options;
  options.services = {service};
  // Users add data sets and export networks, workers read and write all day.
  options.rules = {{"/graft.v1.WeightStore/", rpc::Roles::All()}};
  options.default_listen = kDefaultListen;
  options.metrics = metrics;
  return options;
}

}  // namespace

WeightStoreServer::WeightStoreServer(std::unique_ptr<blob::DiskBlobStore> disk,
                                     uint64_t quota_bytes)
    : disk_(std::move(disk)),
      quota_(disk_.get(), quota_bytes),
      metered_(&quota_, &metrics_),
      uploads_(&metered_),
      executor_(kIoThreads) {}

absl::StatusOr<std::unique_ptr<WeightStoreServer>> WeightStoreServer::Start(
    const v1::WeightStoreConfig& config, ManifestReader reader) {
  if (config.quota_bytes() < 0) {
    return base::InvalidFieldError("quota_bytes", "must not be negative");
  }
  const std::string directory = config.directory().empty() ? kDefaultDirectory : config.directory();
  ASSIGN_OR_RETURN(std::unique_ptr<blob::DiskBlobStore> disk,
                   blob::DiskBlobStore::Open({.directory = directory}));
  std::unique_ptr<WeightStoreServer> server(
      new WeightStoreServer(std::move(disk), static_cast<uint64_t>(config.quota_bytes())));
  ASSIGN_OR_RETURN(server->manifests_, Manifests::Open(absl::StrCat(directory, "/manifests"),
                                                       &server->metered_, std::move(reader)));
  server->PublishStatistics();
  server->service_ = std::make_unique<WeightStoreService>(
      WeightStoreService::Parts{.store = &server->metered_,
                                .local = server->disk_.get(),
                                .uploads = &server->uploads_,
                                .manifests = server->manifests_.get(),
                                .executor = &server->executor_});
  ASSIGN_OR_RETURN(server->server_,
                   rpc::Server::Start(config.server(),
                                      ServerOptions(server->service_.get(), &server->metrics_)));
  return server;
}

void WeightStoreServer::PublishStatistics() {
  metrics::Gauge bytes = metrics_.AddGauge("graft_store_bytes", "Bytes of all blobs.");
  metrics::Gauge blobs = metrics_.AddGauge("graft_store_blobs", "Blobs.");
  metrics::Gauge manifests = metrics_.AddGauge("graft_store_manifests", "Committed manifests.");
  metrics::Gauge quarantined =
      metrics_.AddGauge("graft_store_quarantined_blobs", "Blobs found damaged since the start.");
  metrics_.OnCollect([this, bytes, blobs, manifests, quarantined]() mutable {
    const blob::BlobStoreStats stats = disk_->Stats();
    bytes.Set(static_cast<double>(stats.size_bytes));
    blobs.Set(static_cast<double>(stats.blob_count));
    quarantined.Set(static_cast<double>(stats.quarantined_count));
    manifests.Set(static_cast<double>(manifests_->Count()));
  });
}

}  // namespace graft::weight_store
