#include "common/wire/recipe_wire.h"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::wire {
namespace {

constexpr double kAdamWDecay = 0.01;

// --- Optimisers: each message into its options and back.

void Read(const v1::SgdOptimizer& proto, recipe::SgdOptions& sgd) {
  if (proto.has_momentum()) sgd.momentum = proto.momentum();
  if (proto.has_nesterov()) sgd.nesterov = proto.nesterov();
}

template <typename Proto, typename Options>
void ReadMoments(const Proto& proto, Options& options) {
  if (proto.has_beta1()) options.beta1 = proto.beta1();
  if (proto.has_beta2()) options.beta2 = proto.beta2();
  if (proto.has_epsilon()) options.epsilon = proto.epsilon();
}

void Read(const v1::AdamOptimizer& proto, recipe::AdamOptions& adam) { ReadMoments(proto, adam); }

void Read(const v1::LambOptimizer& proto, recipe::LambOptions& lamb) { ReadMoments(proto, lamb); }

void Read(const v1::AdaDeltaOptimizer& proto, recipe::AdaDeltaOptions& ada_delta) {
  if (proto.has_rho()) ada_delta.rho = proto.rho();
  if (proto.has_epsilon()) ada_delta.epsilon = proto.epsilon();
}

void Read(const v1::MuonOptimizer& proto, recipe::MuonOptions& muon) {
  if (proto.has_momentum()) muon.momentum = proto.momentum();
  if (proto.has_iterations()) muon.iterations = proto.iterations();
  if (proto.has_vector_rate()) muon.vector_rate = proto.vector_rate();
}

// `options` begin as the defaults.
template <typename Proto, typename Options>
recipe::OptimizerOptions OptimizerFromProto(const Proto& proto, Options options) {
  if (proto.learning_rate() != 0) options.learning_rate = proto.learning_rate();
  if (proto.has_weight_decay()) options.weight_decay = proto.weight_decay();
  Read(proto, options);
  return options;
}

recipe::OptimizerOptions OptimizerFromProto(const v1::Recipe& proto) {
  switch (proto.optimizer_case()) {
    case v1::Recipe::kAdam:
      return OptimizerFromProto(proto.adam(), recipe::AdamOptions{});
    case v1::Recipe::kAdamw:
      return OptimizerFromProto(
          proto.adamw(), recipe::AdamOptions{.weight_decay = kAdamWDecay, .decoupled = true});
    case v1::Recipe::kLamb:
      return OptimizerFromProto(proto.lamb(), recipe::LambOptions{});
    case v1::Recipe::kAdaDelta:
      return OptimizerFromProto(proto.ada_delta(), recipe::AdaDeltaOptions{});
    case v1::Recipe::kMuon:
      return OptimizerFromProto(proto.muon(), recipe::MuonOptions{});
    case v1::Recipe::kSgd:
    case v1::Recipe::OPTIMIZER_NOT_SET:
      break;
  }
  return OptimizerFromProto(proto.sgd(), recipe::SgdOptions{});
}

template <typename Options, typename Proto>
void WriteMoments(const Options& options, Proto& proto) {
  proto.set_beta1(options.beta1);
  proto.set_beta2(options.beta2);
  proto.set_epsilon(options.epsilon);
}

// Rate and decay, which all have.
template <typename Options, typename Proto>
void WriteCommon(const Options& options, Proto& proto) {
  proto.set_learning_rate(options.learning_rate);
  proto.set_weight_decay(options.weight_decay);
}

struct OptimizerWriter {
  v1::Recipe& recipe;

