// Losses that compare two values of one shape, in functions whose bits do not depend on the
// processor. engine/reference/loss.cc has their formulas and sources.
#include <map>

#include "common/engine/cpu/float_math.h"
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/loops.h"
#include "common/engine/cpu/rows.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

enum { kFirst, kSecond };

float AttributeOr(const arch::Attributes& attributes, const char* name, float absent) {
  return attributes.contains(name) ? static_cast<float>(arch::GetDouble(attributes, name)) : absent;
}

struct Constants {
  float gamma = 0;
  float alpha = 0;
};

// Of an element x with its target t: the loss, and its derivatives by x and by t.
struct Point {
  float value, first, second;
};

struct SquaredError {
  static GRAFT_INLINE Point At(float x, float t, const Constants&) {
    return {(x - t) * (x - t), 2.0F * (x - t), 2.0F * (t - x)};
  }
};

struct BinaryCrossEntropy {
  static GRAFT_INLINE Point At(float x, float t, const Constants&) {
    const float above = x > 0.0F ? x : 0.0F;
    return {above - t * x + Log1p(Exp(-std::fabs(x))), Sigmoid(x) - t, -x};
  }
};

struct Focal {
  static GRAFT_INLINE Point At(float x, float t, const Constants& constants) {
    const Point entropy = BinaryCrossEntropy::At(x, t, constants);
    const float p = Sigmoid(x);
    const float q = Sigmoid(-x);
    const float missing = p * (1.0F - t) + q * t;
    const float weight = constants.alpha * t + (1.0F - constants.alpha) * (1.0F - t);
    const bool misses = missing > 1e-37F;
    const float safe = misses ? missing : 1.0F;
    const float power = Exp(constants.gamma * Log(safe));
    const float focus = misses || constants.gamma == 0.0F ? power : 0.0F;
    const float slope = misses ? constants.gamma * power / safe * entropy.value : 0.0F;
    return {weight * focus * entropy.value,
            weight * (focus * entropy.first + slope * p * q * (1.0F - 2.0F * t)),
            weight * (focus * entropy.second + slope * (q - p)) +
                (2.0F * constants.alpha - 1.0F) * focus * entropy.value};
  }
};

enum class Loss : std::uint8_t { kSquaredError, kBinaryCrossEntropy, kFocal };

// Calls f with the struct of the loss.
template <typename F>
GRAFT_INLINE void With(Loss loss, F f) {
  switch (loss) {
    case Loss::kSquaredError:
      return f(SquaredError());
    case Loss::kBinaryCrossEntropy:
      return f(BinaryCrossEntropy());
    case Loss::kFocal:
      return f(Focal());
  }
}

GRAFT_SIMD void Values(Loss loss, const Constants& constants, const float* __restrict x,
                       const float* __restrict t, std::int64_t size, float* __restrict value) {
  With(
      loss, [=](auto f) __attribute__((always_inline)) {
        for (std::int64_t i = 0; i < size; ++i) value[i] = f.At(x[i], t[i], constants).value;
      });
}

GRAFT_SIMD void FirstGradients(Loss loss, const Constants& constants, const float* __restrict x,
                               const float* __restrict t, std::int64_t size, float factor, bool add,
                               float* __restrict gradient) {
  With(
      loss, [=](auto f) __attribute__((always_inline)) {
        for (std::int64_t i = 0; i < size; ++i) {
          const float value = factor * f.At(x[i], t[i], constants).first;
          gradient[i] = add ? gradient[i] + value : value;
        }
      });
}

GRAFT_SIMD void SecondGradients(Loss loss, const Constants& constants, const float* __restrict x,
                                const float* __restrict t, std::int64_t size, float factor,
                                bool add, float* __restrict gradient) {
  With(
      loss, [=](auto f) __attribute__((always_inline)) {
        for (std::int64_t i = 0; i < size; ++i) {
          const float value = factor * f.At(x[i], t[i], constants).second;
          gradient[i] = add ? gradient[i] + value : value;
        }
      });
}

