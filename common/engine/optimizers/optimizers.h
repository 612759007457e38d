// The optimisers, a file each. Internal to engine.
#ifndef GRAFT_COMMON_ENGINE_OPTIMIZERS_OPTIMIZERS_H_
#define GRAFT_COMMON_ENGINE_OPTIMIZERS_OPTIMIZERS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/engine/optimizer.h"

namespace graft::engine {

using Segments = std::vector<ParameterSegment>;

std::unique_ptr<Optimizer> MakeSgd(const recipe::SgdOptions& options, Segments segments,
                                   std::int64_t size);
std::unique_ptr<Optimizer> MakeAdam(const recipe::AdamOptions& options, Segments segments,
                                    std::int64_t size);
std::unique_ptr<Optimizer> MakeLamb(const recipe::LambOptions& options, Segments segments,
                                    std::int64_t size);
std::unique_ptr<Optimizer> MakeAdaDelta(const recipe::AdaDeltaOptions& options, Segments segments,
                                        std::int64_t size);
std::unique_ptr<Optimizer> MakeMuon(const recipe::MuonOptions& options, Segments segments,
                                    std::int64_t size);

inline float DecayOf(const ParameterSegment& segment, double weight_decay) {
  return segment.decays ? static_cast<float>(weight_decay) : 0.0F;
}

// A buffer of zeros as long as the parameters.
class StateBuffer {
 public:
  explicit StateBuffer(std::int64_t size);
  // The part that belongs to a segment.
  float* of(const ParameterSegment& segment) {
    return buffer_.mutable_floats().data() + segment.offset;
  }

 private:
  tensor::Tensor buffer_;
};

// beta^t for t = 1, 2, ...; multiplied up, so that no library's pow decides bits.
class BiasCorrection {
 public:
  BiasCorrection(double beta1, double beta2)
      : beta1_(static_cast<float>(beta1)), beta2_(static_cast<float>(beta2)) {}
  // Moves on to the next step.
  void Advance() {
    power1_ *= beta1_;
    power2_ *= beta2_;
  }
  // 1 / (1 - beta^t).
  float first() const { return static_cast<float>(1 / (1 - power1_)); }
  float second() const { return static_cast<float>(1 / (1 - power2_)); }

 private:
  const double beta1_;
  const double beta2_;
  double power1_ = 1;
  double power2_ = 1;
};

}  // namespace graft::engine

#endif  // GRAFT_COMMON_ENGINE_OPTIMIZERS_OPTIMIZERS_H_
