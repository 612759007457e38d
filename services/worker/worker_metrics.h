// What a worker tells Prometheus.
#ifndef GRAFT_SERVICES_WORKER_WORKER_METRICS_H_
#define GRAFT_SERVICES_WORKER_WORKER_METRICS_H_

#include <functional>
#include <map>
#include <string>

#include "common/blob/caching_blob_store.h"
#include "common/metrics/registry.h"
#include "proto/graft/v1/trainer.pb.h"

namespace graft::worker {

// Thread-safe.
class WorkerMetrics {
 public:
  explicit WorkerMetrics(metrics::Registry* registry);

  void CountEnd(const v1::TrialEnded& end);
  void AddBytesMoved(double bytes) { bytes_moved_.Increment(bytes); }
  void SetRunning(double trials) { running_.Set(trials); }
  // Read at each scrape.
  void Observe(std::function<blob::BlobCacheStats()> cache, std::function<double()> crashes);

 private:
  metrics::Registry* const registry_;
  metrics::Gauge running_;
  metrics::Gauge images_per_second_;
  metrics::Counter data_wait_seconds_;
  metrics::Counter trial_seconds_;
  metrics::Counter bytes_moved_;
  metrics::Histogram preservation_error_;
};

}  // namespace graft::worker

#endif  // GRAFT_SERVICES_WORKER_WORKER_METRICS_H_