double PreciseSum(const float* values, std::int64_t size) {
  double sum = 0;
  for (std::int64_t i = 0; i < size; ++i) sum += values[i];
  return sum;
}

// The mean over all elements.
class ElementLoss final : public Kernel {
 public:
  explicit ElementLoss(KernelContext& context)
      : first_(context.operand(kFirst)),
        second_(context.operand(kSecond)),
        y_(context.result),
        elements_(context.shape(first_).ElementCount()),
        loss_(LossOf(context.node.op->name)),
        constants_{AttributeOr(context.node.attributes, "gamma", 0),
                   AttributeOr(context.node.attributes, "alpha", 0)},
        uses_(context.gradient_uses) {
    context.NeedScratch(context.elements(first_) * static_cast<std::int64_t>(sizeof(float)));
  }

  absl::Status Forward(const Run& run) override {
    const std::int64_t size = run.count * elements_;
    Values(loss_, constants_, run.value(first_), run.value(second_), size, run.scratch);
    run.mutable_value(y_)[0] =
        static_cast<float>(PreciseSum(run.scratch, size) / static_cast<double>(size));
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    const std::int64_t size = run.count * elements_;
    const float factor = run.gradient(y_)[0] / static_cast<float>(size);
    if (uses_[kFirst] != GradientUse::kNone) {
      FirstGradients(loss_, constants_, run.value(first_), run.value(second_), size, factor,
                     uses_[kFirst] == GradientUse::kAdd, run.gradient(first_));
    }
    if (uses_[kSecond] != GradientUse::kNone) {
      SecondGradients(loss_, constants_, run.value(first_), run.value(second_), size, factor,
                      uses_[kSecond] == GradientUse::kAdd, run.gradient(second_));
    }
    return absl::OkStatus();
  }

 private:
  static Loss LossOf(const std::string& op) {
    if (op == "focal_loss") return Loss::kFocal;
    return op == "binary_cross_entropy" ? Loss::kBinaryCrossEntropy : Loss::kSquaredError;
  }

  const arch::NodeIndex first_, second_, y_;
  const std::int64_t elements_;
  const Loss loss_;
  const Constants constants_;
  const std::vector<GradientUse> uses_;
};

// The mean over rows: soft_label_cross_entropy, kl_divergence.
class RowLoss final : public Kernel {
 public:
  explicit RowLoss(KernelContext& context)
      : first_(context.operand(kFirst)),
        second_(context.operand(kSecond)),
        y_(context.result),
        extent_(context.extent(first_)),
        divergence_(context.node.op->name == "kl_divergence"),
        temperature_(AttributeOr(context.node.attributes, "temperature", 1)),
        uses_(context.gradient_uses),
        q_(context.Keep(FloatBytes(context.elements(first_)))),
        p_(context.Keep(FloatBytes(divergence_ ? context.elements(first_) : 1))),
        // Of x, of the targets, and what the row is weighed with.
        row_values_(context.Keep(FloatBytes(3 * context.options.batch * extent_.plane()))) {}

  absl::Status Forward(const Run& run) override {
    const std::int64_t rows = run.count * extent_.plane();
    const std::int64_t length = extent_.channels;
    const float* x = run.value(first_);
    const float* t = run.value(second_);
    float* const log_q = run.buffer<float>(row_values_);
    float* const log_p = log_q + rows;
    float* const weight = log_p + rows;
    const float inverse = 1.0F / temperature_;
    SoftmaxRows(x, rows, length, inverse, run.buffer<float>(q_), log_q);
    if (divergence_) SoftmaxRows(t, rows, length, inverse, run.buffer<float>(p_), log_p);
    const float* p = run.buffer<float>(p_);
    double loss = 0;
    for (std::int64_t row = 0; row < rows; ++row, x += length, t += length, p += length) {
      if (divergence_) {
        weight[row] = Divergence(x, t, p, log_q[row] - log_p[row]);
        loss += static_cast<double>(temperature_) * temperature_ * weight[row];
      } else {
        loss += SumInLanes(length, [&](std::int64_t k) { return t[k] * (log_q[row] - x[k]); });
        weight[row] = SumInLanes(length, [&](std::int64_t k) { return t[k]; });
      }
    }
    run.mutable_value(y_)[0] = static_cast<float>(loss / static_cast<double>(rows));
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    const std::int64_t rows = run.count * extent_.plane();
    const float factor = run.gradient(y_)[0] / static_cast<float>(rows);
    for (std::int64_t row = 0; row < rows; ++row) {
      if (uses_[kFirst] != GradientUse::kNone) PassToFirst(run, row, factor);
      if (uses_[kSecond] != GradientUse::kNone) PassToSecond(run, row, rows, factor);
    }
    return absl::OkStatus();
  }

