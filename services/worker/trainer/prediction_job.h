// A network's predictions for images in files: what `graft-trainer evaluate` does.
#ifndef GRAFT_SERVICES_WORKER_TRAINER_PREDICTION_JOB_H_
#define GRAFT_SERVICES_WORKER_TRAINER_PREDICTION_JOB_H_

#include "absl/status/statusor.h"
#include "common/engine/backend.h"
#include "proto/graft/v1/prediction.pb.h"

namespace graft::worker {

// Images are decoded one after another, converted to the data set's colours, resized if the job
// says so, normalised as the trials' images were, and shown to the network a batch at a time.
// INVALID_ARGUMENT: no images, an image that cannot be decoded or has another size than the network
// sees, weights that do not fit, top beyond the classes; names the file and its position.
// NOT_FOUND: no such file. RESOURCE_EXHAUSTED: out of memory.
absl::StatusOr<v1::PredictionReport> RunPredictionJob(engine::Backend& backend,
                                                      const v1::PredictionJob& job);

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_TRAINER_PREDICTION_JOB_H_
