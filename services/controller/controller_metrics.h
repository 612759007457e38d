// What the controller tells Prometheus.
#ifndef GRAFT_SERVICES_CONTROLLER_CONTROLLER_METRICS_H_
#define GRAFT_SERVICES_CONTROLLER_CONTROLLER_METRICS_H_

#include "common/metrics/registry.h"
#include "services/controller/core/controller.h"

namespace graft::controller {

// Publishes, at each scrape:
//   graft_searches{state}, graft_trials{state}       of all searches
//   graft_leases, graft_workers, graft_events
//   graft_seconds_since_progress                     0 while no search is active; to alert on
//   graft_search_preservation_error{search}          largest of any child
//   graft_policy_<diagnostic>{search}                entropy, baseline, ... of its last episode
// A search's own are published until two minutes after its end.
// Both must outlive the registry's endpoint.
void PublishMetrics(const Controller* controller, metrics::Registry* registry);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CONTROLLER_METRICS_H_
