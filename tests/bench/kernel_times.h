// What the kernels of a plan take, in seconds and in memory that they touch.
#ifndef GRAFT_TESTS_BENCH_KERNEL_TIMES_H_
#define GRAFT_TESTS_BENCH_KERNEL_TIMES_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/arch/architecture.h"
#include "common/engine/cpu/fusion.h"
#include "common/engine/cpu/kernel_observer.h"

namespace graft::engine {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start);

double Median(std::vector<double> values);

// Of a copy of 64 MiB by as many threads as kernels have, bytes read and bytes written.
double CopyBytesPerSecond();

// By operator and pass, for example "convolution backward". With `alone`, each kernel is run
// several times at its place, and those runs count that find their operands in the caches.
class KernelTimes final : public cpu::KernelObserver {
 public:
  // Of plans of that architecture, which outlives the object, with those options.
  KernelTimes(const arch::Architecture& architecture, const PlanOptions& options);

  absl::Status Run(const arch::Node& node, cpu::Pass pass,
                   absl::FunctionRef<absl::Status()> kernel) override;

  // Seconds since the last call.
  std::map<std::string, double> Take();

  // Bytes of the values and gradients that those kernels have to read and write in a step: each
  // once, but for batch norms. A mean or a sum over all of an operand comes before its use, so they
  // read it twice, and in the backward the result's gradient, too.
  std::int64_t bytes(const std::string& name) const { return bytes_.at(name); }

  bool alone = false;

 private:
  std::int64_t SizeBytes(arch::NodeIndex node) const;
  std::int64_t MovedBytes(arch::NodeIndex index, cpu::Pass pass) const;

  const arch::Architecture& architecture_;
  const std::int64_t batch_;
  const std::vector<cpu::FusedChain> chains_;
  std::map<std::string, double> seconds_;
  std::map<std::string, std::int64_t> bytes_;
};

}  // namespace graft::engine

#endif  // GRAFT_TESTS_BENCH_KERNEL_TIMES_H_
