// Functions of one element, and softmax.
#include <map>

#include "common/engine/cpu/float_math.h"
#include "common/engine/cpu/kernel.h"
#include "common/engine/cpu/kernel_registry.h"
#include "common/engine/cpu/parallel.h"
#include "common/engine/cpu/rows.h"
#include "common/engine/cpu/simd.h"

namespace graft::engine::cpu {
namespace {

// Each has f(x) and dy f'(x); at a kink the derivative of the half that is 0 or less. `a` is the
// function's attribute. Those whose derivative is as well known from f(x) take that for x in
// Gradient (kernel_registry.h).

struct Relu {
  static GRAFT_INLINE float Value(float x, float) { return x < 0.0F ? 0.0F : x; }  // a NaN stays
  static GRAFT_INLINE float Gradient(float x, float dy, float) { return x > 0.0F ? dy : 0.0F; }
};

struct LeakyRelu {
  static GRAFT_INLINE float Value(float x, float slope) { return x > 0.0F ? x : slope * x; }
  static GRAFT_INLINE float Gradient(float x, float dy, float slope) {
    return x > 0.0F ? dy : slope * dy;
  }
};

struct Relu6 {
  static GRAFT_INLINE float Value(float x, float) {
    const float above = x < 0.0F ? 0.0F : x;
    return above > 6.0F ? 6.0F : above;
  }
  static GRAFT_INLINE float Gradient(float x, float dy, float) {
    return ((x > 0.0F) & (x < 6.0F)) ? dy : 0.0F;
  }
};

struct Gelu {
  static GRAFT_INLINE float Value(float x, float) { return x * NormalCdf(x); }
  static GRAFT_INLINE float Gradient(float x, float dy, float) {
    return dy * (NormalCdf(x) + x * NormalPdf(x));
  }
};

// x (1 + tanh(c (x + b x^3))) / 2 = x sigmoid(2 c (x + b x^3)), c = sqrt(2 / pi), b = 0.044715.
struct GeluTanh {
  static GRAFT_INLINE float Value(float x, float) { return x * Sigmoid(Argument(x)); }
  static GRAFT_INLINE float Gradient(float x, float dy, float) {
    const float s = Sigmoid(Argument(x));
    return dy * (s + x * s * Sigmoid(-Argument(x)) * (1.59576912F + 0.214064449F * (x * x)));
  }
  static GRAFT_INLINE float Argument(float x) {
    return x * (1.59576912F + 0.0713548163F * (x * x));
  }
};

struct Silu {
  static GRAFT_INLINE float Value(float x, float) { return x * Sigmoid(x); }
  static GRAFT_INLINE float Gradient(float x, float dy, float) {
    return dy * (Sigmoid(x) * (1.0F + x * Sigmoid(-x)));
  }
};

struct HardSwish {
  static GRAFT_INLINE float Value(float x, float) {
    return x * (Relu6::Value(x + 3.0F, 0) * (1.0F / 6));
  }
  static GRAFT_INLINE float Gradient(float x, float dy, float) {
    const float middle = (2.0F * x + 3.0F) * (1.0F / 6);
    const float upper = x >= 3.0F ? dy : dy * middle;
    return x <= -3.0F ? 0.0F : upper;
  }
};

struct SigmoidFunction {
  static GRAFT_INLINE float Value(float x, float) { return Sigmoid(x); }
  static GRAFT_INLINE float Gradient(float x, float dy, float) {
    return dy * (Sigmoid(x) * Sigmoid(-x));
  }
};

struct TanhFunction {
  static GRAFT_INLINE float Value(float x, float) { return Tanh(x); }
  static GRAFT_INLINE float Gradient(float t, float dy, float) {
    return dy * ((1.0F - t) * (1.0F + t));
  }
};

enum class Function : std::uint8_t {
  kRelu,
  kLeakyRelu,
  kRelu6,
  kGelu,
  kGeluTanh,
  kSilu,
  kHardSwish,
  kSigmoid,
  kTanh,
};

// Calls f with the struct of the function.
template <typename F>
GRAFT_INLINE void With(Function function, F f) {
  switch (function) {
    case Function::kRelu:
      return f(Relu());
    case Function::kLeakyRelu:
      return f(LeakyRelu());
    case Function::kRelu6:
      return f(Relu6());
    case Function::kGelu:
      return f(Gelu());
    case Function::kGeluTanh:
      return f(GeluTanh());
    case Function::kSilu:
      return f(Silu());
    case Function::kHardSwish:
      return f(HardSwish());
    case Function::kSigmoid:
      return f(SigmoidFunction());
    case Function::kTanh:
      return f(TanhFunction());
  }
}

// All may work in place.

GRAFT_SIMD void Apply(Function function, float a, const float* x, std::int64_t size, float* y) {
  With(
      function, [=](auto f) __attribute__((always_inline)) {
#pragma GCC ivdep
        for (std::int64_t i = 0; i < size; ++i) y[i] = f.Value(x[i], a);
      });
}

GRAFT_SIMD void WriteGradient(Function function, float a, const float* x, const float* dy,
                              std::int64_t size, float* dx) {
  With(
      function, [=](auto f) __attribute__((always_inline)) {
#pragma GCC ivdep
        for (std::int64_t i = 0; i < size; ++i) dx[i] = f.Gradient(x[i], dy[i], a);
      });
}

GRAFT_SIMD void AddGradient(Function function, float a, const float* __restrict x,
                            const float* __restrict dy, std::int64_t size, float* __restrict dx) {
  With(
      function, [=](auto f) __attribute__((always_inline)) {
        for (std::int64_t i = 0; i < size; ++i) dx[i] += f.Gradient(x[i], dy[i], a);
      });
}

Function FunctionOf(const arch::Node& node) {
  static const auto* const functions =
      new std::map<std::string, Function>{{"gelu", Function::kGelu},
                                          {"hard_swish", Function::kHardSwish},
                                          {"leaky_relu", Function::kLeakyRelu},
                                          {"relu", Function::kRelu},
                                          {"relu6", Function::kRelu6},
                                          {"sigmoid", Function::kSigmoid},
                                          {"silu", Function::kSilu},
                                          {"tanh", Function::kTanh}};
  const Function function = functions->at(node.op->name);
  const bool approximate =
      function == Function::kGelu && arch::GetBool(node.attributes, "tanh_approximation");
  return approximate ? Function::kGeluTanh : function;
}

class Activation final : public Kernel {
 public:
  explicit Activation(KernelContext& context)
      : x_(context.operand(0)),
        y_(context.result),
        function_(FunctionOf(context.node)),
        slope_(function_ == Function::kLeakyRelu
                   ? static_cast<float>(arch::GetDouble(context.node.attributes, "slope"))
                   : 0.0F),
        by_result_(FindKernel(context.node.op->name)->memory.reads_result),
        batched_(context.batched(x_)),
        elements_(context.shape(x_).ElementCount()),
        use_(context.gradient_uses[0]) {}

