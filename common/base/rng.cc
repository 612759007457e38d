#include "common/base/rng.h"

#include <cmath>
#include <numeric>

#include "common/base/check.h"

namespace graft::base {
namespace {

constexpr int kRounds = 10;
constexpr uint32_t kMultiplier0 = 0xD2511F53;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9;
constexpr uint32_t kWeyl1 = 0xBB67AE85;

// Separates the blocks that name forked streams from those that give numbers.
constexpr uint64_t kForkKey = 0x6772'6166'742D'666B;  // "graft-fk"

uint32_t Low(uint64_t value) { return static_cast<uint32_t>(value); }
uint32_t High(uint64_t value) { return static_cast<uint32_t>(value >> 32); }
uint64_t Join(uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; }

std::array<uint32_t, 4> Block(uint64_t key, uint64_t counter, uint64_t stream) {
  return Philox4x32({Low(counter), High(counter), Low(stream), High(stream)},
                    {Low(key), High(key)});
}

}  // namespace

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * counter[0];
    const uint64_t product1 = uint64_t{kMultiplier1} * counter[2];
    counter = {High(product1) ^ counter[1] ^ key[0], Low(product1),
               High(product0) ^ counter[3] ^ key[1], Low(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

Rng::Rng(const RngState& state) : state_(state) {
  block_ = Block(state_.seed, state_.position / 4, state_.stream);
}

uint32_t Rng::NextU32() {
  const uint64_t word = state_.position % 4;
  if (word == 0) block_ = Block(state_.seed, state_.position / 4, state_.stream);
  ++state_.position;
  return block_[word];
}

uint64_t Rng::NextU64() {
  const uint32_t low = NextU32();
  return Join(low, NextU32());
}

float Rng::Uniform() { return static_cast<float>(NextU32() >> 8) * 0x1p-24F; }

float Rng::Uniform(float low, float high) {
  GRAFT_CHECK(low < high) << low << " " << high;
  const float value = low + (high - low) * Uniform();
  // Rounding may reach the upper end.
  return value < high ? value : std::nextafter(high, low);
}

uint64_t Rng::UniformInt(uint64_t n) {
  GRAFT_CHECK(n > 0);
  // D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29, 2019, algorithm 5.
  __extension__ using U128 = unsigned __int128;
  U128 product = U128{NextU64()} * n;
  if (static_cast<uint64_t>(product) < n) {
    const uint64_t threshold = -n % n;
    while (static_cast<uint64_t>(product) < threshold) product = U128{NextU64()} * n;
  }
  return static_cast<uint64_t>(product >> 64);
}

float Rng::Normal() {
  constexpr float kTwoPi = 6.28318530717958647692F;
  const float radius_uniform = static_cast<float>((NextU32() >> 8) + 1) * 0x1p-24F;  // (0, 1]
  const float angle = kTwoPi * Uniform();
  return std::sqrt(-2.0F * std::log(radius_uniform)) * std::cos(angle);
}

std::vector<int64_t> Rng::Permutation(int64_t n) {
  GRAFT_CHECK(n >= 0) << n;
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  Shuffle(std::span<int64_t>(order));
  return order;
}

Rng Rng::Fork(uint64_t tag) const {
  const std::array<uint32_t, 4> name = Block(state_.seed ^ kForkKey, tag, state_.stream);
  return Rng(Join(name[0], name[1]), Join(name[2], name[3]));
}

}  // namespace graft::base
