// loss = mean over n of -sum_k q'[n, k] log softmax(logits[n])_k,
// q' = (1 - s) onehot(labels[n]) + s / K. C. Szegedy et al., "Rethinking the Inception Architecture
// for Computer Vision", CVPR 2016, section 7.
#include <algorithm>
#include <cmath>

#include "common/engine/reference/kernel.h"

namespace graft::engine::reference {
namespace {

enum { kLogits, kLabels };

double Target(const Call& call, std::int64_t n, std::int64_t k) {
  const double smoothing = arch::GetDouble(call.node.attributes, "label_smoothing");
  const auto classes = static_cast<double>(call.operands[kLogits]->shape.dim(0));
  const bool hit = call.operands[kLabels]->data[n] == static_cast<double>(k);
  return (hit ? 1 - smoothing : 0.0) + smoothing / classes;
}

// log softmax(logits[n])_k = logits[n, k] - LogSum(n)
double LogSum(const Value& logits, std::int64_t n) {
  const std::int64_t classes = logits.shape.dim(0);
  const auto row = logits.data.begin() + n * classes;
  const double largest = *std::max_element(row, row + classes);
  double sum = 0;
  for (std::int64_t k = 0; k < classes; ++k) sum += std::exp(row[k] - largest);
  return largest + std::log(sum);
}

void Forward(const Call& call) {
  const Value& logits = *call.operands[kLogits];
  const std::int64_t classes = logits.shape.dim(0);
  double loss = 0;
  for (std::int64_t n = 0; n < logits.outer; ++n) {
    const double log_sum = LogSum(logits, n);
    for (std::int64_t k = 0; k < classes; ++k) {
      loss -= Target(call, n, k) * (logits.data[n * classes + k] - log_sum);
    }
  }
  call.result->data[0] = loss / static_cast<double>(logits.outer);
}

void Backward(const Call& call) {
  Value& logits = *call.operands[kLogits];
  const std::int64_t classes = logits.shape.dim(0);
  const double factor = call.result->gradient[0] / static_cast<double>(logits.outer);
  for (std::int64_t n = 0; n < logits.outer; ++n) {
    const double log_sum = LogSum(logits, n);
    for (std::int64_t k = 0; k < classes; ++k) {
      const double probability = std::exp(logits.data[n * classes + k] - log_sum);
      logits.gradient[n * classes + k] += factor * (probability - Target(call, n, k));
    }
  }
}

}  // namespace

const Kernel kSoftmaxCrossEntropy = {Forward, Backward};

}  // namespace graft::engine::reference
