// Convolution by oneDNN, channels-last, weights in the layout that oneDNN prefers. What is
// multiplied is float32 or rounded to bfloat16 before; all else is float32.
#include <algorithm>
#include <dnnl.hpp>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/engine/cpu/bound_primitive.h"
#include "common/engine/cpu/convolution_method.h"

namespace graft::engine::cpu {
namespace {

using dnnl::memory;

constexpr memory::data_type kFloat32 = memory::data_type::f32;

// A description's bytes up to where the next buffer may begin.
std::int64_t AlignedBytes(const memory::desc& description) {
  constexpr std::int64_t kAlignment = 64;
  const auto size_bytes = static_cast<std::int64_t>(description.get_size());
  return (size_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// [O, C, kh, kw], or [G, O / G, C / G, kh, kw] in groups
memory::dims WeightDims(const ConvolutionProblem& problem) {
  memory::dims dims = problem.weight;
  if (problem.groups == 1) return dims;
  dims[0] /= problem.groups;
  dims.insert(dims.begin(), problem.groups);
  return dims;
}

// The primitives for one number of examples, with the buffers of their own layouts.
class Primitives {
 public:
  // `factors`: type of what is multiplied.
  Primitives(const ConvolutionProblem& problem, memory::data_type factors, std::int64_t count)
      : count_(count), problem_(problem) {
    const auto values = [count](const Extent& extent, memory::data_type type) {
      return memory::desc({count, extent.channels, extent.height, extent.width}, type,
                          memory::format_tag::nhwc);
    };
    x_ = values(problem.x, kFloat32);
    y_ = values(problem.y, kFloat32);
    x_factor_ = values(problem.x, factors);
    y_factor_ = values(problem.y, factors);
    const memory::dims weight = WeightDims(problem);
    weight_factor_ = {weight, factors, memory::format_tag::any};
    any_weight_ = {weight, kFloat32, memory::format_tag::any};
    plain_weight_ = {weight, kFloat32,
                     problem.groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw};
    if (problem.bias) bias_ = {{problem.y.channels}, kFloat32, memory::format_tag::a};
    round_x_ = MakeReorder(x_, x_factor_);
    round_y_ = MakeReorder(y_, y_factor_);
    y_offset_ = round_x_ ? AlignedBytes(x_factor_) : 0;
    weight_offset_ = y_offset_ + (round_y_ ? AlignedBytes(y_factor_) : 0);
    const dnnl::convolution_forward::primitive_desc forward = MakeForward();
    if (problem.data_gradient) MakeDataGradient(forward);
    if (problem.weight_gradient) MakeWeightGradient(forward);
  }

  std::int64_t count() const { return count_; }
  // For rounded x, rounded dy, weights in the primitives' layout, and the primitives.
  std::int64_t scratch_bytes() const { return primitive_offset() + primitive_bytes_; }

  // Execute takes pointers to results as those to operands.
  // NOLINTBEGIN(readability-non-const-parameter)
  absl::Status Forward(const float* x, const float* weight, const float* bias, std::byte* scratch,
                       float* y) {
    ASSIGN_OR_RETURN(const void* const rounded, Reorder(round_x_, x, scratch));
    ASSIGN_OR_RETURN(const void* const packed,
                     Reorder(forward_pack_, weight, scratch + weight_offset_));
    std::byte* const own = scratch + primitive_offset();
    if (problem_.bias) return forward_.Execute({rounded, packed, y, own, bias});
    return forward_.Execute({rounded, packed, y, own});
  }

  absl::Status FoldedForward(const float* x, const float* weight, const float* bias,
                             std::byte* scratch, float* y) {
    ASSIGN_OR_RETURN(const void* const rounded, Reorder(round_x_, x, scratch));
    ASSIGN_OR_RETURN(const void* const packed,
                     Reorder(forward_pack_, weight, scratch + weight_offset_));
    return folded_forward_.Execute({rounded, packed, y, scratch + primitive_offset(), bias});
  }

  // dx is overwritten.
  absl::Status DataGradient(const float* dy, const float* weight, std::byte* scratch, float* dx) {
    ASSIGN_OR_RETURN(const void* const rounded, Reorder(round_y_, dy, scratch + y_offset_));
    ASSIGN_OR_RETURN(const void* const packed,
                     Reorder(data_pack_, weight, scratch + weight_offset_));
    return data_gradient_.Execute({rounded, packed, dx, scratch + primitive_offset()});
  }

  // The gradients are overwritten; `dbias` is null without a bias.
  absl::Status WeightGradient(const float* x, const float* dy, std::byte* scratch, float* dweight,
                              float* dbias) {
    ASSIGN_OR_RETURN(const void* const rounded_x, Reorder(round_x_, x, scratch));
    ASSIGN_OR_RETURN(const void* const rounded_y, Reorder(round_y_, dy, scratch + y_offset_));
    void* const packed = weight_unpack_ ? static_cast<void*>(scratch + weight_offset_) : dweight;
    std::byte* const own = scratch + primitive_offset();
    if (problem_.bias) {
      RETURN_IF_ERROR(weight_gradient_.Execute({rounded_x, rounded_y, packed, own, dbias}));
    } else {
      RETURN_IF_ERROR(weight_gradient_.Execute({rounded_x, rounded_y, packed, own}));
    }
    return weight_unpack_ ? weight_unpack_.Execute({packed, dweight}) : absl::OkStatus();
  }
  // NOLINTEND(readability-non-const-parameter)

 private:
  // The library would otherwise share scratch between primitives of one thread, and a plan may move
  // from thread to thread.
  static dnnl::primitive_attr UserScratch() {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return attributes;
  }

  memory::desc ScratchOf(const dnnl::primitive_desc_base& description) {
    const memory::desc scratch = description.query_md(dnnl::query::scratchpad_md);
    primitive_bytes_ = std::max(primitive_bytes_, static_cast<std::int64_t>(scratch.get_size()));
    return scratch;
  }

  dnnl::convolution_forward::primitive_desc MakeForward() {
    const dnnl::convolution_forward::desc description(
        dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, x_factor_,
        weight_factor_, bias_, y_, problem_.strides, problem_.dilates, problem_.padding_before,
        problem_.padding_after);
    const dnnl::convolution_forward::primitive_desc forward(description, UserScratch(),
                                                            CpuEngine());
    std::vector<std::pair<int, memory::desc>> arguments = {
        {DNNL_ARG_SRC, x_factor_},
        {DNNL_ARG_WEIGHTS, forward.weights_desc()},
        {DNNL_ARG_DST, y_},
        {DNNL_ARG_SCRATCHPAD, ScratchOf(forward)}};
    if (problem_.bias) arguments.emplace_back(DNNL_ARG_BIAS, bias_);
    if (!problem_.forward) return forward;
    forward_ = BoundPrimitive(dnnl::convolution_forward(forward), arguments);
    forward_pack_ = MakeReorder(plain_weight_, forward.weights_desc());
    if (forward_pack_) NeedWeight(forward.weights_desc());
    if (problem_.folded) MakeFoldedForward(forward.weights_desc());
    return forward;
  }

  // From weights as those of the forward.
  void MakeFoldedForward(const memory::desc& weight) {
    const memory::desc bias({problem_.y.channels}, kFloat32, memory::format_tag::a);
    const dnnl::convolution_forward::desc description(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x_factor_, weight,
        bias, y_, problem_.strides, problem_.dilates, problem_.padding_before,
        problem_.padding_after);
    dnnl::primitive_attr attributes = UserScratch();
    if (problem_.folded_relu) {
      dnnl::post_ops relu;
      relu.append_eltwise(/*scale=*/1.0F, dnnl::algorithm::eltwise_relu, /*alpha=*/0.0F, 0.0F);
      attributes.set_post_ops(relu);
    }
    const dnnl::convolution_forward::primitive_desc forward(description, attributes, CpuEngine());
    folded_forward_ = BoundPrimitive(dnnl::convolution_forward(forward),
                                     {{DNNL_ARG_SRC, x_factor_},
                                      {DNNL_ARG_WEIGHTS, weight},
                                      {DNNL_ARG_DST, y_},
                                      {DNNL_ARG_SCRATCHPAD, ScratchOf(forward)},
                                      {DNNL_ARG_BIAS, bias}});
  }

  void MakeDataGradient(const dnnl::convolution_forward::primitive_desc& forward) {
    const dnnl::convolution_backward_data::desc description(
        dnnl::algorithm::convolution_direct, x_, weight_factor_, y_factor_, problem_.strides,
        problem_.dilates, problem_.padding_before, problem_.padding_after);
    const dnnl::convolution_backward_data::primitive_desc backward(description, UserScratch(),
                                                                   CpuEngine(), forward);
    data_gradient_ = BoundPrimitive(dnnl::convolution_backward_data(backward),
                                    {{DNNL_ARG_DIFF_DST, y_factor_},
                                     {DNNL_ARG_WEIGHTS, backward.weights_desc()},
                                     {DNNL_ARG_DIFF_SRC, x_},
                                     {DNNL_ARG_SCRATCHPAD, ScratchOf(backward)}});
    data_pack_ = MakeReorder(plain_weight_, backward.weights_desc());
    if (data_pack_) NeedWeight(backward.weights_desc());
  }

  void MakeWeightGradient(const dnnl::convolution_forward::primitive_desc& forward) {
    const dnnl::convolution_backward_weights::desc description(
        dnnl::algorithm::convolution_direct, x_factor_, any_weight_, bias_, y_factor_,
        problem_.strides, problem_.dilates, problem_.padding_before, problem_.padding_after);
    const dnnl::convolution_backward_weights::primitive_desc backward(description, UserScratch(),
                                                                      CpuEngine(), forward);
    std::vector<std::pair<int, memory::desc>> arguments = {
        {DNNL_ARG_SRC, x_factor_},
        {DNNL_ARG_DIFF_DST, y_factor_},
        {DNNL_ARG_DIFF_WEIGHTS, backward.diff_weights_desc()},
        {DNNL_ARG_SCRATCHPAD, ScratchOf(backward)}};
    if (problem_.bias) arguments.emplace_back(DNNL_ARG_DIFF_BIAS, bias_);
    weight_gradient_ = BoundPrimitive(dnnl::convolution_backward_weights(backward), arguments);
    weight_unpack_ = MakeReorder(backward.diff_weights_desc(), plain_weight_);
    if (weight_unpack_) NeedWeight(backward.diff_weights_desc());
  }

  void NeedWeight(const memory::desc& description) {
    weight_bytes_ = std::max(weight_bytes_, AlignedBytes(description));
  }

  std::int64_t primitive_offset() const { return weight_offset_ + weight_bytes_; }

  // `values` as `reorder` brings them to `to`, or as they are without one.
  static absl::StatusOr<const void*> Reorder(BoundPrimitive& reorder, const float* values,
                                             std::byte* to) {
    if (!reorder) return values;
    RETURN_IF_ERROR(reorder.Execute({values, to}));
    return to;
  }

  const std::int64_t count_;
  const ConvolutionProblem problem_;
  memory::desc x_, y_, any_weight_, plain_weight_, bias_;
  memory::desc x_factor_, y_factor_, weight_factor_;  // as they are multiplied
  BoundPrimitive round_x_, round_y_;                  // none in float32
  std::int64_t y_offset_ = 0;                         // bytes into the scratch, after rounded x
  std::int64_t weight_offset_ = 0;                    // after rounded dy
  std::int64_t weight_bytes_ = 0;
  std::int64_t primitive_bytes_ = 0;
  BoundPrimitive forward_, forward_pack_, folded_forward_;
  BoundPrimitive data_gradient_, data_pack_;
  BoundPrimitive weight_gradient_, weight_unpack_;
};

class DirectConvolution final : public ConvolutionMethod {
 public:
  DirectConvolution(const ConvolutionProblem& problem, memory::data_type factors,
                    std::int64_t batch)
      : problem_(problem), factors_(factors), full_(problem, factors, batch) {}

  std::int64_t scratch_bytes() const override { return full_.scratch_bytes(); }

  absl::Status Forward(std::int64_t count, const ConvolutionOperand& operand, const float* weight,
                       const float* bias, float* scratch, float* y) override {
    GRAFT_CHECK(operand.norm == nullptr);
    ASSIGN_OR_RETURN(Primitives* const primitives, For(count));
    return primitives->Forward(operand.x, weight, bias, Scratch(*primitives, scratch), y);
  }

  absl::Status FoldedForward(std::int64_t count, const float* x, const float* weight,
                             const float* bias, float* scratch, float* y) override {
    ASSIGN_OR_RETURN(Primitives* const primitives, For(count));
    return primitives->FoldedForward(x, weight, bias, Scratch(*primitives, scratch), y);
  }

  absl::Status DataGradient(std::int64_t count, const float* dy, const float* weight,
                            float* scratch, float* dx) override {
    ASSIGN_OR_RETURN(Primitives* const primitives, For(count));
    return primitives->DataGradient(dy, weight, Scratch(*primitives, scratch), dx);
  }

  absl::Status WeightGradient(std::int64_t count, const ConvolutionOperand& operand,
                              const float* dy, float* scratch, float* dweight,
                              float* dbias) override {
    GRAFT_CHECK(operand.norm == nullptr);
    ASSIGN_OR_RETURN(Primitives* const primitives, For(count));
    return primitives->WeightGradient(operand.x, dy, Scratch(*primitives, scratch), dweight, dbias);
  }

 private:
  static constexpr std::size_t kMaxPartialCounts = 4;

  // The primitives for so many examples; made at the first use. Of counts other than the batch, the
  // last few are kept.
  absl::StatusOr<Primitives*> For(std::int64_t count) {
    if (count == full_.count()) return &full_;
    for (const std::unique_ptr<Primitives>& partial : partial_) {
      if (partial->count() == count) return partial.get();
    }
    if (partial_.size() == kMaxPartialCounts) partial_.erase(partial_.begin());
    try {
      partial_.push_back(std::make_unique<Primitives>(problem_, factors_, count));
    } catch (const dnnl::error& error) {
      return absl::InternalError(
          absl::StrCat("oneDNN refuses a convolution of ", count, " examples: ", error.what()));
    }
    return partial_.back().get();
  }

  std::byte* Scratch(const Primitives& primitives, float* scratch) {
    if (primitives.scratch_bytes() <= full_.scratch_bytes()) {
      return reinterpret_cast<std::byte*>(scratch);
    }
    if (primitives.scratch_bytes() > partial_scratch_.size_bytes()) {
      partial_scratch_ = AlignedBuffer(primitives.scratch_bytes());
    }
    return partial_scratch_.data();
  }

  const ConvolutionProblem problem_;
  const memory::data_type factors_;
  Primitives full_;
  std::vector<std::unique_ptr<Primitives>> partial_;
  AlignedBuffer partial_scratch_;
};

}  // namespace

std::unique_ptr<ConvolutionMethod> MakeDirectConvolution(const ConvolutionProblem& problem,
                                                         std::int64_t batch) {
  return std::make_unique<DirectConvolution>(problem, kFloat32, batch);
}

bool HaveBfloat16() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_amx:
      return true;
    default:
      return false;
  }
}

std::unique_ptr<ConvolutionMethod> MakeBfloat16Convolution(const ConvolutionProblem& problem,
                                                           std::int64_t batch) {
  return std::make_unique<DirectConvolution>(problem, memory::data_type::bf16, batch);
}

}  // namespace graft::engine::cpu
