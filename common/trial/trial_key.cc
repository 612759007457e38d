#include "common/trial/trial_key.h"

#include <utility>
#include <variant>

#include "common/base/check.h"
#include "common/digest/canonical.h"
#include "common/recipe/recipe_encoding.h"
#include "common/trial/trial_encoding.h"

namespace graft::trial {
namespace {

using digest::CanonicalEncoder;

constexpr char kFormat[] = "graft.trial.2";

// Numbers of the alternatives in the encoding. They decide keys: never reuse one.
constexpr std::uint64_t kInitTag = 0;
constexpr std::uint64_t kDeriveTag = 1;
constexpr std::uint64_t kImageClassificationTag = 0;

std::uint64_t TagOf(Split split) {
  switch (split) {
    case Split::kValidation:
      return 0;
    case Split::kTest:
      return 1;
  }
  GRAFT_CHECK(false) << "split " << static_cast<int>(split);
  return 0;
}

void Encode(const Init& init, CanonicalEncoder& encoder) { encoder.U64(kInitTag).U64(init.seed); }

void Encode(const Derive& derive, CanonicalEncoder& encoder) {
  encoder.U64(kDeriveTag);
  EncodeInputs(derive.inputs, encoder);
  EncodeEdits(derive.edits, encoder);
  encoder.U64(derive.edit_seed);
}

void Encode(const ImageClassification& task, CanonicalEncoder& encoder) {
  encoder.U64(kImageClassificationTag)
      .String(task.dataset_digest)
      .I64(task.train_images)
      .I64(task.validation_images)
      .U64(task.split_seed)
      .U64(TagOf(task.evaluation_split));
}

}  // namespace

std::string EncodeTrial(const TrialSpec& spec) {
  CanonicalEncoder encoder;
  encoder.String(kFormat).Bytes(spec.architecture.fingerprint().sha256().AsStringView());
  const auto encode = [&](const auto& part) { Encode(part, encoder); };
  std::visit(encode, spec.origin);
  std::visit(encode, spec.task);
  recipe::EncodeRecipe(spec.recipe, encoder);
  absl::StatusOr<std::string> bytes = std::move(encoder).Finish();
  GRAFT_CHECK_OK(bytes.status());
  return *std::move(bytes);
}

digest::TrialKey KeyOf(const TrialSpec& spec, std::string_view numerics_class) {
  CanonicalEncoder encoder;
  encoder.Bytes(EncodeTrial(spec)).String(numerics_class);
  const absl::StatusOr<digest::Sha256Digest> sha256 = digest::CanonicalDigest(std::move(encoder));
  GRAFT_CHECK_OK(sha256.status());
  return digest::TrialKey(*sha256);
}

}  // namespace graft::trial
