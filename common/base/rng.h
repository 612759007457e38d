// Random numbers that are the same on every machine and can be saved as three integers.
#ifndef GRAFT_COMMON_BASE_RNG_H_
#define GRAFT_COMMON_BASE_RNG_H_

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace graft::base {

// The Philox4x32-10 block function: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// Everything a generator is. Two generators with equal states give equal numbers for ever.
struct RngState {
  uint64_t seed = 0;
  uint64_t stream = 0;
  uint64_t position = 0;  // 32-bit words drawn so far

  friend bool operator==(const RngState&, const RngState&) = default;
};

// A counter-based generator. Word `position` of a stream is word `position % 4` of the block with
// key `seed` and counter (position / 4, stream), low words first. Each function says how many words
// it draws, so that a sequence of calls has one meaning. Not for cryptography. Not thread-safe;
// give each thread its own (Fork).
class Rng {
 public:
  explicit Rng(uint64_t seed, uint64_t stream = 0) : Rng(RngState{seed, stream, 0}) {}
  explicit Rng(const RngState& state);

  // Draws one word.
  uint32_t NextU32();

  // Draws two words, the low one first.
  uint64_t NextU64();

  // Uniform in [0, 1), a multiple of 2^-24. Draws one word.
  float Uniform();

  // Uniform in [low, high), low < high, both finite. Draws one word.
  float Uniform(float low, float high);

  // Uniform in [0, n) without bias, n > 0. Draws two words, seldom more.
  uint64_t UniformInt(uint64_t n);

  // Standard normal, by Box-Muller in float: glibc's logf and cosf give the same bits with and
  // without FMA for each of the 2^24 arguments that occur (measured, glibc 2.36). Within +-5.8.
  // Draws two words.
  float Normal();

  // Puts `items` into a random order (Fisher-Yates from the end).
  template <typename T>
  void Shuffle(std::span<T> items) {
    for (size_t i = items.size(); i > 1; --i) {
      using std::swap;
      swap(items[i - 1], items[UniformInt(i)]);
    }
  }

  // 0, 1, ..., n - 1 in a random order.
  std::vector<int64_t> Permutation(int64_t n);

  // A generator independent of this one and of those forked with other tags. Depends on this one's
  // seed and stream, not on its position, and does not change it.
  Rng Fork(uint64_t tag) const;

  RngState state() const { return state_; }

 private:
  RngState state_;
  // The block that holds word state_.position, valid unless that word is the first of its block.
  std::array<uint32_t, 4> block_{};
};

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_RNG_H_
