#include "common/recipe/recipe_encoding.h"

#include <variant>

#include "common/base/check.h"
#include "common/digest/canonical.h"

namespace graft::recipe {
namespace {

using digest::CanonicalEncoder;

// Numbers of the alternatives in the encoding. They decide keys: never reuse one.
enum class OptimizerTag : std::uint64_t { kSgd, kAdam, kLamb, kAdaDelta, kMuon };
enum class ScheduleTag : std::uint64_t { kCosine, kConstant, kStep, kTriangular, kPlateau };

template <typename Tag>
CanonicalEncoder& Put(Tag tag, CanonicalEncoder& encoder) {
  return encoder.U64(static_cast<std::uint64_t>(tag));
}

// Each alternative: its tag, then its fields in the order of the header.

void Encode(const SgdOptions& sgd, CanonicalEncoder& encoder) {
  Put(OptimizerTag::kSgd, encoder)
      .F64(sgd.learning_rate)
      .F64(sgd.momentum)
      .Bool(sgd.nesterov)
      .F64(sgd.weight_decay);
}

void Encode(const AdamOptions& adam, CanonicalEncoder& encoder) {
  Put(OptimizerTag::kAdam, encoder)
      .F64(adam.learning_rate)
      .F64(adam.beta1)
      .F64(adam.beta2)
      .F64(adam.epsilon)
      .F64(adam.weight_decay)
      .Bool(adam.decoupled);
}

void Encode(const LambOptions& lamb, CanonicalEncoder& encoder) {
  Put(OptimizerTag::kLamb, encoder)
      .F64(lamb.learning_rate)
      .F64(lamb.beta1)
      .F64(lamb.beta2)
      .F64(lamb.epsilon)
      .F64(lamb.weight_decay);
}

void Encode(const AdaDeltaOptions& ada_delta, CanonicalEncoder& encoder) {
  Put(OptimizerTag::kAdaDelta, encoder)
      .F64(ada_delta.learning_rate)
      .F64(ada_delta.rho)
      .F64(ada_delta.epsilon)
      .F64(ada_delta.weight_decay);
}

void Encode(const MuonOptions& muon, CanonicalEncoder& encoder) {
  Put(OptimizerTag::kMuon, encoder)
      .F64(muon.learning_rate)
      .F64(muon.momentum)
      .I64(muon.iterations)
      .F64(muon.weight_decay)
      .F64(muon.vector_rate);
}

void Encode(const CosineSchedule& cosine, CanonicalEncoder& encoder) {
  Put(ScheduleTag::kCosine, encoder).F64(cosine.final_fraction).Bool(cosine.each_step);
}

void Encode(const ConstantSchedule&, CanonicalEncoder& encoder) {
  Put(ScheduleTag::kConstant, encoder);
}

void Encode(const StepSchedule& step, CanonicalEncoder& encoder) {
  Put(ScheduleTag::kStep, encoder).List(step.milestones.size());
  for (const double milestone : step.milestones) encoder.F64(milestone);
  encoder.F64(step.factor);
}

void Encode(const TriangularSchedule& triangular, CanonicalEncoder& encoder) {
  Put(ScheduleTag::kTriangular, encoder).I64(triangular.cycles).F64(triangular.final_fraction);
}

void Encode(const PlateauSchedule& plateau, CanonicalEncoder& encoder) {
  Put(ScheduleTag::kPlateau, encoder)
      .F64(plateau.factor)
      .I64(plateau.patience)
      .F64(plateau.threshold);
}

std::uint64_t TagOf(WeightDecayMask mask) {
  switch (mask) {
    case WeightDecayMask::kAll:
      return 0;
    case WeightDecayMask::kMatrices:
      return 1;
  }
  GRAFT_CHECK(false) << "weight decay mask " << static_cast<int>(mask);
  return 0;
}

// Float32, the neutral choice, is left out.
void Encode(Precision precision, CanonicalEncoder& encoder) {
  constexpr std::uint64_t kBfloat16Tag = 1;
  if (precision == Precision::kBfloat16) encoder.U64(kBfloat16Tag);
}

}  // namespace

void EncodeRecipe(const Recipe& recipe, CanonicalEncoder& encoder) {
  const auto encode = [&](const auto& alternative) { Encode(alternative, encoder); };
  encoder.I64(recipe.epochs).I64(recipe.batch_size);
  std::visit(encode, recipe.optimizer);
  encoder.U64(TagOf(recipe.weight_decay_mask)).F64(recipe.clip_norm);
  std::visit(encode, recipe.schedule.shape);
  encoder.F64(recipe.schedule.warmup_epochs).F64(recipe.ema_decay).List(recipe.frozen.size());
  for (const std::string& pattern : recipe.frozen) encoder.String(pattern);
  encoder.U64(recipe.seed)
      .I64(recipe.threads)
      .F64(recipe.label_smoothing)
      .Bool(recipe.flip)
      .I64(recipe.pad_crop)
      .I64(recipe.cutout)
      .I64(recipe.rand_augment_operations)
      .I64(recipe.rand_augment_magnitude)
      .F64(recipe.mixup_alpha)
      .F64(recipe.cutmix_alpha);
  Encode(recipe.precision, encoder);
}

}  // namespace graft::recipe
