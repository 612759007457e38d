// Convolution by oneDNN, channels-last, weights in the layout that oneDNN prefers.
#include <algorithm>
#include <dnnl.hpp>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/engine/cpu/bound_primitive.h"
#include "common/engine/cpu/convolution_method.h"

namespace graft::engine::cpu {
namespace {

using dnnl::memory;

memory::desc Describe(const memory::dims& dims, memory::format_tag tag) {
  return {dims, memory::data_type::f32, tag};
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
  Primitives(const ConvolutionProblem& problem, std::int64_t count)
      : count_(count), problem_(problem) {
    const auto channels_last = memory::format_tag::nhwc;
    x_ = Describe({count, problem.x.channels, problem.x.height, problem.x.width}, channels_last);
    y_ = Describe({count, problem.y.channels, problem.y.height, problem.y.width}, channels_last);
    const memory::dims weight = WeightDims(problem);
    any_weight_ = Describe(weight, memory::format_tag::any);
    plain_weight_ = Describe(
        weight, problem.groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw);
    bias_ = problem.bias ? Describe({problem.y.channels}, memory::format_tag::a) : memory::desc();
    const dnnl::convolution_forward::primitive_desc forward = MakeForward();
    if (problem.data_gradient) MakeDataGradient(forward);
    if (problem.weight_gradient) MakeWeightGradient(forward);
  }

  std::int64_t count() const { return count_; }
  std::int64_t scratch_bytes() const { return scratch_bytes_; }

  absl::Status Forward(const float* x, const float* weight, const float* bias, void* scratch,
                       float* y) {
    ASSIGN_OR_RETURN(const float* const packed, Pack(forward_pack_, weight, forward_weight_));
    if (problem_.bias) return forward_.Execute({x, packed, y, scratch, bias});
    return forward_.Execute({x, packed, y, scratch});
  }

  absl::Status FoldedForward(const float* x, const float* weight, const float* bias, void* scratch,
                             float* y) {
    ASSIGN_OR_RETURN(const float* const packed, Pack(forward_pack_, weight, forward_weight_));
    return folded_forward_.Execute({x, packed, y, scratch, bias});
  }

  // dx is overwritten.
  absl::Status DataGradient(const float* dy, const float* weight, void* scratch, float* dx) {
    ASSIGN_OR_RETURN(const float* const packed, Pack(data_pack_, weight, data_weight_));
    return data_gradient_.Execute({dy, packed, dx, scratch});
  }

  // The gradients are overwritten; `dbias` is null without a bias.
  absl::Status WeightGradient(const float* x, const float* dy, void* scratch, float* dweight,
                              float* dbias) {
    float* const packed = weight_unpack_ ? gradient_weight_.floats() : dweight;
    if (problem_.bias) {
      RETURN_IF_ERROR(weight_gradient_.Execute({x, dy, packed, scratch, dbias}));
    } else {
      RETURN_IF_ERROR(weight_gradient_.Execute({x, dy, packed, scratch}));
    }
    return weight_unpack_ ? weight_unpack_.Execute({packed, dweight}) : absl::OkStatus();
  }

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
    scratch_bytes_ = std::max(scratch_bytes_, static_cast<std::int64_t>(scratch.get_size()));
    return scratch;
  }

  dnnl::convolution_forward::primitive_desc MakeForward() {
    const dnnl::convolution_forward::desc description(
        dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, x_, any_weight_,
        bias_, y_, problem_.strides, problem_.dilates, problem_.padding_before,
        problem_.padding_after);
    const dnnl::convolution_forward::primitive_desc forward(description, UserScratch(),
                                                            CpuEngine());
    std::vector<std::pair<int, memory::desc>> arguments = {
        {DNNL_ARG_SRC, x_},
        {DNNL_ARG_WEIGHTS, forward.weights_desc()},
        {DNNL_ARG_DST, y_},
        {DNNL_ARG_SCRATCHPAD, ScratchOf(forward)}};
    if (problem_.bias) arguments.emplace_back(DNNL_ARG_BIAS, bias_);
    if (!problem_.forward) return forward;
    forward_ = BoundPrimitive(dnnl::convolution_forward(forward), arguments);
    forward_pack_ = MakeReorder(plain_weight_, forward.weights_desc());
    if (forward_pack_) forward_weight_ = BufferFor(forward.weights_desc());
    if (problem_.folded) MakeFoldedForward(forward.weights_desc());
    return forward;
  }

  // From weights as those of the forward.
  void MakeFoldedForward(const memory::desc& weight) {
    const memory::desc bias = Describe({problem_.y.channels}, memory::format_tag::a);
    const dnnl::convolution_forward::desc description(
        dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x_, weight, bias,
        y_, problem_.strides, problem_.dilates, problem_.padding_before, problem_.padding_after);
    dnnl::primitive_attr attributes = UserScratch();
    if (problem_.folded_relu) {
      dnnl::post_ops relu;
      relu.append_eltwise(/*scale=*/1.0F, dnnl::algorithm::eltwise_relu, /*alpha=*/0.0F, 0.0F);
      attributes.set_post_ops(relu);
    }
    const dnnl::convolution_forward::primitive_desc forward(description, attributes, CpuEngine());
    folded_forward_ = BoundPrimitive(dnnl::convolution_forward(forward),
                                     {{DNNL_ARG_SRC, x_},
                                      {DNNL_ARG_WEIGHTS, weight},
                                      {DNNL_ARG_DST, y_},
                                      {DNNL_ARG_SCRATCHPAD, ScratchOf(forward)},
                                      {DNNL_ARG_BIAS, bias}});
  }