 private:
  static std::int64_t FloatBytes(std::int64_t count) {
    return count * static_cast<std::int64_t>(sizeof(float));
  }

  // sum_k p_k (log p_k - log q_k), `shift` = log_sum of x / T - log_sum of t / T
  float Divergence(const float* x, const float* t, const float* p, float shift) const {
    const float inverse = 1.0F / temperature_;
    return SumInLanes(extent_.channels,
                      [=](std::int64_t k) { return p[k] * ((t[k] - x[k]) * inverse + shift); });
  }

  // T (q - p), or sum(t) q - t
  void PassToFirst(const Run& run, std::int64_t row, float factor) const {
    const std::int64_t start = row * extent_.channels;
    const float* const q = run.buffer<float>(q_) + start;
    const float* const target = (divergence_ ? run.buffer<float>(p_) : run.value(second_)) + start;
    const float* const weights = run.buffer<float>(row_values_) + 2 * run.count * extent_.plane();
    const float weight = divergence_ ? 1.0F : weights[row];
    const float scale = divergence_ ? factor * temperature_ : factor;
    float* const gradient = run.gradient(first_) + start;
    const bool add = uses_[kFirst] == GradientUse::kAdd;
    for (std::int64_t k = 0; k < extent_.channels; ++k) {
      const float value = scale * (weight * q[k] - target[k]);
      gradient[k] = add ? gradient[k] + value : value;
    }
  }

  // T p (log p - log q - divergence), or -log q
  void PassToSecond(const Run& run, std::int64_t row, std::int64_t rows, float factor) const {
    const std::int64_t start = row * extent_.channels;
    const float* const x = run.value(first_) + start;
    const float* const t = run.value(second_) + start;
    const float* const p = run.buffer<float>(p_) + (divergence_ ? start : 0);
    const float* const log_q = run.buffer<float>(row_values_);
    const float* const log_p = log_q + rows;
    const float* const weights = log_p + rows;
    const float inverse = 1.0F / temperature_;
    float* const gradient = run.gradient(second_) + start;
    const bool add = uses_[kSecond] == GradientUse::kAdd;
    for (std::int64_t k = 0; k < extent_.channels; ++k) {
      const float value =
          divergence_ ? factor * temperature_ * p[k] *
                            ((t[k] - x[k]) * inverse + log_q[row] - log_p[row] - weights[row])
                      : factor * (log_q[row] - x[k]);
      gradient[k] = add ? gradient[k] + value : value;
    }
  }

  const arch::NodeIndex first_, second_, y_;
  const Extent extent_;
  const bool divergence_;
  const float temperature_;
  const std::vector<GradientUse> uses_;
  // Softmax of the operands, and three values a row: the logarithms of their sums, and the row's
  // divergence or the sum of its targets.
  const BufferId q_, p_, row_values_;
};

}  // namespace

std::unique_ptr<Kernel> MakeElementLoss(KernelContext& context) {
  return std::make_unique<ElementLoss>(context);
}

std::unique_ptr<Kernel> MakeRowLoss(KernelContext& context) {
  return std::make_unique<RowLoss>(context);
}

}  // namespace graft::engine::cpu
