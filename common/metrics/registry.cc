#include "common/metrics/registry.h"

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <utility>

#include "common/base/check.h"
#include "common/base/mutex.h"

namespace graft::metrics {

void Counter::Increment(double by) { counter_->Increment(by); }
double Counter::Value() const { return counter_->Value(); }
void Gauge::Set(double value) { gauge_->Set(value); }
void Gauge::Add(double by) { gauge_->Increment(by); }
double Gauge::Value() const { return gauge_->Value(); }
void Histogram::Observe(double value) { histogram_->Observe(value); }

// Families by name, since prometheus-cpp finds a family again only under the same help text.
class Registry::Impl final : public prometheus::Collectable {
 public:
  template <typename Metric, typename Builder, typename... Arguments>
  Metric* Add(std::map<std::string, prometheus::Family<Metric>*>* families, Builder builder,
              std::string_view name, std::string_view help, const Labels& labels,
              const Arguments&... arguments) {
    base::MutexLock lock(&mutex_);
    prometheus::Family<Metric>*& family = (*families)[std::string(name)];
    try {
      if (family == nullptr) {
        GRAFT_CHECK(names_.emplace(name, &typeid(Metric)).second) << "two kinds named " << name;
        family = &builder.Name(std::string(name)).Help(std::string(help)).Register(registry_);
      }
      return &family->Add(labels, arguments...);
    } catch (const std::exception& error) {
      GRAFT_CHECK(false) << "metric " << name << ": " << error.what();
      std::abort();
    }
  }

  void RemoveGauges(const Labels& labels) {
    base::MutexLock lock(&mutex_);
    for (const auto& [name, family] : gauges) {
      // Add finds a gauge that is there, and makes none that would stay.
      if (family->Has(labels)) family->Remove(&family->Add(labels));
    }
  }

  void OnCollect(std::function<void()> update) {
    base::MutexLock lock(&mutex_);
    updates_.push_back(std::move(update));
  }

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<std::function<void()>> updates;
    {
      base::MutexLock lock(&mutex_);
      updates = updates_;
    }
    for (const std::function<void()>& update : updates) update();
    return registry_.Collect();
  }

  std::map<std::string, prometheus::Family<prometheus::Counter>*> counters;
  std::map<std::string, prometheus::Family<prometheus::Gauge>*> gauges;
  std::map<std::string, prometheus::Family<prometheus::Histogram>*> histograms;

 private:
  prometheus::Registry registry_;
  mutable base::Mutex mutex_;
  std::map<std::string, const std::type_info*> names_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> updates_ ABSL_GUARDED_BY(mutex_);
};

Registry::Registry() : impl_(std::make_shared<Impl>()) {}
Registry::~Registry() = default;

Counter Registry::AddCounter(std::string_view name, std::string_view help, const Labels& labels) {
  return Counter(impl_->Add(&impl_->counters, prometheus::BuildCounter(), name, help, labels));
}

Gauge Registry::AddGauge(std::string_view name, std::string_view help, const Labels& labels) {
  return Gauge(impl_->Add(&impl_->gauges, prometheus::BuildGauge(), name, help, labels));
}

void Registry::RemoveGauges(const Labels& labels) { impl_->RemoveGauges(labels); }

Histogram Registry::AddHistogram(std::string_view name, std::string_view help,
                                 const std::vector<double>& bounds, const Labels& labels) {
  return Histogram(
      impl_->Add(&impl_->histograms, prometheus::BuildHistogram(), name, help, labels, bounds));
}

void Registry::OnCollect(std::function<void()> update) { impl_->OnCollect(std::move(update)); }

std::string Registry::Render() const {
  return prometheus::TextSerializer().Serialize(impl_->Collect());
}

std::shared_ptr<prometheus::Collectable> Registry::collectable() const { return impl_; }

std::vector<double> LatencyBounds() {
  std::vector<double> bounds;
  for (double bound = 0.001; bound < 100; bound *= 4) bounds.push_back(bound);
  return bounds;
}

}  // namespace graft::metrics
