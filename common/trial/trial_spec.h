// TrialSpec: everything that decides a trial's result, but for the numerics class.
#ifndef GRAFT_COMMON_TRIAL_TRIAL_SPEC_H_
#define GRAFT_COMMON_TRIAL_TRIAL_SPEC_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "common/arch/architecture.h"
#include "common/digest/typed_digest.h"
#include "common/recipe/recipe.h"
#include "common/transform/edit.h"

namespace graft::trial {

// A network by content.
struct NetworkRef {
  arch::Architecture architecture;
  digest::WeightsDigest weights;
};

// Identity of a network: SHA-256 of the canonical encoding of string "graft.network.1", bytes
// fingerprint, string weights digest.
digest::NetworkDigest DigestOf(const digest::Fingerprint& fingerprint,
                               const digest::WeightsDigest& weights);

// Freshly initialised parameters.
struct Init {
  std::uint64_t seed = 0;
};

inline constexpr char kParentRole[] = "parent";

// Edits that a trial has at most.
inline constexpr int kMaxEdits = 1'000;

struct Input {
  std::string role;  // kParentRole
  NetworkRef network;
};

// Edits applied in order to the parent's weights; none: the parent itself.
struct Derive {
  std::vector<Input> inputs;  // exactly one parent
  std::vector<transform::Edit> edits;
  std::uint64_t edit_seed = 0;  // see DefaultEditSeed
};

using Origin = std::variant<Init, Derive>;

// Hash of parents and edits, so that equal children meet whatever proposed them. Never 0: the first
// 8 bytes, little-endian, of SHA-256 of string "graft.edit_seed.1", list of (string role, bytes
// fingerprint, string weights digest), list of edits; 1 if they are 0.
std::uint64_t DefaultEditSeed(const std::vector<Input>& inputs,
                              const std::vector<transform::Edit>& edits);

// The input with the role `parent`; crashes if there is none (specs are validated).
const NetworkRef& Parent(const Derive& derive);

enum class Split { kValidation, kTest };

struct ImageClassification {
  std::string dataset;                 // name, for people; outside the key
  std::string dataset_digest;          // text form of the blob's digest; empty: not looked up yet
  std::int64_t train_images = 0;       // 0: all that validation leaves
  std::int64_t validation_images = 0;  // 0: a tenth of the data set's training images
  std::uint64_t split_seed = 0;
  Split evaluation_split = Split::kValidation;
};

// What is learned and how it is judged. Further kinds join the variant.
using Task = std::variant<ImageClassification>;

struct TrialSpec {
  arch::Architecture architecture;
  Origin origin;
  Task task;
  recipe::Recipe recipe;
};

// INVALID_ARGUMENT: a field error, for example `recipe.batch_size`; bounds are in the .cc files.
// A whole spec must name its data set's digest, and trains only where it is judged on validation.
absl::Status Validate(const TrialSpec& spec);
absl::Status Validate(const ImageClassification& task);

}  // namespace graft::trial

#endif  // GRAFT_COMMON_TRIAL_TRIAL_SPEC_H_
