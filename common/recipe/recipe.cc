#include "common/recipe/recipe.h"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/field_checks.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::recipe {
namespace {

using base::CheckNumber;
using base::CheckRange;

constexpr std::int64_t kMaxEpochs = 100'000;
constexpr std::int64_t kMaxBatchSize = 65'536;
constexpr std::int64_t kMaxThreads = 1'024;
constexpr std::int64_t kMaxPadCrop = 16;
constexpr std::int64_t kMaxCutout = 4'096;  // data::Dataset::kMaxExtent
constexpr std::int64_t kMaxOperations = 8;
constexpr std::int64_t kMaxMagnitude = 30;
constexpr double kMaxAlpha = 1'000;
constexpr double kMaxLearningRate = 1e6;
constexpr std::int64_t kMaxIterations = 100;
constexpr std::int64_t kMaxCycles = 10'000;
constexpr std::size_t kMaxMilestones = 100;
constexpr std::size_t kMaxPatterns = 1'000;
constexpr std::size_t kMaxPatternBytes = 128;

absl::Status CheckFraction(std::string_view field, double value) {
  return CheckNumber(field, value, value >= 0 && value < 1, "at least 0 and less than 1");
}

absl::Status CheckZeroToOne(std::string_view field, double value) {
  return CheckNumber(field, value, value >= 0 && value <= 1, "0 to 1");
}

absl::Status CheckPositive(std::string_view field, double value) {
  return CheckNumber(field, value, value > 0 && value <= 1, "more than 0 and at most 1");
}

// What an optimiser has besides rate and decay.
absl::Status CheckOwn(const SgdOptions& sgd) { return CheckFraction("momentum", sgd.momentum); }

template <typename MomentOptions>
absl::Status CheckMoments(const MomentOptions& options) {
  RETURN_IF_ERROR(CheckFraction("beta1", options.beta1));
  RETURN_IF_ERROR(CheckFraction("beta2", options.beta2));
  return CheckPositive("epsilon", options.epsilon);
}

absl::Status CheckOwn(const AdamOptions& adam) { return CheckMoments(adam); }

absl::Status CheckOwn(const LambOptions& lamb) { return CheckMoments(lamb); }

absl::Status CheckOwn(const AdaDeltaOptions& ada_delta) {
  RETURN_IF_ERROR(CheckFraction("rho", ada_delta.rho));
  return CheckPositive("epsilon", ada_delta.epsilon);
}

absl::Status CheckOwn(const MuonOptions& muon) {
  RETURN_IF_ERROR(CheckFraction("momentum", muon.momentum));
  RETURN_IF_ERROR(CheckRange("iterations", muon.iterations, 1, kMaxIterations));
  return CheckNumber("vector_rate", muon.vector_rate,
                     muon.vector_rate > 0 && muon.vector_rate <= kMaxLearningRate,
                     "more than 0 and at most 1e6");
}

template <typename Options>
absl::Status CheckOptimizer(const Options& options) {
  RETURN_IF_ERROR(
      CheckNumber("learning_rate", options.learning_rate,
                  options.learning_rate > 0 && options.learning_rate <= kMaxLearningRate,
                  "more than 0 and at most 1e6"));
  RETURN_IF_ERROR(CheckOwn(options));
  return CheckZeroToOne("weight_decay", options.weight_decay);
}

std::string_view ProtoName(const OptimizerOptions& optimizer) {
  struct Namer {
    std::string_view operator()(const SgdOptions&) const { return "sgd"; }
    std::string_view operator()(const AdamOptions& adam) const {
      return adam.decoupled ? "adamw" : "adam";
    }
    std::string_view operator()(const LambOptions&) const { return "lamb"; }
    std::string_view operator()(const AdaDeltaOptions&) const { return "ada_delta"; }
    std::string_view operator()(const MuonOptions&) const { return "muon"; }
  };
  return std::visit(Namer{}, optimizer);
}

absl::Status CheckShape(const ConstantSchedule&) { return absl::OkStatus(); }

absl::Status CheckShape(const CosineSchedule& cosine) {
  return CheckZeroToOne("final_fraction", cosine.final_fraction);
}

absl::Status CheckShape(const StepSchedule& step) {
  const auto& milestones = step.milestones;
  const bool inside = std::ranges::all_of(milestones, [](double m) { return m > 0 && m < 1; });
  if (milestones.empty() || milestones.size() > kMaxMilestones || !inside ||
      !std::ranges::is_sorted(milestones, std::less_equal<>())) {
    return base::InvalidFieldError(
        "milestones", absl::StrCat("expected 1 to ", kMaxMilestones,
                                   " ascending numbers between 0 and 1: parts of the training"));
  }
  return CheckPositive("factor", step.factor);
}

absl::Status CheckShape(const TriangularSchedule& triangular) {
  RETURN_IF_ERROR(CheckRange("cycles", triangular.cycles, 1, kMaxCycles));
  return CheckZeroToOne("final_fraction", triangular.final_fraction);
}

absl::Status CheckShape(const PlateauSchedule& plateau) {
  RETURN_IF_ERROR(CheckPositive("factor", plateau.factor));
  RETURN_IF_ERROR(CheckRange("patience", plateau.patience, 0, kMaxEpochs));
  return CheckFraction("threshold", plateau.threshold);
}

absl::Status CheckSchedule(const Schedule& schedule) {
  if (std::holds_alternative<TriangularSchedule>(schedule.shape) && schedule.warmup_epochs > 0) {
    return base::InvalidFieldError("warmup_epochs",
                                   "a triangular schedule has none: it begins with the low rate");
  }
  RETURN_IF_ERROR(std::visit([](const auto& shape) { return CheckShape(shape); }, schedule.shape));
  return CheckNumber("warmup_epochs", schedule.warmup_epochs,
                     schedule.warmup_epochs >= 0 && schedule.warmup_epochs <= kMaxEpochs,
                     absl::StrCat("0 to ", kMaxEpochs));
}

absl::Status CheckFrozen(const std::vector<std::string>& patterns) {
  if (patterns.size() > kMaxPatterns) {
    return base::InvalidFieldError(
        "frozen",
        absl::StrCat("has ", patterns.size(), " patterns, expected at most ", kMaxPatterns));
  }
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const std::string& pattern = patterns[i];
    if (pattern.empty() || pattern.size() > kMaxPatternBytes || !base::IsValidUtf8(pattern)) {
      return base::InvalidFieldError(
          absl::StrCat("frozen[", i, "]"),
          absl::StrCat("expected 1 to ", kMaxPatternBytes, " bytes of UTF-8"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAlpha(std::string_view field, double value) {
  return CheckNumber(field, value, value >= 0 && value <= kMaxAlpha, "0 to 1000");
}

absl::Status CheckAugmentation(const Recipe& recipe) {
  RETURN_IF_ERROR(CheckRange("pad_crop", recipe.pad_crop, 0, kMaxPadCrop));
  RETURN_IF_ERROR(CheckRange("cutout", recipe.cutout, 0, kMaxCutout));
  RETURN_IF_ERROR(
      CheckRange("rand_augment_operations", recipe.rand_augment_operations, 0, kMaxOperations));
  RETURN_IF_ERROR(
      CheckRange("rand_augment_magnitude", recipe.rand_augment_magnitude, 0, kMaxMagnitude));
  RETURN_IF_ERROR(CheckAlpha("mixup_alpha", recipe.mixup_alpha));
  return CheckAlpha("cutmix_alpha", recipe.cutmix_alpha);
}

}  // namespace

absl::Status Validate(const Recipe& recipe) {
  RETURN_IF_ERROR(CheckRange("epochs", recipe.epochs, 0, kMaxEpochs));
  RETURN_IF_ERROR(CheckRange("batch_size", recipe.batch_size, 1, kMaxBatchSize));
  RETURN_IF_ERROR(CheckRange("threads", recipe.threads, 1, kMaxThreads));
  RETURN_IF_ERROR(CheckFraction("label_smoothing", recipe.label_smoothing));
  RETURN_IF_ERROR(CheckAugmentation(recipe));
  RETURN_IF_ERROR(base::PrefixFieldViolations(
      ProtoName(recipe.optimizer),
      std::visit([](const auto& options) { return CheckOptimizer(options); }, recipe.optimizer)));
  RETURN_IF_ERROR(base::PrefixFieldViolations("schedule_options", CheckSchedule(recipe.schedule)));
  RETURN_IF_ERROR(CheckNumber("clip_norm", recipe.clip_norm, recipe.clip_norm >= 0, "at least 0"));
  RETURN_IF_ERROR(CheckFraction("ema_decay", recipe.ema_decay));
  return CheckFrozen(recipe.frozen);
}

}  // namespace graft::recipe
