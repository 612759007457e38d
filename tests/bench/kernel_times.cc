#include "tests/bench/kernel_times.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "common/base/status_macros.h"
#include "common/engine/cpu/kernel_registry.h"
#include "common/engine/cpu/kernel_table.h"
#include "common/engine/cpu/parallel.h"

namespace graft::engine {
namespace {

constexpr int kRepeats = 3;
constexpr int kCopies = 9;

std::string NameOf(const arch::Node& node, cpu::Pass pass) {
  return pass == cpu::Pass::kBackward ? node.op->name + " backward" : node.op->name;
}

}  // namespace

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double CopyBytesPerSecond() {
  const std::vector<char> from(std::size_t{64} << 20U, 1);
  std::vector<char> to(from.size());
  std::vector<double> seconds;
  for (int i = 0; i < kCopies; ++i) {
    const Clock::time_point start = Clock::now();
    cpu::ForEachPart(std::ssize(to), std::ssize(to), [&](std::int64_t first, std::int64_t count) {
      std::memcpy(to.data() + first, from.data() + first, static_cast<std::size_t>(count));
    });
    seconds.push_back(SecondsSince(start));
  }
  return 2 * static_cast<double>(to.size()) / Median(std::move(seconds));
}

KernelTimes::KernelTimes(const arch::Architecture& architecture, const PlanOptions& options)
    : architecture_(architecture),
      batch_(options.batch),
      chains_(cpu::FuseChains(architecture, options, cpu::KernelTable::Default())) {
  for (std::size_t i = 0; i < architecture.nodes().size(); ++i) {
    const auto index = static_cast<arch::NodeIndex>(i);
    for (const cpu::Pass pass : {cpu::Pass::kForward, cpu::Pass::kBackward}) {
      bytes_[NameOf(architecture.node(index), pass)] += MovedBytes(index, pass);
    }
  }
}

absl::Status KernelTimes::Run(const arch::Node& node, cpu::Pass pass,
                              absl::FunctionRef<absl::Status()> kernel) {
  if (alone) RETURN_IF_ERROR(kernel());
  std::vector<double> seconds;
  for (int i = 0; i < (alone ? kRepeats : 1); ++i) {
    const Clock::time_point start = Clock::now();
    RETURN_IF_ERROR(kernel());
    seconds.push_back(SecondsSince(start));
  }
  seconds_[NameOf(node, pass)] += Median(std::move(seconds));
  return absl::OkStatus();
}

std::map<std::string, double> KernelTimes::Take() { return std::exchange(seconds_, {}); }

std::int64_t KernelTimes::SizeBytes(arch::NodeIndex node) const {
  const arch::ValueType& type = architecture_.node(node).type;
  return type.shape.ElementCount() * (type.batched ? batch_ : 1) *
         static_cast<std::int64_t>(sizeof(float));
}

// The forward reads the operands and writes the result. The backward reads the result's gradient,
// writes those of the operands and reads what it says that it reads.
std::int64_t KernelTimes::MovedBytes(arch::NodeIndex index, cpu::Pass pass) const {
  const arch::Node& node = architecture_.node(index);
  const cpu::MemoryTraits traits = cpu::FindKernel(node.op->name)->memory;
  const bool backward = pass == cpu::Pass::kBackward;
  // A convolution that normalises its operand reads as much as if somebody had done it before.
  const bool is_prologue = chains_[index].prologue_of >= 0;
  const std::int64_t reads = node.op->name != "batch_norm" || (is_prologue && !backward) ? 1 : 2;
  const std::int64_t result = SizeBytes(chains_[index].result);
  if (!backward) {
    std::int64_t bytes = is_prologue ? 0 : result;
    for (const arch::NodeIndex operand : node.operands) bytes += reads * SizeBytes(operand);
    return bytes;
  }
  std::int64_t bytes = (reads + (traits.reads_result ? 1 : 0)) * result;
  for (const arch::NodeIndex operand : node.operands) {
    bytes += (1 + (traits.reads_operands ? reads : 0)) * SizeBytes(operand);
  }
  return bytes;
}

}  // namespace graft::engine
