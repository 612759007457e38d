// Seeds that a search derives from its own.
#ifndef GRAFT_SERVICES_CONTROLLER_CORE_SEEDS_H_
#define GRAFT_SERVICES_CONTROLLER_CORE_SEEDS_H_

#include <cstdint>
#include <string_view>

namespace graft::controller {

inline constexpr std::string_view kInitSeed = "init";      // parameters of the start network
inline constexpr std::string_view kRecipeSeed = "recipe";  // data order and dropout
inline constexpr std::string_view kPolicySeed = "policy";

// The first 8 bytes, little-endian, of the SHA-256 of the canonical string "graft.seed.1", u64
// `search_seed`, string `purpose` and u64 `replicate`; 1 instead of 0. Never a function of a
// trial's number, so that equal trials of a search meet.
std::uint64_t DeriveSeed(std::uint64_t search_seed, std::string_view purpose,
                         std::uint64_t replicate = 0);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_CORE_SEEDS_H_