  void operator()(const recipe::SgdOptions& sgd) const {
    v1::SgdOptimizer& proto = *recipe.mutable_sgd();
    WriteCommon(sgd, proto);
    proto.set_momentum(sgd.momentum);
    proto.set_nesterov(sgd.nesterov);
  }
  void operator()(const recipe::AdamOptions& adam) const {
    v1::AdamOptimizer& proto = adam.decoupled ? *recipe.mutable_adamw() : *recipe.mutable_adam();
    WriteCommon(adam, proto);
    WriteMoments(adam, proto);
  }
  void operator()(const recipe::LambOptions& lamb) const {
    WriteCommon(lamb, *recipe.mutable_lamb());
    WriteMoments(lamb, *recipe.mutable_lamb());
  }
  void operator()(const recipe::AdaDeltaOptions& ada_delta) const {
    v1::AdaDeltaOptimizer& proto = *recipe.mutable_ada_delta();
    WriteCommon(ada_delta, proto);
    proto.set_rho(ada_delta.rho);
    proto.set_epsilon(ada_delta.epsilon);
  }
  void operator()(const recipe::MuonOptions& muon) const {
    v1::MuonOptimizer& proto = *recipe.mutable_muon();
    WriteCommon(muon, proto);
    proto.set_momentum(muon.momentum);
    proto.set_iterations(muon.iterations);
    proto.set_vector_rate(muon.vector_rate);
  }
};

// --- Schedules

// The options that a message sets and the schedules that have them.
absl::Status CheckApplies(const v1::ScheduleOptions& options, v1::Schedule schedule) {
  struct Rule {
    std::string_view field;
    bool set;
    std::vector<v1::Schedule> schedules;
    std::string_view owners;
  };
  const Rule rules[] = {
      {"final_fraction",
       options.has_final_fraction(),
       {v1::SCHEDULE_COSINE, v1::SCHEDULE_TRIANGULAR},
       "SCHEDULE_COSINE and SCHEDULE_TRIANGULAR"},
      {"each_step", options.has_each_step(), {v1::SCHEDULE_COSINE}, "SCHEDULE_COSINE"},
      {"milestones", options.milestones_size() > 0, {v1::SCHEDULE_STEP}, "SCHEDULE_STEP"},
      {"factor",
       options.has_factor(),
       {v1::SCHEDULE_STEP, v1::SCHEDULE_PLATEAU},
       "SCHEDULE_STEP and SCHEDULE_PLATEAU"},
      {"cycles", options.has_cycles(), {v1::SCHEDULE_TRIANGULAR}, "SCHEDULE_TRIANGULAR"},
      {"patience", options.has_patience(), {v1::SCHEDULE_PLATEAU}, "SCHEDULE_PLATEAU"},
      {"threshold", options.has_threshold(), {v1::SCHEDULE_PLATEAU}, "SCHEDULE_PLATEAU"},
  };
  for (const Rule& rule : rules) {
    bool applies = !rule.set;
    for (const v1::Schedule owner : rule.schedules) applies = applies || owner == schedule;
    if (applies) continue;
    return base::InvalidFieldError(
        absl::StrCat("schedule_options.", base::ToAbsl(rule.field)),
        absl::StrCat("is an option of ", base::ToAbsl(rule.owners), ", but the schedule is ",
                     v1::Schedule_Name(schedule)));
  }
  return absl::OkStatus();
}

recipe::CosineSchedule CosineFromProto(const v1::ScheduleOptions& proto) {
  return {.final_fraction = proto.final_fraction(), .each_step = proto.each_step()};
}

recipe::StepSchedule StepFromProto(const v1::ScheduleOptions& proto) {
  recipe::StepSchedule step;
  const auto& milestones = proto.milestones();
  if (!milestones.empty()) step.milestones.assign(milestones.begin(), milestones.end());
  if (proto.has_factor()) step.factor = proto.factor();
  return step;
}

recipe::TriangularSchedule TriangularFromProto(const v1::ScheduleOptions& proto) {
  recipe::TriangularSchedule triangular{.final_fraction = proto.final_fraction()};
  if (proto.has_cycles()) triangular.cycles = proto.cycles();
  return triangular;
}

recipe::PlateauSchedule PlateauFromProto(const v1::ScheduleOptions& proto) {
  recipe::PlateauSchedule plateau;
  if (proto.has_factor()) plateau.factor = proto.factor();
  if (proto.has_patience()) plateau.patience = proto.patience();
  if (proto.has_threshold()) plateau.threshold = proto.threshold();
  return plateau;
}

absl::StatusOr<recipe::Schedule> ScheduleFromProto(const v1::Recipe& proto) {
  const v1::ScheduleOptions& options = proto.schedule_options();
  const v1::Schedule kind =
      proto.schedule() == v1::SCHEDULE_UNSPECIFIED ? v1::SCHEDULE_COSINE : proto.schedule();
  if (!v1::Schedule_IsValid(kind)) {
    return base::InvalidFieldError("schedule",
                                   absl::StrCat("unknown value ", static_cast<int>(kind)));
  }
  RETURN_IF_ERROR(CheckApplies(options, kind));
  recipe::Schedule schedule{.warmup_epochs = options.warmup_epochs()};
  switch (kind) {
    case v1::SCHEDULE_CONSTANT:
      schedule.shape = recipe::ConstantSchedule{};
      break;
    case v1::SCHEDULE_STEP:
      schedule.shape = StepFromProto(options);
      break;
    case v1::SCHEDULE_TRIANGULAR:
      schedule.shape = TriangularFromProto(options);
      break;
    case v1::SCHEDULE_PLATEAU:
      schedule.shape = PlateauFromProto(options);
      break;
    default:
      schedule.shape = CosineFromProto(options);
  }
  return schedule;
}

struct ScheduleWriter {
  v1::Recipe& recipe;

