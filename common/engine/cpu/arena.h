// Places buffers by lifetime in one piece of memory.
#ifndef GRAFT_COMMON_ENGINE_CPU_ARENA_H_
#define GRAFT_COMMON_ENGINE_CPU_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

namespace graft::engine::cpu {

// Zeroed memory that starts at a multiple of 64 bytes. Throws std::bad_alloc if there is none.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::int64_t size_bytes);

  std::byte* data() const { return memory_.get(); }
  float* floats() const { return reinterpret_cast<float*>(memory_.get()); }
  std::int64_t size_bytes() const { return size_bytes_; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  std::unique_ptr<std::byte[], Free> memory_;
  std::int64_t size_bytes_ = 0;
};

using BufferId = int;

// Collects buffers with the steps during which each is in use, then lays them out so that buffers
// in use at one time do not overlap. Not thread-safe.
class Arena {
 public:
  // A buffer in use from step `first` to step `last`, both included.
  BufferId Add(std::int64_t size_bytes, int first, int last);

  // Lays out; once, after the last Add.
  void Place();
  // What Allocate will take; after Place.
  std::int64_t size_bytes() const { return size_bytes_; }
  // The most that buffers in use at one time take: no layout is smaller.
  std::int64_t LargestLiveBytes() const;

  // Once, after Place.
  void Allocate() { memory_ = AlignedBuffer(size_bytes_); }
  // After Allocate; each at a multiple of 64 bytes.
  std::byte* data(BufferId id) const { return memory_.data() + buffers_[id].offset; }

 private:
  struct Buffer {
    std::int64_t size_bytes = 0;  // rounded up to the alignment
    int first = 0;
    int last = 0;
    std::int64_t offset = 0;
  };

  // Lowest offset at which `buffer` does not overlap those of `placed` that live with it; `placed`
  // is ordered by offset.
  std::int64_t LowestOffset(const Buffer& buffer, const std::vector<BufferId>& placed) const;

  std::vector<Buffer> buffers_;
  std::int64_t size_bytes_ = 0;
  AlignedBuffer memory_;
};

}  // namespace graft::engine::cpu

#endif  // GRAFT_COMMON_ENGINE_CPU_ARENA_H_
