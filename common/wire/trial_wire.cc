#include "common/wire/trial_wire.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/wire/architecture_wire.h"
#include "common/wire/recipe_wire.h"

namespace graft::wire {
namespace {

constexpr int kMaxInputs = 16;

// Names the field that a nested message stands in.
template <typename T>
absl::StatusOr<T> At(const std::string& field, absl::StatusOr<T> value) {
  if (!value.ok()) return base::PrefixFieldViolations(field, value.status());
  return value;
}

absl::Status MissingError(std::string_view field) {
  return base::InvalidFieldError(field, "is missing");
}

absl::Status CheckCount(std::string_view field, int count, int limit) {
  if (count <= limit) return absl::OkStatus();
  return base::InvalidFieldError(field,
                                 absl::StrCat("has ", count, " entries, expected at most ", limit));
}

absl::StatusOr<trial::Derive> DeriveFromProto(const v1::Origin::Derive& proto) {
  RETURN_IF_ERROR(CheckCount("inputs", proto.inputs_size(), kMaxInputs));
  RETURN_IF_ERROR(CheckCount("edits", proto.edits_size(), trial::kMaxEdits));
  trial::Derive derive;
  for (int i = 0; i < proto.inputs_size(); ++i) {
    ASSIGN_OR_RETURN(trial::NetworkRef network, At(absl::StrCat("inputs[", i, "].network"),
                                                   FromProto(proto.inputs(i).network())));
    derive.inputs.push_back({.role = proto.inputs(i).role(), .network = std::move(network)});
  }
  for (int i = 0; i < proto.edits_size(); ++i) {
    ASSIGN_OR_RETURN(transform::Edit edit,
                     At(absl::StrCat("edits[", i, "]"), FromProto(proto.edits(i))));
    derive.edits.push_back(std::move(edit));
  }
  derive.edit_seed = proto.edit_seed() != 0 ? proto.edit_seed()
                                            : trial::DefaultEditSeed(derive.inputs, derive.edits);
  return derive;
}

v1::Split SplitToProto(trial::Split split) {
  switch (split) {
    case trial::Split::kValidation:
      return v1::SPLIT_VALIDATION;
    case trial::Split::kTest:
      return v1::SPLIT_TEST;
  }
  GRAFT_CHECK(false) << "split " << static_cast<int>(split);
  return v1::SPLIT_UNSPECIFIED;
}

absl::StatusOr<trial::Split> SplitFromProto(v1::Split proto) {
  switch (proto) {
    case v1::SPLIT_UNSPECIFIED:
    case v1::SPLIT_VALIDATION:
      return trial::Split::kValidation;
    case v1::SPLIT_TEST:
      return trial::Split::kTest;
    default:
      return base::InvalidFieldError("evaluation_split",
                                     absl::StrCat("unknown value ", static_cast<int>(proto)));
  }
}

absl::StatusOr<trial::ImageClassification> ImageClassificationFromProto(
    const v1::ImageClassificationTask& proto) {
  trial::ImageClassification task{.dataset = proto.dataset(),
                                  .dataset_digest = proto.dataset_digest(),
                                  .train_images = proto.train_images(),
                                  .validation_images = proto.validation_images(),
                                  .split_seed = proto.split_seed()};
  ASSIGN_OR_RETURN(task.evaluation_split, SplitFromProto(proto.evaluation_split()));
  RETURN_IF_ERROR(trial::Validate(task));
  return task;
}

}  // namespace

v1::NetworkRef ToProto(const trial::NetworkRef& network) {
  v1::NetworkRef proto;
  *proto.mutable_architecture() = ToProto(network.architecture);
  proto.set_weights(network.weights.ToString());
  return proto;
}

absl::StatusOr<trial::NetworkRef> FromProto(const v1::NetworkRef& proto) {
  ASSIGN_OR_RETURN(arch::Architecture architecture,
                   At("architecture", FromProto(proto.architecture())));
  const absl::StatusOr<digest::WeightsDigest> weights =
      digest::WeightsDigest::Parse(proto.weights());
  if (!weights.ok()) {
    return base::InvalidFieldError("weights", base::ToStd(weights.status().message()));
  }
  return trial::NetworkRef{.architecture = std::move(architecture), .weights = *weights};
}

v1::Origin ToProto(const trial::Origin& origin) {
  v1::Origin proto;
  if (const auto* init = std::get_if<trial::Init>(&origin)) {
    proto.mutable_init()->set_seed(init->seed);
    return proto;
  }
  const auto& derive = std::get<trial::Derive>(origin);
  v1::Origin::Derive& added = *proto.mutable_derive();
  for (const trial::Input& input : derive.inputs) {
    v1::Origin::Input& added_input = *added.add_inputs();
    added_input.set_role(input.role);
    *added_input.mutable_network() = ToProto(input.network);
  }
  for (const transform::Edit& edit : derive.edits) *added.add_edits() = ToProto(edit);
  added.set_edit_seed(derive.edit_seed);
  return proto;
}

absl::StatusOr<trial::Origin> FromProto(const v1::Origin& proto) {
  switch (proto.kind_case()) {
    case v1::Origin::kInit:
      return trial::Origin(trial::Init{.seed = proto.init().seed()});
    case v1::Origin::kDerive: {
      ASSIGN_OR_RETURN(trial::Derive derive, At("derive", DeriveFromProto(proto.derive())));
      return trial::Origin(std::move(derive));
    }
    case v1::Origin::KIND_NOT_SET:
      break;
  }
  return base::InvalidFieldError("", "expected `init` or `derive`");
}

v1::Task ToProto(const trial::Task& task) {
  const auto& classification = std::get<trial::ImageClassification>(task);
  v1::Task proto;
  v1::ImageClassificationTask& added = *proto.mutable_image_classification();
  added.set_dataset(classification.dataset);
  added.set_dataset_digest(classification.dataset_digest);
  added.set_train_images(classification.train_images);
  added.set_validation_images(classification.validation_images);
  added.set_split_seed(classification.split_seed);
  added.set_evaluation_split(SplitToProto(classification.evaluation_split));
  return proto;
}

absl::StatusOr<trial::Task> FromProto(const v1::Task& proto) {
  if (!proto.has_image_classification()) return MissingError("image_classification");
  ASSIGN_OR_RETURN(
      trial::ImageClassification task,
      At("image_classification", ImageClassificationFromProto(proto.image_classification())));
  return trial::Task(std::move(task));
}

v1::TrialSpec ToProto(const trial::TrialSpec& spec) {
  v1::TrialSpec proto;
  *proto.mutable_architecture() = ToProto(spec.architecture);
  *proto.mutable_origin() = ToProto(spec.origin);
  *proto.mutable_task() = ToProto(spec.task);
  *proto.mutable_recipe() = ToProto(spec.recipe);
  return proto;
}

absl::StatusOr<trial::TrialSpec> FromProto(const v1::TrialSpec& proto) {
  ASSIGN_OR_RETURN(arch::Architecture architecture,
                   At("architecture", FromProto(proto.architecture())));
  ASSIGN_OR_RETURN(trial::Origin origin, At("origin", FromProto(proto.origin())));
  ASSIGN_OR_RETURN(trial::Task task, At("task", FromProto(proto.task())));
  ASSIGN_OR_RETURN(recipe::Recipe recipe, At("recipe", FromProto(proto.recipe())));
  trial::TrialSpec spec{.architecture = std::move(architecture),
                        .origin = std::move(origin),
                        .task = std::move(task),
                        .recipe = std::move(recipe)};
  RETURN_IF_ERROR(trial::Validate(spec));
  return spec;
}

}  // namespace graft::wire