  void operator()(const recipe::CosineSchedule& cosine) const {
    recipe.set_schedule(v1::SCHEDULE_COSINE);
    if (cosine.final_fraction != 0) options().set_final_fraction(cosine.final_fraction);
    if (cosine.each_step) options().set_each_step(true);
  }
  void operator()(const recipe::ConstantSchedule&) const {
    recipe.set_schedule(v1::SCHEDULE_CONSTANT);
  }
  void operator()(const recipe::StepSchedule& step) const {
    recipe.set_schedule(v1::SCHEDULE_STEP);
    for (const double milestone : step.milestones) options().add_milestones(milestone);
    options().set_factor(step.factor);
  }
  void operator()(const recipe::TriangularSchedule& triangular) const {
    recipe.set_schedule(v1::SCHEDULE_TRIANGULAR);
    options().set_cycles(triangular.cycles);
    options().set_final_fraction(triangular.final_fraction);
  }
  void operator()(const recipe::PlateauSchedule& plateau) const {
    recipe.set_schedule(v1::SCHEDULE_PLATEAU);
    options().set_factor(plateau.factor);
    options().set_patience(plateau.patience);
    options().set_threshold(plateau.threshold);
  }

  v1::ScheduleOptions& options() const { return *recipe.mutable_schedule_options(); }
};

// --- Masks

v1::WeightDecayMask MaskToProto(recipe::WeightDecayMask mask) {
  switch (mask) {
    case recipe::WeightDecayMask::kAll:
      return v1::WEIGHT_DECAY_MASK_ALL;
    case recipe::WeightDecayMask::kMatrices:
      return v1::WEIGHT_DECAY_MASK_MATRICES;
  }
  GRAFT_CHECK(false) << "weight decay mask " << static_cast<int>(mask);
  return v1::WEIGHT_DECAY_MASK_UNSPECIFIED;
}

absl::StatusOr<recipe::WeightDecayMask> MaskFromProto(v1::WeightDecayMask proto) {
  switch (proto) {
    case v1::WEIGHT_DECAY_MASK_UNSPECIFIED:
    case v1::WEIGHT_DECAY_MASK_ALL:
      return recipe::WeightDecayMask::kAll;
    case v1::WEIGHT_DECAY_MASK_MATRICES:
      return recipe::WeightDecayMask::kMatrices;
    default:
      return base::InvalidFieldError("weight_decay_mask",
                                     absl::StrCat("unknown value ", static_cast<int>(proto)));
  }
}

// --- Precisions

// Float32 is left out: messages of it are those of before there was a choice.
v1::Precision PrecisionToProto(recipe::Precision precision) {
  switch (precision) {
    case recipe::Precision::kFloat32:
      return v1::PRECISION_UNSPECIFIED;
    case recipe::Precision::kBfloat16:
      return v1::PRECISION_BFLOAT16;
  }
  GRAFT_CHECK(false) << "precision " << static_cast<int>(precision);
  return v1::PRECISION_UNSPECIFIED;
}

absl::StatusOr<recipe::Precision> PrecisionFromProto(v1::Precision proto) {
  switch (proto) {
    case v1::PRECISION_UNSPECIFIED:
    case v1::PRECISION_FLOAT32:
      return recipe::Precision::kFloat32;
    case v1::PRECISION_BFLOAT16:
      return recipe::Precision::kBfloat16;
    default:
      return base::InvalidFieldError("precision",
                                     absl::StrCat("unknown value ", static_cast<int>(proto)));
  }
}

}  // namespace

