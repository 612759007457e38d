// matmul and attention by oneDNN's matrix product.
#include <omp.h>

#include <limits>

#include "common/base/status_macros.h"
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/matrix.h"
#include "common/engine/cpu/parallel.h"
#include "common/engine/cpu/rows.h"

namespace graft::engine::cpu {
namespace {

enum { kA, kB };
enum { kQuery, kKey, kValue };

// y[n] = a[n] b[n]
class Matmul final : public Kernel {
 public:
  explicit Matmul(KernelContext& context)
      : a_(context.operand(kA)),
        b_(context.operand(kB)),
        y_(context.result),
        batched_(context.batched(y_)),
        transpose_b_(arch::GetBool(context.node.attributes, "transpose_b")),
        rows_(context.shape(y_).dim(0)),
        columns_(context.shape(y_).dim(1)),
        inner_(context.shape(a_).dim(1)),
        uses_(context.gradient_uses) {}

  absl::Status Forward(const Run& run) override {
    return ForEachExample(run, [&](std::int64_t n) {
      return MultiplyMatrices(rows_, columns_, inner_, 1.0F,
                              {run.value(a_) + n * rows_ * inner_, inner_},
                              {run.value(b_) + n * inner_ * columns_, StrideB(), transpose_b_},
                              0.0F, run.mutable_value(y_) + n * rows_ * columns_, columns_);
    });
  }

  absl::Status Backward(const Run& run) override {
    return ForEachExample(run, [&](std::int64_t n) -> absl::Status {
      const float* const dy = run.gradient(y_) + n * rows_ * columns_;
      if (uses_[kA] != GradientUse::kNone) RETURN_IF_ERROR(PassToA(run, n, dy));
      if (uses_[kB] != GradientUse::kNone) RETURN_IF_ERROR(PassToB(run, n, dy));
      return absl::OkStatus();
    });
  }

 private:
  // By all threads; a product that is not batched has one example.
  template <typename F>
  absl::Status ForEachExample(const Run& run, const F& f) const {
    const std::int64_t examples = run.outer(batched_);
    if (examples == 1) return f(0);  // threads share the product
    return TryEachPart(examples, examples * rows_ * columns_ * inner_,
                       [&](std::int64_t first, std::int64_t count) -> absl::Status {
                         for (std::int64_t n = first; n < first + count; ++n) {
                           RETURN_IF_ERROR(f(n));
                         }
                         return absl::OkStatus();
                       });
  }

  std::int64_t StrideB() const { return transpose_b_ ? inner_ : columns_; }

  // da = dy b^T
  absl::Status PassToA(const Run& run, std::int64_t n, const float* dy) const {
    return MultiplyMatrices(rows_, inner_, columns_, 1.0F, {dy, columns_},
                            {run.value(b_) + n * inner_ * columns_, StrideB(), !transpose_b_},
                            Beta(uses_[kA]), run.gradient(a_) + n * rows_ * inner_, inner_);
  }

  // db = a^T dy, or dy^T a where b is taken transposed
  absl::Status PassToB(const Run& run, std::int64_t n, const float* dy) const {
    const float* const a = run.value(a_) + n * rows_ * inner_;
    float* const db = run.gradient(b_) + n * inner_ * columns_;
    if (transpose_b_) {
      return MultiplyMatrices(columns_, inner_, rows_, 1.0F, {dy, columns_, /*transposed=*/true},
                              {a, inner_}, Beta(uses_[kB]), db, inner_);
    }
    return MultiplyMatrices(inner_, columns_, rows_, 1.0F, {a, inner_, /*transposed=*/true},
                            {dy, columns_}, Beta(uses_[kB]), db, columns_);
  }

  const arch::NodeIndex a_, b_, y_;
  const bool batched_;
  const bool transpose_b_;
  const std::int64_t rows_, columns_, inner_;
  const std::vector<GradientUse> uses_;
};

// y = softmax(scale q k^T) v by head; the probabilities are kept for the backward.
class Attention final : public Kernel {
 public:
  explicit Attention(KernelContext& context)
      : query_(context.operand(kQuery)),
        key_(context.operand(kKey)),
        value_(context.operand(kValue)),
        y_(context.result),
        queries_(context.shape(query_).dim(0)),
        keys_(context.shape(key_).dim(0)),
        row_(context.shape(query_).dim(1)),
        value_row_(context.shape(value_).dim(1)),
        heads_(arch::GetInt(context.node.attributes, "heads")),
        width_(row_ / heads_),
        value_width_(value_row_ / heads_),
        scale_(static_cast<float>(arch::GetDouble(context.node.attributes, "scale"))),
        causal_(arch::GetBool(context.node.attributes, "causal")),
        uses_(context.gradient_uses),
        probabilities_(context.Keep(context.options.batch * heads_ * queries_ * keys_ *
                                    static_cast<std::int64_t>(sizeof(float)))) {
    context.NeedScratch(omp_get_max_threads() * queries_ * keys_ *
                        static_cast<std::int64_t>(sizeof(float)));
  }