  void MakeDataGradient(const dnnl::convolution_forward::primitive_desc& forward) {
    const dnnl::convolution_backward_data::desc description(
        dnnl::algorithm::convolution_direct, x_, any_weight_, y_, problem_.strides,
        problem_.dilates, problem_.padding_before, problem_.padding_after);
    const dnnl::convolution_backward_data::primitive_desc backward(description, UserScratch(),
                                                                   CpuEngine(), forward);
    data_gradient_ = BoundPrimitive(dnnl::convolution_backward_data(backward),
                                    {{DNNL_ARG_DIFF_DST, y_},
                                     {DNNL_ARG_WEIGHTS, backward.weights_desc()},
                                     {DNNL_ARG_DIFF_SRC, x_},
                                     {DNNL_ARG_SCRATCHPAD, ScratchOf(backward)}});
    data_pack_ = MakeReorder(plain_weight_, backward.weights_desc());
    if (data_pack_) data_weight_ = BufferFor(backward.weights_desc());
  }

  void MakeWeightGradient(const dnnl::convolution_forward::primitive_desc& forward) {
    const dnnl::convolution_backward_weights::desc description(
        dnnl::algorithm::convolution_direct, x_, any_weight_, bias_, y_, problem_.strides,
        problem_.dilates, problem_.padding_before, problem_.padding_after);
    const dnnl::convolution_backward_weights::primitive_desc backward(description, UserScratch(),
                                                                      CpuEngine(), forward);
    std::vector<std::pair<int, memory::desc>> arguments = {
        {DNNL_ARG_SRC, x_},
        {DNNL_ARG_DIFF_DST, y_},
        {DNNL_ARG_DIFF_WEIGHTS, backward.diff_weights_desc()},
        {DNNL_ARG_SCRATCHPAD, ScratchOf(backward)}};
    if (problem_.bias) arguments.emplace_back(DNNL_ARG_DIFF_BIAS, bias_);
    weight_gradient_ = BoundPrimitive(dnnl::convolution_backward_weights(backward), arguments);
    weight_unpack_ = MakeReorder(backward.diff_weights_desc(), plain_weight_);
    if (weight_unpack_) gradient_weight_ = BufferFor(backward.diff_weights_desc());
  }

  static AlignedBuffer BufferFor(const memory::desc& description) {
    return AlignedBuffer(static_cast<std::int64_t>(description.get_size()));
  }

  // The weights in the layout of `reorder`.
  static absl::StatusOr<const float*> Pack(BoundPrimitive& reorder, const float* weight,
                                           const AlignedBuffer& packed) {
    if (!reorder) return weight;
    RETURN_IF_ERROR(reorder.Execute({weight, packed.data()}));
    return packed.floats();
  }

  const std::int64_t count_;
  const ConvolutionProblem problem_;
  std::int64_t scratch_bytes_ = 0;
  memory::desc x_, y_, any_weight_, plain_weight_, bias_;
  BoundPrimitive forward_, forward_pack_, folded_forward_;
  BoundPrimitive data_gradient_, data_pack_;
  BoundPrimitive weight_gradient_, weight_unpack_;
  AlignedBuffer forward_weight_, data_weight_, gradient_weight_;
};

class DirectConvolution final : public ConvolutionMethod {
 public:
  DirectConvolution(const ConvolutionProblem& problem, std::int64_t batch)
      : problem_(problem), full_(problem, batch) {}

  std::int64_t scratch_bytes() const override { return full_.scratch_bytes(); }

  absl::Status Forward(std::int64_t count, const float* x, const float* weight, const float* bias,
                       float* scratch, float* y) override {
    ASSIGN_OR_RETURN(Primitives* const primitives, For(count));
    return primitives->Forward(x, weight, bias, Scratch(*primitives, scratch), y);
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

  absl::Status WeightGradient(std::int64_t count, const float* x, const float* dy, float* scratch,
                              float* dweight, float* dbias) override {
    ASSIGN_OR_RETURN(Primitives* const primitives, For(count));
    return primitives->WeightGradient(x, dy, Scratch(*primitives, scratch), dweight, dbias);
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
      partial_.push_back(std::make_unique<Primitives>(problem_, count));
    } catch (const dnnl::error& error) {
      return absl::InternalError(
          absl::StrCat("oneDNN refuses a convolution of ", count, " examples: ", error.what()));
    }
    return partial_.back().get();
  }

  void* Scratch(const Primitives& primitives, float* scratch) {
    if (primitives.scratch_bytes() <= full_.scratch_bytes()) return scratch;
    if (primitives.scratch_bytes() > partial_scratch_.size_bytes()) {
      partial_scratch_ = AlignedBuffer(primitives.scratch_bytes());
    }
    return partial_scratch_.data();
  }

  const ConvolutionProblem problem_;
  Primitives full_;
  std::vector<std::unique_ptr<Primitives>> partial_;
  AlignedBuffer partial_scratch_;
};

}  // namespace

std::unique_ptr<ConvolutionMethod> MakeDirectConvolution(const ConvolutionProblem& problem,
                                                         std::int64_t batch) {
  return std::make_unique<DirectConvolution>(problem, batch);
}

}  // namespace graft::engine::cpu
