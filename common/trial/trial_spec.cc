#include "common/trial/trial_spec.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/field_checks.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/digest/canonical.h"
#include "common/trial/trial_encoding.h"

namespace graft::trial {
namespace {

constexpr char kNetworkFormat[] = "graft.network.1";
constexpr char kEditSeedFormat[] = "graft.edit_seed.1";

constexpr std::int64_t kMaxImages = std::int64_t{1} << 40;
constexpr std::size_t kMaxNameBytes = 128;

digest::Sha256Digest DigestOrDie(digest::CanonicalEncoder encoder) {
  const absl::StatusOr<digest::Sha256Digest> digest = digest::CanonicalDigest(std::move(encoder));
  GRAFT_CHECK_OK(digest.status());
  return *digest;
}

absl::Status CheckInputs(const std::vector<Input>& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].role != kParentRole) {
      return base::InvalidFieldError(absl::StrCat("origin.derive.inputs[", i, "].role"),
                                     absl::StrCat("expected `", kParentRole, "`"));
    }
  }
  if (inputs.size() == 1) return absl::OkStatus();
  return base::InvalidFieldError("origin.derive.inputs",
                                 absl::StrCat("has ", inputs.size(), " parents, expected one"));
}

absl::Status CheckEdits(const std::vector<transform::Edit>& edits) {
  if (edits.size() > std::size_t{kMaxEdits}) {
    return base::InvalidFieldError(
        "origin.derive.edits",
        absl::StrCat("has ", edits.size(), " edits, expected at most ", kMaxEdits));
  }
  for (std::size_t i = 0; i < edits.size(); ++i) {
    digest::CanonicalEncoder encoder;
    transform::EncodeEdit(edits[i], encoder);
    if (const auto bytes = std::move(encoder).Finish(); !bytes.ok()) {
      return base::InvalidFieldError(absl::StrCat("origin.derive.edits[", i, "]"),
                                     base::ToStd(bytes.status().message()));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateOrigin(const Init&) { return absl::OkStatus(); }

absl::Status ValidateOrigin(const Derive& derive) {
  RETURN_IF_ERROR(CheckInputs(derive.inputs));
  return CheckEdits(derive.edits);
}

absl::Status CheckSplit(const ImageClassification& task, const recipe::Recipe& recipe) {
  if (task.evaluation_split == Split::kTest && recipe.epochs > 0) {
    return base::InvalidFieldError("task.image_classification.evaluation_split",
                                   "`test` measures finished networks: expected 0 epochs");
  }
  return absl::OkStatus();
}

}  // namespace

digest::NetworkDigest DigestOf(const digest::Fingerprint& fingerprint,
                               const digest::WeightsDigest& weights) {
  digest::CanonicalEncoder encoder;
  encoder.String(kNetworkFormat)
      .Bytes(fingerprint.sha256().AsStringView())
      .String(weights.ToString());
  return digest::NetworkDigest(DigestOrDie(std::move(encoder)));
}

std::uint64_t DefaultEditSeed(const std::vector<Input>& inputs,
                              const std::vector<transform::Edit>& edits) {
  digest::CanonicalEncoder encoder;
  encoder.String(kEditSeedFormat);
  EncodeInputs(inputs, encoder);
  EncodeEdits(edits, encoder);
  const digest::Sha256Digest digest = DigestOrDie(std::move(encoder));
  std::uint64_t seed = 0;
  for (int i = 0; i < 8; ++i) seed |= std::uint64_t{digest.bytes()[i]} << (8 * i);
  return std::max<std::uint64_t>(seed, 1);
}

const NetworkRef& Parent(const Derive& derive) {
  const auto parent = std::find_if(derive.inputs.begin(), derive.inputs.end(),
                                   [](const Input& input) { return input.role == kParentRole; });
  GRAFT_CHECK(parent != derive.inputs.end()) << "a derived network without a parent";
  return parent->network;
}

absl::Status Validate(const ImageClassification& task) {
  if (task.dataset.size() > kMaxNameBytes || !base::IsValidUtf8(task.dataset)) {
    return base::InvalidFieldError(
        "dataset", absl::StrCat("expected at most ", kMaxNameBytes, " bytes of UTF-8"));
  }
  const bool resolved = !task.dataset_digest.empty();
  if (const auto digest = digest::BlobDigest::Parse(task.dataset_digest);
      resolved && !digest.ok()) {
    return base::InvalidFieldError("dataset_digest", base::ToStd(digest.status().message()));
  }
  RETURN_IF_ERROR(base::CheckRange("train_images", task.train_images, 0, kMaxImages));
  return base::CheckRange("validation_images", task.validation_images, 0, kMaxImages);
}

absl::Status Validate(const TrialSpec& spec) {
  RETURN_IF_ERROR(
      std::visit([](const auto& origin) { return ValidateOrigin(origin); }, spec.origin));
  const auto& task = std::get<ImageClassification>(spec.task);
  RETURN_IF_ERROR(base::PrefixFieldViolations("task.image_classification", Validate(task)));
  if (task.dataset_digest.empty()) {
    return base::InvalidFieldError("task.image_classification.dataset_digest", "is missing");
  }
  RETURN_IF_ERROR(base::PrefixFieldViolations("recipe", recipe::Validate(spec.recipe)));
  return CheckSplit(task, spec.recipe);
}

}  // namespace graft::trial