  absl::Status Forward(const Run& run) override {
    return ForEachHead(run, [&](const Head& head) -> absl::Status {
      RETURN_IF_ERROR(MultiplyMatrices(queries_, keys_, width_, scale_,
                                       {run.value(query_) + head.query, row_},
                                       {run.value(key_) + head.key, row_, /*transposed=*/true},
                                       0.0F, head.probabilities, keys_));
      SoftmaxOfScores(head.probabilities);
      return MultiplyMatrices(queries_, value_width_, keys_, 1.0F, {head.probabilities, keys_},
                              {run.value(value_) + head.value, value_row_}, 0.0F,
                              run.mutable_value(y_) + head.result, value_row_);
    });
  }

  // With p the probabilities: dp = dy v^T, ds = p (dp - sum(p dp)), dq = scale ds k,
  // dk = scale ds^T q, dv = p^T dy. Operands in order, since one value may be several of them.
  absl::Status Backward(const Run& run) override {
    return ForEachHead(run, [&](const Head& head) -> absl::Status {
      const Matrix dy = {run.gradient(y_) + head.result, value_row_};
      float* const scores = run.scratch + omp_get_thread_num() * queries_ * keys_;
      RETURN_IF_ERROR(MultiplyMatrices(
          queries_, keys_, value_width_, 1.0F, dy,
          {run.value(value_) + head.value, value_row_, /*transposed=*/true}, 0.0F, scores, keys_));
      // A masked probability is 0, and so is its score's gradient.
      SoftmaxBackwardRows(head.probabilities, scores, queries_, keys_, /*add=*/false, scores);
      if (uses_[kQuery] != GradientUse::kNone) {
        RETURN_IF_ERROR(MultiplyMatrices(queries_, width_, keys_, scale_, {scores, keys_},
                                         {run.value(key_) + head.key, row_}, Beta(uses_[kQuery]),
                                         run.gradient(query_) + head.query, row_));
      }
      if (uses_[kKey] != GradientUse::kNone) {
        RETURN_IF_ERROR(MultiplyMatrices(keys_, width_, queries_, scale_,
                                         {scores, keys_, /*transposed=*/true},
                                         {run.value(query_) + head.query, row_}, Beta(uses_[kKey]),
                                         run.gradient(key_) + head.key, row_));
      }
      if (uses_[kValue] == GradientUse::kNone) return absl::OkStatus();
      return MultiplyMatrices(keys_, value_width_, queries_, 1.0F,
                              {head.probabilities, keys_, /*transposed=*/true}, dy,
                              Beta(uses_[kValue]), run.gradient(value_) + head.value, value_row_);
    });
  }

 private:
  // Positions of the first elements of a head of an example.
  struct Head {
    std::int64_t query, key, value, result;
    float* probabilities;  // [queries, keys]
  };

  // By all threads.
  template <typename F>
  absl::Status ForEachHead(const Run& run, F f) const {
    const std::int64_t heads = run.count * heads_;
    return TryEachPart(heads, heads * queries_ * keys_ * width_,
                       [&](std::int64_t first, std::int64_t count) -> absl::Status {
                         for (std::int64_t i = first; i < first + count; ++i) {
                           RETURN_IF_ERROR(f(HeadOf(run, i / heads_, i % heads_)));
                         }
                         return absl::OkStatus();
                       });
  }

  Head HeadOf(const Run& run, std::int64_t n, std::int64_t h) const {
    return {
        .query = n * queries_ * row_ + h * width_,
        .key = n * keys_ * row_ + h * width_,
        .value = n * keys_ * value_row_ + h * value_width_,
        .result = n * queries_ * value_row_ + h * value_width_,
        .probabilities = run.buffer<float>(probabilities_) + (n * heads_ + h) * queries_ * keys_};
  }

  // Query i takes keys 0 to i if the attention is causal.
  void SoftmaxOfScores(float* scores) const {
    if (!causal_) return SoftmaxRows(scores, queries_, keys_, /*scale=*/1.0F, scores, nullptr);
    for (std::int64_t i = 0; i < queries_; ++i, scores += keys_) {
      const std::int64_t taken = std::min(i + 1, keys_);
      SoftmaxRows(scores, 1, taken, /*scale=*/1.0F, scores, nullptr);
      std::fill(scores + taken, scores + keys_, 0.0F);
    }
  }

  const arch::NodeIndex query_, key_, value_, y_;
  const std::int64_t queries_, keys_;   // tokens
  const std::int64_t row_, value_row_;  // features of a token
  const std::int64_t heads_;
  const std::int64_t width_, value_width_;  // features of a head
  const float scale_;
  const bool causal_;
  const std::vector<GradientUse> uses_;
  const BufferId probabilities_;
};

}  // namespace

std::unique_ptr<Kernel> MakeMatmul(KernelContext& context) {
  return std::make_unique<Matmul>(context);
}

std::unique_ptr<Kernel> MakeAttention(KernelContext& context) {
  return std::make_unique<Attention>(context);
}

}  // namespace graft::engine::cpu
