#include <algorithm>
#include <cmath>
#include <utility>

#include "common/engine/optimizers/optimizers.h"

namespace graft::engine {
namespace {

// Of the quintic whose repeated application brings singular values near 1.
constexpr float kA = 3.4445F;
constexpr float kB = -4.7750F;
constexpr float kC = 2.0315F;
constexpr double kSmallestNorm = 1e-7;

// out = a x a^T for a: [n, k] row-major; out: [n, n].
void MultiplyByTranspose(const float* __restrict a, std::int64_t n, std::int64_t k,
                         float* __restrict out) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = i; j < n; ++j) {
      double sum = 0;
      for (std::int64_t l = 0; l < k; ++l) sum += static_cast<double>(a[i * k + l]) * a[j * k + l];
      out[i * n + j] = out[j * n + i] = static_cast<float>(sum);
    }
  }
}

// out += scale a x b for a: [n, n], b: [n, k], out: [n, k].
void AddProduct(float scale, const float* __restrict a, const float* __restrict b, std::int64_t n,
                std::int64_t k, float* __restrict out) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      const float factor = scale * a[i * n + j];
      for (std::int64_t l = 0; l < k; ++l) out[i * k + l] += factor * b[j * k + l];
    }
  }
}

// [rows, columns] -> [columns, rows]
void TransposeInto(const float* __restrict in, std::int64_t rows, std::int64_t columns,
                   float* __restrict out) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) out[j * rows + i] = in[i * columns + j];
  }
}

// Newton-Schulz iterations in buffers that are made once.
class Orthogonalizer {
 public:
  // For matrices of up to `largest` elements whose smaller side is at most `side`.
  Orthogonalizer(int iterations, std::int64_t largest, std::int64_t side)
      : iterations_(iterations), x_(largest), next_(largest), a_(side * side), b_(side * side) {}

  // Replaces a matrix [rows, columns] by O of it.
  void Apply(float* matrix, std::int64_t rows, std::int64_t columns) {
    const bool tall = rows > columns;
    const std::int64_t n = std::min(rows, columns);
    const std::int64_t k = std::max(rows, columns);
    if (tall) {
      TransposeInto(matrix, rows, columns, x_.data());
    } else {
      std::copy_n(matrix, n * k, x_.begin());
    }
    Normalize(n * k);
    for (int i = 0; i < iterations_; ++i) Iterate(n, k);
    if (tall) {
      TransposeInto(x_.data(), columns, rows, matrix);
    } else {
      std::copy_n(x_.begin(), n * k, matrix);
    }
  }

 private:
  void Normalize(std::int64_t count) {
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(x_[i]) * x_[i];
    const auto scale = static_cast<float>(1 / (std::sqrt(sum) + kSmallestNorm));
    for (std::int64_t i = 0; i < count; ++i) x_[i] *= scale;
  }

  // X = a X + (b A + c A A) X
  void Iterate(std::int64_t n, std::int64_t k) {
    MultiplyByTranspose(x_.data(), n, k, a_.data());
    for (std::int64_t i = 0; i < n * n; ++i) b_[i] = kB * a_[i];
    AddProduct(kC, a_.data(), a_.data(), n, n, b_.data());
    for (std::int64_t i = 0; i < n * k; ++i) next_[i] = kA * x_[i];
    AddProduct(1, b_.data(), x_.data(), n, k, next_.data());
    x_.swap(next_);
  }

  const int iterations_;
  std::vector<float> x_;  // [n, k], n <= k
  std::vector<float> next_;
  std::vector<float> a_;  // [n, n]
  std::vector<float> b_;
};

Segments Select(const Segments& segments, bool matrices) {
  Segments selected;
  std::ranges::copy_if(segments, std::back_inserter(selected),
                       [matrices](const auto& segment) { return (segment.rows > 0) == matrices; });
  return selected;
}

std::int64_t Columns(const ParameterSegment& segment) { return segment.count / segment.rows; }

Orthogonalizer MakeOrthogonalizer(const Segments& matrices, int iterations) {
  std::int64_t largest = 0;
  std::int64_t side = 0;
  for (const ParameterSegment& matrix : matrices) {
    largest = std::max(largest, matrix.count);
    side = std::max(side, std::min(matrix.rows, Columns(matrix)));
  }
  return Orthogonalizer(iterations, largest, side);
}

class Muon final : public Optimizer {
 public:
  Muon(const recipe::MuonOptions& options, const Segments& segments, std::int64_t size)
      : options_(options),
        matrices_(Select(segments, true)),
        momentum_(size),
        update_(size),
        orthogonalizer_(MakeOrthogonalizer(matrices_, options.iterations)),
        vectors_(MakeAdam({.decoupled = true}, Select(segments, false), size)) {}

  void Step(float learning_rate, std::span<const float> gradients, std::span<float> parameters,
            float gradient_scale) override {
    for (const ParameterSegment& matrix : matrices_) {
      MoveMatrix(matrix, learning_rate, gradients.data() + matrix.offset, gradient_scale,
                 parameters.data() + matrix.offset);
    }
    vectors_->Step(learning_rate * static_cast<float>(options_.vector_rate), gradients, parameters,
                   gradient_scale);
  }

 private:
  void MoveMatrix(const ParameterSegment& matrix, float learning_rate,
                  const float* __restrict gradient, float gradient_scale,
                  float* __restrict parameter) {
    const auto momentum = static_cast<float>(options_.momentum);
    float* __restrict buffer = momentum_.of(matrix);
    float* __restrict update = update_.of(matrix);
    for (std::int64_t i = 0; i < matrix.count; ++i) {
      const float g = gradient_scale * gradient[i];
      buffer[i] = momentum * buffer[i] + g;
      update[i] = g + momentum * buffer[i];
    }
    const std::int64_t columns = Columns(matrix);
    orthogonalizer_.Apply(update, matrix.rows, columns);
    const double shape =
        std::max(1.0, static_cast<double>(matrix.rows) / static_cast<double>(columns));
    const float rate = learning_rate * static_cast<float>(std::sqrt(shape));
    const float keep = 1 - learning_rate * DecayOf(matrix, options_.weight_decay);
    for (std::int64_t i = 0; i < matrix.count; ++i) {
      parameter[i] = keep * parameter[i] - rate * update[i];
    }
  }

  const recipe::MuonOptions options_;
  const Segments matrices_;
  StateBuffer momentum_;
  StateBuffer update_;
  Orthogonalizer orthogonalizer_;
  const std::unique_ptr<Optimizer> vectors_;
};

}  // namespace

std::unique_ptr<Optimizer> MakeMuon(const recipe::MuonOptions& options, Segments segments,
                                    std::int64_t size) {
  return std::make_unique<Muon>(options, segments, size);
}

}  // namespace graft::engine
