// Losses: each the mean over the batch, and over positions or elements where there are several.
#include <algorithm>
#include <cmath>

#include "common/engine/reference/kernel.h"
#include "common/engine/reference/rows.h"

namespace graft::engine::reference {
namespace {

using arch::Attributes;

enum { kLogits, kLabels };
enum { kFirst, kSecond };

// loss = mean over n of -sum_k q'[n, k] log softmax(logits[n])_k,
// q' = (1 - s) onehot(labels[n]) + s / K. C. Szegedy et al., "Rethinking the Inception Architecture
// for Computer Vision", CVPR 2016, section 7.
double Target(const Call& call, std::int64_t n, std::int64_t k) {
  const double smoothing = arch::GetDouble(call.node.attributes, "label_smoothing");
  const auto classes = static_cast<double>(call.operands[kLogits]->shape.dim(0));
  const bool hit = call.operands[kLabels]->data[n] == static_cast<double>(k);
  return (hit ? 1 - smoothing : 0.0) + smoothing / classes;
}

void CrossEntropyForward(const Call& call) {
  const Value& logits = *call.operands[kLogits];
  double loss = 0;
  std::int64_t n = 0;
  ForEachRow(logits, [&](const Row& row) {
    const std::vector<double> log_softmax = LogSoftmax(logits.data, row);
    for (std::int64_t k = 0; k < row.length; ++k) loss -= Target(call, n, k) * log_softmax[k];
    ++n;
  });
  call.result->data[0] = loss / static_cast<double>(n);
}

void CrossEntropyBackward(const Call& call) {
  Value& logits = *call.operands[kLogits];
  const double factor = call.result->gradient[0] / static_cast<double>(logits.outer);
  std::int64_t n = 0;
  ForEachRow(logits, [&](const Row& row) {
    const std::vector<double> log_softmax = LogSoftmax(logits.data, row);
    for (std::int64_t k = 0; k < row.length; ++k) {
      logits.gradient[row(k)] += factor * (std::exp(log_softmax[k]) - Target(call, n, k));
    }
    ++n;
  });
}

// A loss of one row of two operands, and its gradients.
struct RowLoss {
  double value = 0;
  std::vector<double> first, second;
};

// -sum_k t_k log q_k, q = softmax(x)
RowLoss SoftLabelOfRow(const Call& call, const Row& row) {
  const std::vector<double>& targets = call.operands[kSecond]->data;
  const std::vector<double> log_q = LogSoftmax(call.operands[kFirst]->data, row);
  RowLoss loss;
  double sum = 0;
  for (std::int64_t k = 0; k < row.length; ++k) sum += targets[row(k)];
  for (std::int64_t k = 0; k < row.length; ++k) {
    loss.value -= targets[row(k)] * log_q[k];
    loss.first.push_back(sum * std::exp(log_q[k]) - targets[row(k)]);
    loss.second.push_back(-log_q[k]);
  }
  return loss;
}

// T^2 sum_k p_k (log p_k - log q_k), p = softmax(teacher / T), q = softmax(student / T). G. Hinton,
// O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015.
RowLoss KlDivergenceOfRow(const Call& call, const Row& row) {
  const double temperature = arch::GetDouble(call.node.attributes, "temperature");
  const std::vector<double> log_q = LogSoftmax(call.operands[kFirst]->data, row, temperature);
  const std::vector<double> log_p = LogSoftmax(call.operands[kSecond]->data, row, temperature);
  RowLoss loss;
  double divergence = 0;
  for (std::int64_t k = 0; k < row.length; ++k) {
    divergence += std::exp(log_p[k]) * (log_p[k] - log_q[k]);
  }
  loss.value = temperature * temperature * divergence;
  for (std::int64_t k = 0; k < row.length; ++k) {
    const double p = std::exp(log_p[k]);
    loss.first.push_back(temperature * (std::exp(log_q[k]) - p));
    loss.second.push_back(temperature * p * (log_p[k] - log_q[k] - divergence));
  }
  return loss;
}

template <RowLoss (*loss_of_row)(const Call&, const Row&)>
constexpr Kernel kRowLoss = {
    [](const Call& call) {
      double loss = 0;
      double rows = 0;
      ForEachRow(*call.operands[kFirst], [&](const Row& row) {
        loss += loss_of_row(call, row).value;
        rows += 1;
      });
      call.result->data[0] = loss / rows;
    },
    [](const Call& call) {
      const tensor::Shape& shape = call.operands[kFirst]->shape;
      const auto rows = static_cast<double>(call.operands[kFirst]->data.size()) /
                        static_cast<double>(shape.dim(arch::ChannelAxis(shape)));
      const double factor = call.result->gradient[0] / rows;
      ForEachRow(*call.operands[kFirst], [&](const Row& row) {
        const RowLoss loss = loss_of_row(call, row);
        for (std::int64_t k = 0; k < row.length; ++k) {
          call.operands[kFirst]->gradient[row(k)] += factor * loss.first[k];
          call.operands[kSecond]->gradient[row(k)] += factor * loss.second[k];
        }
      });
    }};

// A loss of one element x with its target t, and its derivatives.
struct ElementLoss {
  double value, first, second;
};

ElementLoss SquaredError(double x, double t, const Attributes&) {
  return {(x - t) * (x - t), 2 * (x - t), 2 * (t - x)};
}

// -t log s(x) - (1 - t) log s(-x) = max(x, 0) - t x + log(1 + exp(-|x|)), s the sigmoid.
ElementLoss BinaryCrossEntropy(double x, double t, const Attributes&) {
  return {std::max(x, 0.0) - t * x + std::log1p(std::exp(-std::abs(x))), 1 / (1 + std::exp(-x)) - t,
          -x};
}

// a m^gamma times binary cross-entropy, with m = p (1 - t) + (1 - p) t what is missing to the
// target and a = alpha t + (1 - alpha) (1 - t). T. Lin et al., "Focal Loss for Dense Object
// Detection", ICCV 2017.
ElementLoss Focal(double x, double t, const Attributes& attributes) {
  const double gamma = arch::GetDouble(attributes, "gamma");
  const double alpha = arch::GetDouble(attributes, "alpha");
  const ElementLoss entropy = BinaryCrossEntropy(x, t, attributes);
  const double p = 1 / (1 + std::exp(-x));
  const double q = 1 / (1 + std::exp(x));
  const double missing = p * (1 - t) + q * t;
  const double weight = alpha * t + (1 - alpha) * (1 - t);
  const double focus = std::pow(missing, gamma);
  const double slope = missing > 0 ? gamma * focus / missing : 0;
  return {weight * focus * entropy.value,
          weight * (focus * entropy.first + slope * p * q * (1 - 2 * t) * entropy.value),
          weight * (focus * entropy.second + slope * (q - p) * entropy.value) +
              (2 * alpha - 1) * focus * entropy.value};
}

template <ElementLoss (*loss_of_element)(double, double, const Attributes&)>
constexpr Kernel kElementLoss = {
    [](const Call& call) {
      const Value& x = *call.operands[kFirst];
      double loss = 0;
      for (std::size_t i = 0; i < x.data.size(); ++i) {
        loss +=
            loss_of_element(x.data[i], call.operands[kSecond]->data[i], call.node.attributes).value;
      }
      call.result->data[0] = loss / static_cast<double>(x.data.size());
    },
    [](const Call& call) {
      Value& x = *call.operands[kFirst];
      Value& target = *call.operands[kSecond];
      const double factor = call.result->gradient[0] / static_cast<double>(x.data.size());
      for (std::size_t i = 0; i < x.data.size(); ++i) {
        const ElementLoss loss = loss_of_element(x.data[i], target.data[i], call.node.attributes);
        x.gradient[i] += factor * loss.first;
        target.gradient[i] += factor * loss.second;
      }
    }};

}  // namespace

const Kernel kSoftmaxCrossEntropy = {CrossEntropyForward, CrossEntropyBackward};
const Kernel kSoftLabelCrossEntropy = kRowLoss<SoftLabelOfRow>;
const Kernel kKlDivergence = kRowLoss<KlDivergenceOfRow>;
const Kernel kMeanSquaredError = kElementLoss<SquaredError>;
const Kernel kBinaryCrossEntropy = kElementLoss<BinaryCrossEntropy>;
const Kernel kFocalLoss = kElementLoss<Focal>;

}  // namespace graft::engine::reference
