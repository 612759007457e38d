#include "common/transform/widen_layer.h"

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/rng.h"
#include "common/base/status_macros.h"
#include "common/transform/random_streams.h"

namespace graft::transform {
namespace {

using arch::AxisRole;
using arch::Node;
using arch::NodeIndex;

// Standard deviation of the copies' noise over that of the copies (published).
constexpr float kRelativeNoise = 0.01F;

// Normalises the draws of one channel's copies. All but the last are rounded to multiples of 2^-24,
// so that the last, which takes the rest, is one too and the sum is exactly one in any order.
void SetUnevenShares(const std::vector<int>& copies, const std::vector<float>& draws,
                     std::vector<float>& shares) {
  double total = 0;
  for (const int copy : copies) total += draws[copy];
  double rest = 1;
  for (size_t i = 0; i + 1 < copies.size(); ++i) {
    const double share = std::round(draws[copies[i]] / total * 0x1p24) * 0x1p-24;
    shares[copies[i]] = static_cast<float>(share);
    rest -= share;
  }
  shares[copies.back()] = static_cast<float>(rest);
}

std::vector<float> Shares(const std::vector<int>& source, int old_width, WidenSplit split,
                          std::uint64_t seed) {
  std::vector<std::vector<int>> copies(old_width);
  for (size_t j = 0; j < source.size(); ++j) copies[source[j]].push_back(static_cast<int>(j));
  base::Rng rng = StreamOf(seed, Stream::kSplit);
  std::vector<float> draws(source.size());
  for (float& draw : draws) draw = rng.Uniform(0.5F, 1.5F);
  std::vector<float> shares(source.size());
  for (const std::vector<int>& channel : copies) {
    if (split == WidenSplit::kUneven) {
      SetUnevenShares(channel, draws, shares);
    } else {
      for (const int copy : channel) shares[copy] = 1.0F / static_cast<float>(channel.size());
    }
  }
  return shares;
}

absl::StatusOr<NodeIndex> FindProducer(const arch::Architecture& parent, const std::string& id) {
  const std::optional<NodeIndex> index = parent.FindNode(id);
  if (!index.has_value()) return absl::InvalidArgumentError(absl::StrCat("there is no layer ", id));
  const Node& node = parent.node(*index);
  if (parent.channels(*index) == arch::ChannelBehaviour::kAbsorb) return *index;
  return absl::InvalidArgumentError(absl::StrCat(
      id, " is a ", node.op->name, ", not a layer with channels of its own (convolution, linear)"));
}

// Whether `parameter` holds weights of a layer along whose own channels `axis` runs: a kernel or a
// matrix, not a bias.
bool MakesChannels(const arch::Architecture& parent, NodeIndex parameter, int axis) {
  if (parent.node(parameter).type.shape.rank() < 2) return false;
  for (const NodeIndex user : parent.users(parameter)) {
    const Node& node = parent.node(user);
    if (parent.channels(user) != arch::ChannelBehaviour::kAbsorb) continue;
    const int count = static_cast<int>(node.operands.size());
    for (int i = 0; i < count; ++i) {
      if (node.operands[i] == parameter &&
          arch::OperandAt(*node.op, i, count).axes[axis] == AxisRole::kOutputChannel) {
        return true;
      }
    }
  }
  return false;
}

// Noise on the replicated slice of the weights that make the new channels; none on biases, batch
// norm or consumers.
void AddReplicationNoise(const arch::Architecture& parent, Transformed& transformed) {
  for (ParameterRule& rule : transformed.rules) {
    auto& from_parent = std::get<FromParent>(rule);
    for (const AxisMap& map : from_parent.axes) {
      if (!MakesChannels(parent, from_parent.parameter, map.axis)) continue;
      int first = 0;
      while (first < static_cast<int>(map.source.size()) && map.source[first] == first) ++first;
      from_parent.noise = {.relative_stddev = kRelativeNoise, .axis = map.axis, .first = first};
    }
  }
  transformed.preservation = Preservation::kLossy;
}

}  // namespace

std::string_view Name(WidenSplit split) { return split == WidenSplit::kUneven ? "uneven" : "even"; }

ChannelMap RandomWidening(int old_width, int new_width, WidenSplit split, std::uint64_t seed) {
  GRAFT_CHECK(old_width > 0 && new_width > old_width) << old_width << " to " << new_width;
  ChannelMap map = IdentityMap(old_width);
  base::Rng rng = StreamOf(seed, Stream::kChannelMap);
  for (int j = old_width; j < new_width; ++j) {
    map.source.push_back(static_cast<int>(rng.UniformInt(old_width)));
  }
  map.share = Shares(map.source, old_width, split, seed);
  return map;
}

const std::vector<arch::AttributeSpec>& WidenLayer::attributes() const {
  static const auto& specs = *new std::vector<arch::AttributeSpec>{
      {.name = "layer",
       .type = arch::AttributeType::kString,
       .summary = "id of a convolution or linear layer"},
      {.name = "width",
       .type = arch::AttributeType::kInt,
       .summary = "its new number of channels, above the old one",
       .minimum = 2,
       .maximum = 1 << 20},
      {.name = "split",
       .type = arch::AttributeType::kString,
       .summary = "how the copies share the weights that consume them",
       .default_value = std::string(Name(WidenSplit::kUneven)),
       .choices = {std::string(Name(WidenSplit::kUneven)), std::string(Name(WidenSplit::kEven))}},
      {.name = "noise",
       .type = arch::AttributeType::kBool,
       .summary = "whether the copies' weights get noise",
       .default_value = false}};
  return specs;
}

absl::StatusOr<Transformed> WidenLayer::Apply(const arch::Architecture& parent,
                                              const arch::Attributes& attributes,
                                              std::uint64_t seed) const {
  const std::string& layer = arch::GetString(attributes, "layer");
  ASSIGN_OR_RETURN(const NodeIndex producer, FindProducer(parent, layer));
  const auto old_width = static_cast<int>(
      parent.node(producer).type.shape.dim(arch::ChannelAxis(parent.node(producer).type.shape)));
  const auto new_width = static_cast<int>(arch::GetInt(attributes, "width"));
  if (new_width <= old_width) {
    return absl::InvalidArgumentError(
        absl::StrCat(layer, " has ", old_width, " channels already, ", new_width, " are not more"));
  }
  const bool even = arch::GetString(attributes, "split") == Name(WidenSplit::kEven);
  const WidenSplit split = even ? WidenSplit::kEven : WidenSplit::kUneven;
  const ChannelChange change = {producer, RandomWidening(old_width, new_width, split, seed)};
  ASSIGN_OR_RETURN(Transformed transformed, PropagateChannels(parent, {&change, 1}));
  if (arch::GetBool(attributes, "noise")) AddReplicationNoise(parent, transformed);
  return transformed;
}

}  // namespace graft::transform
