// graft-weight-store: keeps blobs and manifests for a cluster.
#include <memory>
#include <string>

#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "common/rpc/service_main.h"
#include "common/weights/manifest.h"
#include "proto/graft/v1/config.pb.h"
#include "services/weight_store/weight_store_server.h"

namespace graft::weight_store {
namespace {

absl::StatusOr<std::vector<digest::BlobDigest>> BlobsOfManifest(std::string_view bytes) {
  ASSIGN_OR_RETURN(const weights::Manifest manifest, weights::Manifest::Decode(bytes));
  return manifest.Blobs();
}

absl::Status Serve(const v1::WeightStoreConfig& config, rpc::ShutdownSignal* signal) {
  ASSIGN_OR_RETURN(const std::unique_ptr<WeightStoreServer> server,
                   WeightStoreServer::Start(config, BlobsOfManifest));
  base::LogInfo("draining", {{"signal", signal->Wait()}});
  server->Drain();
  return absl::OkStatus();
}

}  // namespace
}  // namespace graft::weight_store

int main(int argc, char** argv) {
  graft::v1::WeightStoreConfig config;
  config.mutable_server()->set_listen(graft::weight_store::kDefaultListen);
  config.set_directory(graft::weight_store::kDefaultDirectory);
  graft::rpc::ServiceProgram program;
  program.name = "graft-weight-store";
  program.description = "Keeps the blobs and manifests of a Graft cluster.";
  program.config = &config;
  program.overrides = {
      {"--listen", "server.listen", "Address to listen on, host:port"},
      {"--metrics-listen", "server.metrics_listen", "Address of the Prometheus endpoint"},
      {"--port-file", "server.port_file", "File into which the addresses are written"},
      {"--directory", "directory", "Folder of the blobs"},
  };
  program.run = [&config](graft::rpc::ShutdownSignal* signal) {
    return graft::weight_store::Serve(config, signal);
  };
  return graft::rpc::ServiceMain(argc, argv, program);
}
