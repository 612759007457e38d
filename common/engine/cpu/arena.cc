#include "common/engine/cpu/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <new>
#include <numeric>

#include "common/base/check.h"

namespace graft::engine::cpu {
namespace {

constexpr std::int64_t kAlignmentBytes = 64;
constexpr std::int64_t kHugePageBytes = 2 << 20;

std::int64_t RoundUp(std::int64_t size_bytes) {
  return (size_bytes + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
}

}  // namespace

// Large memory asks for huge pages: most of what compiling a large plan takes is the first touch of
// its pages, and steps miss fewer translations.
AlignedBuffer::AlignedBuffer(std::int64_t size_bytes)
    : size_bytes_(std::max(RoundUp(size_bytes), kAlignmentBytes)) {
  const bool large = size_bytes_ >= kHugePageBytes;
  void* memory = nullptr;
  // As operator new says it: the runner makes a typed failure of the trial of it.
  if (posix_memalign(&memory, large ? kHugePageBytes : kAlignmentBytes, size_bytes_) != 0) {
    throw std::bad_alloc();
  }
  memory_.reset(static_cast<std::byte*>(memory));
  // Where there are none, small ones serve.
  if (large) madvise(memory, static_cast<std::size_t>(size_bytes_), MADV_HUGEPAGE);
  std::memset(memory, 0, static_cast<std::size_t>(size_bytes_));
}

BufferId Arena::Add(std::int64_t size_bytes, int first, int last) {
  buffers_.push_back({RoundUp(size_bytes), first, last, 0});
  return static_cast<BufferId>(buffers_.size()) - 1;
}

std::int64_t Arena::LowestOffset(const Buffer& buffer, const std::vector<BufferId>& placed) const {
  std::int64_t offset = 0;
  for (const BufferId id : placed) {
    const Buffer& other = buffers_[id];
    if (other.last < buffer.first || other.first > buffer.last) continue;
    if (offset + buffer.size_bytes <= other.offset) break;
    offset = std::max(offset, other.offset + other.size_bytes);
  }
  return offset;
}

void Arena::Place() {
  // Large ones first: small ones then fill the gaps.
  std::vector<BufferId> order(buffers_.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [this](BufferId a, BufferId b) {
    return buffers_[a].size_bytes > buffers_[b].size_bytes;
  });
  std::vector<BufferId> placed;
  for (const BufferId id : order) {
    Buffer& buffer = buffers_[id];
    buffer.offset = LowestOffset(buffer, placed);
    size_bytes_ = std::max(size_bytes_, buffer.offset + buffer.size_bytes);
    const auto position = std::ranges::upper_bound(
        placed, buffer.offset, {}, [this](BufferId other) { return buffers_[other].offset; });
    placed.insert(position, id);
  }
}

std::int64_t Arena::LargestLiveBytes() const {
  // Bytes by which each step's sum differs from the one before.
  std::map<int, std::int64_t> changes;
  for (const Buffer& buffer : buffers_) {
    changes[buffer.first] += buffer.size_bytes;
    changes[buffer.last + 1] -= buffer.size_bytes;
  }
  std::int64_t live = 0;
  std::int64_t largest = 0;
  for (const auto& [step, change] : changes) {
    live += change;
    largest = std::max(largest, live);
  }
  return largest;
}

}  // namespace graft::engine::cpu