v1::Recipe ToProto(const recipe::Recipe& recipe) {
  v1::Recipe proto;
  proto.set_epochs(recipe.epochs);
  proto.set_batch_size(recipe.batch_size);
  std::visit(OptimizerWriter{proto}, recipe.optimizer);
  proto.set_weight_decay_mask(MaskToProto(recipe.weight_decay_mask));
  proto.set_clip_norm(recipe.clip_norm);
  std::visit(ScheduleWriter{proto}, recipe.schedule.shape);
  if (recipe.schedule.warmup_epochs != 0) {
    proto.mutable_schedule_options()->set_warmup_epochs(recipe.schedule.warmup_epochs);
  }
  proto.set_ema_decay(recipe.ema_decay);
  for (const std::string& pattern : recipe.frozen) proto.add_frozen(pattern);
  proto.set_seed(recipe.seed);
  proto.set_threads(recipe.threads);
  proto.set_label_smoothing(recipe.label_smoothing);
  proto.set_flip(recipe.flip);
  proto.set_pad_crop(recipe.pad_crop);
  proto.set_cutout(recipe.cutout);
  proto.set_rand_augment_operations(recipe.rand_augment_operations);
  proto.set_rand_augment_magnitude(recipe.rand_augment_magnitude);
  proto.set_mixup_alpha(recipe.mixup_alpha);
  proto.set_cutmix_alpha(recipe.cutmix_alpha);
  proto.set_precision(PrecisionToProto(recipe.precision));
  return proto;
}

absl::StatusOr<recipe::Recipe> FromProto(const v1::Recipe& proto) {
  recipe::Recipe recipe{.epochs = proto.epochs(),
                        .optimizer = OptimizerFromProto(proto),
                        .clip_norm = proto.clip_norm(),
                        .ema_decay = proto.ema_decay(),
                        .frozen = {proto.frozen().begin(), proto.frozen().end()},
                        .seed = proto.seed(),
                        .label_smoothing = proto.label_smoothing(),
                        .flip = proto.flip(),
                        .pad_crop = proto.pad_crop(),
                        .cutout = proto.cutout(),
                        .rand_augment_operations = proto.rand_augment_operations(),
                        .mixup_alpha = proto.mixup_alpha(),
                        .cutmix_alpha = proto.cutmix_alpha()};
  if (proto.batch_size() != 0) recipe.batch_size = proto.batch_size();
  if (proto.threads() != 0) recipe.threads = proto.threads();
  if (proto.has_rand_augment_magnitude()) {
    recipe.rand_augment_magnitude = proto.rand_augment_magnitude();
  }
  ASSIGN_OR_RETURN(recipe.weight_decay_mask, MaskFromProto(proto.weight_decay_mask()));
  ASSIGN_OR_RETURN(recipe.schedule, ScheduleFromProto(proto));
  ASSIGN_OR_RETURN(recipe.precision, PrecisionFromProto(proto.precision()));
  RETURN_IF_ERROR(recipe::Validate(recipe));
  return recipe;
}

}  // namespace graft::wire
