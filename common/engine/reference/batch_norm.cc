// y = scale (x - mean) / sqrt(variance + epsilon) + shift, by channel. S. Ioffe, C. Szegedy, "Batch
// Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift", ICML
// 2015. In training, mean and variance are those of the batch (biased), and the statistics move:
// running += momentum (batch - running), the variance with the unbiased one of the batch.
#include <cmath>

#include "common/engine/graph_checks.h"
#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

enum { kX, kScale, kShift, kMean, kVariance };

struct Moments {
  double mean = 0;
  double variance = 0;  // biased
  double count = 0;
};

// Calls f(position) for each element of channel c of x.
template <typename F>
void ForEachOfChannel(const Value& x, std::int64_t c, F f) {
  const std::int64_t channels = x.shape.dim(0);
  const std::int64_t plane = x.shape.ElementCount() / channels;
  for (std::int64_t n = 0; n < x.outer; ++n) {
    for (std::int64_t i = 0; i < plane; ++i) f((n * channels + c) * plane + i);
  }
}

Moments BatchMoments(const Value& x, std::int64_t c) {
  Moments moments;
  ForEachOfChannel(x, c, [&](std::int64_t i) {
    moments.mean += x.data[i];
    moments.count += 1;
  });
  moments.mean /= moments.count;
  ForEachOfChannel(x, c, [&](std::int64_t i) {
    const double centred = x.data[i] - moments.mean;
    moments.variance += centred * centred;
  });
  moments.variance /= moments.count;
  return moments;
}

bool UsesBatch(const Call& call) {
  return call.mode == Mode::kTraining && !HasFrozenStatistics(call.node, call.options);
}

Moments Statistics(const Call& call, std::int64_t c) {
  return {.mean = call.operands[kMean]->data[c], .variance = call.operands[kVariance]->data[c]};
}

void UpdateStatistics(const Call& call, std::int64_t c, const Moments& batch) {
  const double momentum = arch::GetDouble(call.node.attributes, "momentum");
  double& mean = call.operands[kMean]->data[c];
  double& variance = call.operands[kVariance]->data[c];
  mean += momentum * (batch.mean - mean);
  variance += momentum * (batch.variance * batch.count / (batch.count - 1) - variance);
}

void Forward(const Call& call) {
  const Value& x = *call.operands[kX];
  const double epsilon = arch::GetDouble(call.node.attributes, "epsilon");
  for (std::int64_t c = 0; c < x.shape.dim(0); ++c) {
    const bool of_batch = UsesBatch(call);
    const Moments moments = of_batch ? BatchMoments(x, c) : Statistics(call, c);
    if (of_batch) UpdateStatistics(call, c, moments);
    const double factor = call.operands[kScale]->data[c] / std::sqrt(moments.variance + epsilon);
    const double shift = call.operands[kShift]->data[c];
    ForEachOfChannel(x, c, [&](std::int64_t i) {
      call.result->data[i] = factor * (x.data[i] - moments.mean) + shift;
    });
  }
}

// With z the normalised x: dx = scale / sqrt(variance + epsilon) (dy - mean(dy) - z mean(dy z)), or
// without the means by frozen statistics.
void Backward(const Call& call) {
  Value& x = *call.operands[kX];
  const double epsilon = arch::GetDouble(call.node.attributes, "epsilon");
  const std::vector<double>& dy = call.result->gradient;
  for (std::int64_t c = 0; c < x.shape.dim(0); ++c) {
    const bool of_batch = UsesBatch(call);
    const Moments moments = of_batch ? BatchMoments(x, c) : Statistics(call, c);
    const double inverse_deviation = 1 / std::sqrt(moments.variance + epsilon);
    const auto normalised = [&](std::int64_t i) {
      return (x.data[i] - moments.mean) * inverse_deviation;
    };
    double shift_gradient = 0;
    double scale_gradient = 0;
    ForEachOfChannel(x, c, [&](std::int64_t i) {
      shift_gradient += dy[i];
      scale_gradient += dy[i] * normalised(i);
    });
    const double factor = call.operands[kScale]->data[c] * inverse_deviation;
    const double mean_gradient = of_batch ? shift_gradient / moments.count : 0;
    const double mean_product = of_batch ? scale_gradient / moments.count : 0;
    ForEachOfChannel(x, c, [&](std::int64_t i) {
      x.gradient[i] += factor * (dy[i] - mean_gradient - normalised(i) * mean_product);
    });
    call.operands[kShift]->gradient[c] += shift_gradient;
    call.operands[kScale]->gradient[c] += scale_gradient;
  }
}

}  // namespace

const Kernel kBatchNorm = {Forward, Backward};

}  // namespace graft::engine::reference
