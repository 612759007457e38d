// Where the values and gradients of a plan lie: each for as long as somebody reads it, some in the
// place of another that nobody reads any more.
#include <algorithm>
#include <numeric>

#include "common/engine/cpu/kernel_registry.h"
#include "common/engine/cpu/plan.h"
#include "common/engine/graph_checks.h"

namespace graft::engine::cpu {
namespace {

bool IsChannelsLast(const arch::Node& node) {
  const tensor::Shape& shape = node.type.shape;
  return node.type.batched && shape.rank() == 3 && shape.dim(0) > 1 &&
         shape.dim(1) * shape.dim(2) > 1;
}

// What lies in a buffer from one step to another.
struct Content {
  std::int64_t size_bytes = 0;  // 0: there is none
  int first = 0;
  int last = 0;
};

// Contents that follow one another in one buffer, numbered.
class Chains {
 public:
  int Add(const Content& content) {
    contents_.push_back(content);
    next_.push_back(-1);
    follows_.push_back(false);
    return static_cast<int>(contents_.size()) - 1;
  }

  // Lets `content` lie where `before` did if the step that writes it is the last to read `before`.
  void Follow(int before, int content) {
    if (contents_[before].size_bytes == 0 || contents_[content].size_bytes == 0) return;
    if (next_[before] >= 0 || follows_[content]) return;
    if (contents_[before].last != contents_[content].first) return;
    next_[before] = content;
    follows_[content] = true;
  }

  // The buffer of each content; -1: none. `earliest` and `latest` say, for a step, those that go on
  // at the same time.
  template <typename Earliest, typename Latest>
  std::vector<BufferId> AddBuffers(Earliest earliest, Latest latest, Arena& arena) const {
    std::vector<BufferId> buffers(contents_.size(), -1);
    for (std::size_t start = 0; start < contents_.size(); ++start) {
      if (follows_[start] || contents_[start].size_bytes == 0) continue;
      int end = static_cast<int>(start);
      while (next_[end] >= 0) end = next_[end];
      const BufferId buffer =
          arena.Add(contents_[start].size_bytes, earliest(contents_[start].first),
                    latest(contents_[end].last));
      for (int i = static_cast<int>(start); i >= 0; i = next_[i]) buffers[i] = buffer;
    }
    return buffers;
  }

 private:
  std::vector<Content> contents_;
  std::vector<int> next_;  // -1: none
  std::vector<bool> follows_;
};

}  // namespace

std::int64_t CpuPlan::SizeBytes(arch::NodeIndex node) const {
  const arch::ValueType& type = architecture_.node(node).type;
  return type.shape.ElementCount() * (type.batched ? options_.batch : 1) *
         static_cast<std::int64_t>(sizeof(float));
}

// The first step that writes a step's result: its own, or that of the convolution that it is folded
// into.
int CpuPlan::FirstWriteOfValue(int k) const {
  const arch::NodeIndex node = steps_[k].node;
  const bool folded = architecture_.node(node).op->name == "batch_norm" && fused_[node].folded >= 0;
  return folded ? step_of_[fused_[node].folded] : k;
}

// The last step that reads a step's result for the sake of its user. A convolution that has a
// prologue reads that one's operand instead, but for a forward without prologues.
int CpuPlan::LastReadBy(arch::NodeIndex user, int k) const {
  const auto last_read = [&](int reader) {
    const bool backward =
        steps_[reader].backward &&
        FindKernel(architecture_.node(steps_[reader].node).op->name)->memory.reads_operands;
    return backward ? BackwardStep(reader) : reader;
  };
  const int reader = step_of_[user];
  if (reader < 0) return k;
  if (fused_[user].prologue == steps_[k].node) return reader;
  const arch::NodeIndex convolution = fused_[user].prologue_of;
  return convolution < 0 ? last_read(reader)
                         : std::max(last_read(reader), last_read(step_of_[convolution]));
}

// The last step that reads a step's result.
int CpuPlan::LastReadOfValue(int k) const {
  const Step& step = steps_[k];
  if (IsWanted(architecture_, options_, step.result)) return 2 * step_count_;
  const bool itself =
      step.backward && FindKernel(architecture_.node(step.node).op->name)->memory.reads_result;
  int last = itself ? BackwardStep(k) : k;
  for (const arch::NodeIndex user : architecture_.users(step.result)) {
    last = std::max(last, LastReadBy(user, k));
  }
  return last;
}

// The first step that writes the gradient of a step's result.
int CpuPlan::FirstWriteOfGradient(int k) const {
  int first = BackwardStep(k);
  for (const arch::NodeIndex user : architecture_.users(steps_[k].result)) {
    const int writer = step_of_[user];
    if (writer >= 0 && steps_[writer].backward) first = std::min(first, BackwardStep(writer));
  }
  return first;
}

void CpuPlan::PlaceValues() {
  Chains chains;
  std::vector<int> values(steps_.size());
  std::vector<int> gradients(steps_.size());
  std::vector<int> step_of_result(architecture_.nodes().size(), -1);
  for (int k = 0; k < step_count_; ++k) {
    const arch::NodeIndex result = steps_[k].result;
    step_of_result[result] = k;
    values[k] = chains.Add({SizeBytes(result), FirstWriteOfValue(k), LastReadOfValue(k)});
    gradients[k] = chains.Add(
        {has_gradient_[result] ? SizeBytes(result) : 0, FirstWriteOfGradient(k), BackwardStep(k)});
    if (IsWanted(architecture_, options_, result) && IsChannelsLast(architecture_.node(result))) {
      plain_copies_.push_back({.node = result, .size_bytes = SizeBytes(result), .values = {}});
    }
  }
  for (int k = 0; k < step_count_; ++k) {
    const arch::Node& node = architecture_.node(steps_[k].node);
    const MemoryTraits traits = FindKernel(node.op->name)->memory;
    for (std::size_t i = 0; i < node.operands.size(); ++i) {
      const int producer = step_of_result[node.operands[i]];
      if (producer < 0 || std::ranges::count(node.operands, node.operands[i]) > 1) continue;
      const bool same_type =
          architecture_.node(node.operands[i]).type == architecture_.node(steps_[k].result).type;
      const bool writes = gradient_uses_[steps_[k].node][i] == GradientUse::kWrite;
      if (traits.result_over_operand && i == 0 && same_type) {
        chains.Follow(values[producer], values[k]);
      }
      if (traits.gradient_over_operand && i == 0 && writes) {
        chains.Follow(values[producer], gradients[producer]);
      }
      if (traits.gradient_over_gradient && writes && same_type) {
        chains.Follow(gradients[k], gradients[producer]);
      }
    }
  }
  const auto earliest = [this](int step) {
    return step < step_count_ ? ChainStart(step) : BackwardStep(ChainEnd(BackwardStep(step)));
  };
  const auto latest = [this](int step) {
    if (step == 2 * step_count_) return step;
    return step < step_count_ ? ChainEnd(step) : BackwardStep(ChainStart(BackwardStep(step)));
  };
  const std::vector<BufferId> buffers = chains.AddBuffers(earliest, latest, arena_);
  for (int k = 0; k < step_count_; ++k) {
    value_buffers_.push_back(buffers[values[k]]);
    gradient_buffers_.push_back(buffers[gradients[k]]);
  }
  arena_.Place();
}

}  // namespace graft::engine::cpu