  absl::Status Forward(const Run& run) override {
    const std::int64_t size = run.outer(batched_) * elements_;
    ForEachPart(size, size,
                [&](std::int64_t first, std::int64_t count) { ForwardPart(run, first, count); });
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    const std::int64_t size = run.outer(batched_) * elements_;
    ForEachPart(size, size,
                [&](std::int64_t first, std::int64_t count) { BackwardPart(run, first, count); });
    return absl::OkStatus();
  }

  bool by_element() const override { return true; }

  void ForwardPart(const Run& run, std::int64_t first, std::int64_t count) override {
    Apply(function_, slope_, run.value(x_) + first, count, run.mutable_value(y_) + first);
  }

  void BackwardPart(const Run& run, std::int64_t first, std::int64_t count) override {
    const auto backward = use_ == GradientUse::kAdd ? AddGradient : WriteGradient;
    backward(function_, slope_, run.value(by_result_ ? y_ : x_) + first, run.gradient(y_) + first,
             count, run.gradient(x_) + first);
  }

 private:
  const arch::NodeIndex x_, y_;
  const Function function_;
  const float slope_;
  const bool by_result_;
  const bool batched_;
  const std::int64_t elements_;
  const GradientUse use_;
};

class Softmax final : public Kernel {
 public:
  explicit Softmax(KernelContext& context)
      : x_(context.operand(0)),
        y_(context.result),
        batched_(context.batched(x_)),
        extent_(context.extent(x_)),
        use_(context.gradient_uses[0]) {}

  absl::Status Forward(const Run& run) override {
    ForEachRows(run, [&](std::int64_t first, std::int64_t rows) {
      const std::int64_t start = first * extent_.channels;
      SoftmaxRows(run.value(x_) + start, rows, extent_.channels, /*scale=*/1.0F,
                  run.mutable_value(y_) + start, /*log_sum=*/nullptr);
    });
    return absl::OkStatus();
  }

  absl::Status Backward(const Run& run) override {
    ForEachRows(run, [&](std::int64_t first, std::int64_t rows) {
      const std::int64_t start = first * extent_.channels;
      SoftmaxBackwardRows(run.value(y_) + start, run.gradient(y_) + start, rows, extent_.channels,
                          use_ == GradientUse::kAdd, run.gradient(x_) + start);
    });
    return absl::OkStatus();
  }

 private:
  // Calls visit(first row, rows) for parts of a batch.
  template <typename Visit>
  void ForEachRows(const Run& run, const Visit& visit) const {
    const std::int64_t rows = run.outer(batched_) * extent_.plane();
    ForEachPart(rows, rows * extent_.channels, visit);
  }

  const arch::NodeIndex x_, y_;
  const bool batched_;
  const Extent extent_;
  const GradientUse use_;
};

}  // namespace

std::unique_ptr<Kernel> MakeActivation(KernelContext& context) {
  return std::make_unique<Activation>(context);
}

std::unique_ptr<Kernel> MakeSoftmax(KernelContext& context) {
  return std::make_unique<Softmax>(context);
}

}  // namespace graft::engine::cpu
