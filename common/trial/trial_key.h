// TrialKey: identity of an evaluation. Equal keys have equal results, so each is evaluated once.
#ifndef GRAFT_COMMON_TRIAL_TRIAL_KEY_H_
#define GRAFT_COMMON_TRIAL_TRIAL_KEY_H_

#include <string>
#include <string_view>

#include "common/digest/typed_digest.h"
#include "common/trial/trial_spec.h"

namespace graft::trial {

// Canonical encoding of a trial, version 2, in the terms of digest/canonical.h:
//   string "graft.trial.2"
//   bytes  fingerprint of the architecture
//   origin: u64 0, u64 seed                                        (Init)
//         | u64 1, list of (string role, bytes fingerprint, string weights digest),
//                  list of edits, u64 edit_seed                    (Derive)
//   task:   u64 0, string dataset_digest, i64 train_images, i64 validation_images, u64 split_seed,
//                  u64 split (0 validation, 1 test)                (ImageClassification)
//   recipe: as recipe/recipe_encoding.h
// Names (of layers, of the data set) are outside, but for layer ids inside edits.
//
// Test vectors: tests/golden/trial_vectors.py. The spec must be valid (Validate); crashes
// otherwise.
std::string EncodeTrial(const TrialSpec& spec);

// SHA-256 over `bytes` of the trial's encoding and `string` of the numerics class.
digest::TrialKey KeyOf(const TrialSpec& spec, std::string_view numerics_class);

}  // namespace graft::trial

#endif  // GRAFT_COMMON_TRIAL_TRIAL_KEY_H_
