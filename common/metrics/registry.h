// Numbers about a running process for Prometheus. The only library that knows prometheus-cpp.
#ifndef GRAFT_COMMON_METRICS_REGISTRY_H_
#define GRAFT_COMMON_METRICS_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Collectable;
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace graft::metrics {

// Label names and values: {{"operation", "read"}}.
using Labels = std::map<std::string, std::string>;

// The three kinds of metrics are cheap handles, valid as long as their registry. Thread-safe.

// Only grows.
class Counter {
 public:
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
  void Increment(double by = 1);
  double Value() const;

 private:
  prometheus::Counter* counter_;
};

// Goes up and down.
class Gauge {
 public:
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
  void Set(double value);
  void Add(double by);
  double Value() const;

 private:
  prometheus::Gauge* gauge_;
};

// Counts values by size.
class Histogram {
 public:
  explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}
  void Observe(double value);

 private:
  prometheus::Histogram* histogram_;
};

// All metrics of a process. Names follow Prometheus' conventions: `graft_store_read_bytes_total`,
// base units, `_total` on counters; a bad name or label, or one name used for two kinds, is a
// broken invariant. Asking again for the same name and labels gives the same metric. Thread-safe.
class Registry {
 public:
  Registry();
  ~Registry();

  Counter AddCounter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge AddGauge(std::string_view name, std::string_view help, const Labels& labels = {});
  // Ends all gauges with exactly these labels. Nobody may use them any more.
  void RemoveGauges(const Labels& labels);
  // `bounds`: ascending upper bounds of the buckets.
  Histogram AddHistogram(std::string_view name, std::string_view help,
                         const std::vector<double>& bounds, const Labels& labels = {});

  // Calls `update` before each scrape, to set gauges whose values are cheap to ask for. What it
  // refers to must outlive the endpoint that serves this registry.
  void OnCollect(std::function<void()> update);

  // Everything in the text exposition format.
  std::string Render() const;

  // For Endpoint.
  std::shared_ptr<prometheus::Collectable> collectable() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

// Bucket bounds of a latency in seconds: 1 ms to about 65 s, each 4 times the one before.
std::vector<double> LatencyBounds();

}  // namespace graft::metrics

#endif  // GRAFT_COMMON_METRICS_REGISTRY_H_
