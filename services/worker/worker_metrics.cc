#include "services/worker/worker_metrics.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "common/wire/time_wire.h"

namespace graft::worker {
namespace {

// "completed", "crashed", "not_preserved", ...
std::string OutcomeLabel(const v1::TrialEnded& end) {
  if (end.has_result()) return "completed";
  const std::string name = v1::FailureReason_Name(end.failure().reason());
  return absl::AsciiStrToLower(absl::StripPrefix(name, "FAILURE_REASON_"));
}

double Seconds(const google::protobuf::Duration& duration) {
  return absl::ToDoubleSeconds(wire::FromProto(duration).value_or(absl::ZeroDuration()));
}

}  // namespace

WorkerMetrics::WorkerMetrics(metrics::Registry* registry)
    : registry_(registry),
      running_(registry->AddGauge("graft_worker_running_trials", "Trials that run now.")),
      images_per_second_(
          registry->AddGauge("graft_worker_images_per_second",
                             "Training images per second of the trial that completed last.")),
      data_wait_seconds_(
          registry->AddCounter("graft_worker_data_wait_seconds_total",
                               "Time that trainings waited for images to be prepared.")),
      trial_seconds_(registry->AddCounter("graft_worker_trial_seconds_total",
                                          "Wall time of the trials that completed.")),
      bytes_moved_(registry->AddCounter("graft_worker_moved_bytes_total",
                                        "Bytes moved between worker and store.")),
      preservation_error_(registry->AddHistogram(
          "graft_worker_preservation_error",
          "Largest logit difference of child and parent over the parent's largest logit.",
          {1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1})) {}

void WorkerMetrics::CountEnd(const v1::TrialEnded& end) {
  registry_
      ->AddCounter("graft_worker_trials_total", "Trials that ended here, by outcome.",
                   {{"outcome", OutcomeLabel(end)}})
      .Increment();
  if (!end.has_result()) return;
  const v1::Measurement& measurement = end.result().measurement();
  const v1::Cost& cost = measurement.cost();
  images_per_second_.Set(cost.images_per_second());
  data_wait_seconds_.Increment(Seconds(cost.data_wait()));
  trial_seconds_.Increment(Seconds(cost.wall_time()));
  if (measurement.has_preservation_error()) {
    preservation_error_.Observe(measurement.preservation_error());
  }
}

void WorkerMetrics::Observe(std::function<blob::BlobCacheStats()> cache,
                            std::function<double()> crashes) {
  metrics::Gauge hits =
      registry_->AddGauge("graft_worker_cache_hits", "Blobs read from the cache.");
  metrics::Gauge misses =
      registry_->AddGauge("graft_worker_cache_misses", "Blobs that had to be fetched.");
  metrics::Gauge bytes = registry_->AddGauge("graft_worker_cache_bytes", "Bytes of cached blobs.");
  metrics::Gauge restarts =
      registry_->AddGauge("graft_worker_trainer_crashes", "Times that the trainer crashed.");
  registry_->OnCollect([hits, misses, bytes, restarts, cache = std::move(cache),
                        crashes = std::move(crashes)]() mutable {
    const blob::BlobCacheStats stats = cache();
    hits.Set(static_cast<double>(stats.hits));
    misses.Set(static_cast<double>(stats.misses));
    bytes.Set(static_cast<double>(stats.size_bytes));
    restarts.Set(crashes());
  });
}

}  // namespace graft::worker
