// Batch norm, ReLU and max pooling over windows of 2x2 in one. Forward reads x and writes a quarter
// of it, twice: the results, and x - mean where they are from, which sums of gradients take.
// Backward finds again where the largest elements are.
#include "common/engine/cpu/batch_norm.h"

namespace graft::engine::cpu {
namespace {

class PooledBatchNorm final : public BatchNorm {
 public:
  explicit PooledBatchNorm(KernelContext& context)
      : BatchNorm(context, context.extent(context.result).elements()),
        kept_(context.Keep(context.elements(context.result) *
                           static_cast<std::int64_t>(sizeof(float)))),
        zeros_(MakeCoefficients()) {}

 protected:
  void Normalise(const Run& run, const Examples& part) const override {
    loops().pool(RowsOf(part), coefficients(), x(run, part), y(run, part), kept(run, part));
  }

  void SumGradients(const Run& run, const Examples& part, NormSums& sums) const override {
    NormCoefficients of_kept = coefficients();
    of_kept.mean = zeros_.floats();
    SumFlatGradients(of_kept, kept(run, part), dy(run, part), part.count * result_elements(), sums);
  }

  void Propagate(const Run& run, const Examples& part, bool add) const override {
    loops().propagate_pooled(RowsOf(part), coefficients(), x(run, part), dy(run, part), add,
                             dx(run, part));
  }

 private:
  WindowRows RowsOf(const Examples& part) const {
    return {part.count * extent().height / 2, extent().width / 2, extent().channels};
  }
  float* kept(const Run& run, const Examples& part) const {
    return run.buffer<float>(kept_) + part.first * result_elements();
  }

  const BufferId kept_;
  const AlignedBuffer zeros_;
};

}  // namespace

std::unique_ptr<Kernel> MakePooledBatchNorm(KernelContext& context) {
  return std::make_unique<PooledBatchNorm>(context);
}

}  // namespace graft::engine::cpu
