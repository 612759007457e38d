// A network's predictions for images on this machine.
#ifndef GRAFT_SERVICES_CLI_PREDICTION_H_
#define GRAFT_SERVICES_CLI_PREDICTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/graft/v1/prediction.pb.h"
#include "services/cli/cluster_client.h"

namespace graft::cli {

struct PredictionOptions {
  std::string network;              // resource name
  std::vector<std::string> images;  // files and folders
  // Name of the data set that the network learned. Empty: that of its trial.
  std::string dataset;
  bool resize = false;
  std::int64_t top = 0;  // 0: 3
};

// Fetches network and data set and has graft-trainer, beside this program, look at the images.
// FAILED_PRECONDITION: no trial tells the network's data set, and none is given, or another one is.
// CANCELLED: SIGINT or SIGTERM came. Other errors are those of the store and of
// worker::RunPredictionJob.
absl::StatusOr<v1::PredictionReport> Predict(ClusterClient& client,
                                             const PredictionOptions& options);

// A line an image, then how many were right.
std::string PredictionTable(const v1::PredictionReport& report);

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_PREDICTION_H_
