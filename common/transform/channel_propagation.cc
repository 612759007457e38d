#include "common/transform/channel_propagation.h"

#include <algorithm>
#include <deque>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"

namespace graft::transform {
namespace {

using arch::AxisRole;
using arch::ChannelBehaviour;
using arch::Node;
using arch::NodeIndex;
using arch::OperandSpec;

int Channels(const Node& node) {
  return static_cast<int>(node.type.shape.dim(arch::ChannelAxis(node.type.shape)));
}

absl::Status CannotWidenThrough(const Node& node) {
  const std::string& reason = node.op->barrier_reason;
  return absl::InvalidArgumentError(absl::StrCat("cannot widen through ", node.id, " (",
                                                 node.op->name, ")", reason.empty() ? "" : ": ",
                                                 reason));
}

const OperandSpec& OperandSpecOf(const Node& node, size_t position) {
  return arch::OperandAt(*node.op, static_cast<int>(position),
                         static_cast<int>(node.operands.size()));
}

int Size(const ChannelMap& map) { return static_cast<int>(map.source.size()); }

bool IsIdentity(const ChannelMap& map, int channels) { return map == IdentityMap(channels); }

absl::Status CheckMap(const Node& producer, const ChannelMap& map) {
  if (map.source.empty() || map.share.size() != map.source.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the channel map of ", producer.id, " is empty or lacks shares"));
  }
  for (const int source : map.source) {
    if (source < 0 || source >= Channels(producer)) {
      return absl::InvalidArgumentError(absl::StrCat("the channel map of ", producer.id,
                                                     " takes channel ", source, " of ",
                                                     Channels(producer)));
    }
  }
  return absl::OkStatus();
}

// The map of runs of `run` channels, one run for each channel of `map`.
ChannelMap ExpandRuns(const ChannelMap& map, int run) {
  ChannelMap expanded;
  for (int j = 0; j < Size(map); ++j) {
    for (int i = 0; i < run; ++i) {
      expanded.source.push_back(map.source[j] * run + i);
      expanded.share.push_back(map.share[j]);
    }
  }
  return expanded;
}

// The inverse of ExpandRuns; absent if the map does not keep runs whole.
std::optional<ChannelMap> ContractRuns(const ChannelMap& map, int run) {
  ChannelMap contracted;
  for (int j = 0; j < Size(map); j += run) {
    contracted.source.push_back(map.source[j] / run);
    contracted.share.push_back(map.share[j]);
  }
  if (ExpandRuns(contracted, run) != map) return std::nullopt;
  return contracted;
}

// The maps of the parts of a concatenation whose map is `map`; absent if a channel leaves its part.
std::optional<std::vector<ChannelMap>> SplitParts(const ChannelMap& map,
                                                  const std::vector<int>& part_channels) {
  std::vector<ChannelMap> parts(part_channels.size());
  int part = 0;
  int begin = 0;
  for (int j = 0; j < Size(map); ++j) {
    while (map.source[j] >= begin + part_channels[part]) begin += part_channels[part++];
    if (map.source[j] < begin) return std::nullopt;
    parts[part].source.push_back(map.source[j] - begin);
    parts[part].share.push_back(map.share[j]);
  }
  return parts;
}

// Spreads channel maps over a graph until nothing new follows.
class Propagator {
 public:
  explicit Propagator(const arch::Architecture& parent)
      : parent_(parent), value_maps_(parent.nodes().size()), axis_maps_(parent.nodes().size()) {}

  absl::Status Start(const ChannelChange& change);
  absl::Status Spread();
  absl::StatusOr<Transformed> MakeChild() const;

 private:
  // A fact that is new is remembered and spread later; one that contradicts an older one is an
  // error.
  absl::Status SetValueMap(NodeIndex value, const ChannelMap& map);
  absl::Status SetAxisMap(NodeIndex parameter, int axis, const ChannelMap& map);

  absl::Status SpreadToDefinition(NodeIndex value);
  absl::Status SpreadToUserOf(NodeIndex value, NodeIndex user);
  absl::Status SpreadToSharers(NodeIndex parameter, int axis, const ChannelMap& map);

  AxisRole RoleOf(const Node& node, size_t position, int axis) const;
  absl::Status SetOperandMaps(NodeIndex node, const ChannelMap& map);
  absl::Status SetParameterMaps(NodeIndex node, AxisRole role, const ChannelMap& map);
  absl::Status SetPartMaps(NodeIndex concatenation, const ChannelMap& map);
  absl::Status SetConcatenatedMap(NodeIndex concatenation);

  ChannelMap MapOf(NodeIndex value) const {
    return value_maps_[value].has_value() ? *value_maps_[value]
                                          : IdentityMap(Channels(parent_.node(value)));
  }
  absl::StatusOr<bool> ConsumesAxis(NodeIndex parameter, int axis) const;
  absl::StatusOr<std::vector<AxisMap>> AxisMapsOf(NodeIndex parameter) const;
  void FollowWidths(std::vector<arch::LayerDef>& layers) const;
  void CheckChannels(const arch::Architecture& child) const;

  const arch::Architecture& parent_;
  // Absent: the identity. For parameters, one an axis (empty: all identities).
  std::vector<std::optional<ChannelMap>> value_maps_;
  std::vector<std::vector<std::optional<ChannelMap>>> axis_maps_;
  // Values whose map is new.
  std::deque<NodeIndex> pending_;
  // Concatenations with an operand whose map is new. They wait until all else is known and go in
  // topological order, since their map is made of all operands' maps.
  std::set<NodeIndex> pending_concatenations_;
};

absl::Status Propagator::Start(const ChannelChange& change) {
  const Node& producer = parent_.node(change.producer);
  if (parent_.channels(change.producer) != ChannelBehaviour::kAbsorb) {
    return absl::InvalidArgumentError(
        absl::StrCat(producer.id, " (", producer.op->name, ") does not make channels of its own"));
  }
  RETURN_IF_ERROR(CheckMap(producer, change.map));
  return SetValueMap(change.producer, change.map);
}

absl::Status Propagator::Spread() {
  while (!pending_.empty() || !pending_concatenations_.empty()) {
    if (pending_.empty()) {
      const NodeIndex concatenation =
          pending_concatenations_.extract(pending_concatenations_.begin()).value();
      RETURN_IF_ERROR(SetConcatenatedMap(concatenation));
      continue;
    }
    const NodeIndex value = pending_.front();
    pending_.pop_front();
    RETURN_IF_ERROR(SpreadToDefinition(value));
    for (const NodeIndex user : parent_.users(value)) {
      RETURN_IF_ERROR(SpreadToUserOf(value, user));
    }
  }
  return absl::OkStatus();
}

absl::Status Propagator::SetValueMap(NodeIndex value, const ChannelMap& map) {
  const Node& node = parent_.node(value);
  if (map == MapOf(value)) return absl::OkStatus();
  if (value_maps_[value].has_value() || IsIdentity(map, Channels(node))) {
    return absl::InvalidArgumentError(
        absl::StrCat("the channels of ", node.id, " would need two different maps"));
  }
  for (const arch::Output& output : parent_.outputs()) {
    if (output.node == value) {
      return absl::InvalidArgumentError(
          absl::StrCat("the width of ", node.id, " is fixed: it is the output ", output.name));
    }
  }
  value_maps_[value] = map;
  pending_.push_back(value);
  return absl::OkStatus();
}

absl::Status Propagator::SetAxisMap(NodeIndex parameter, int axis, const ChannelMap& map) {
  const Node& node = parent_.node(parameter);
  if (!std::ranges::binary_search(parent_.parameters(), parameter)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the weights ", node.id, " are computed, not a parameter"));
  }
  std::vector<std::optional<ChannelMap>>& axes = axis_maps_[parameter];
  axes.resize(node.type.shape.rank());
  if (axes[axis].has_value()) {
    if (*axes[axis] == map) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("axis ", axis, " of ", node.id, " would need two different maps"));
  }
  axes[axis] = map;
  return SpreadToSharers(parameter, axis, map);
}

// What a value's new map means for the layer that makes it.
absl::Status Propagator::SpreadToDefinition(NodeIndex value) {
  const Node& node = parent_.node(value);
  const ChannelMap map = MapOf(value);
  switch (parent_.channels(value)) {
    case ChannelBehaviour::kAbsorb:
      return SetParameterMaps(value, AxisRole::kOutputChannel, map);
    case ChannelBehaviour::kPass:
      RETURN_IF_ERROR(SetParameterMaps(value, AxisRole::kChannel, map));
      // A depthwise convolution's own channels are those that pass.
      RETURN_IF_ERROR(SetParameterMaps(value, AxisRole::kOutputChannel, map));
      return SetOperandMaps(value, map);
    case ChannelBehaviour::kJoin:
      return SetOperandMaps(value, map);
    case ChannelBehaviour::kOffset:
      return SetPartMaps(value, map);
    case ChannelBehaviour::kMap: {
      const NodeIndex operand = node.operands[0];
      const int run = Channels(node) / Channels(parent_.node(operand));
      const std::optional<ChannelMap> contracted = ContractRuns(map, run);
      if (contracted.has_value()) return SetValueMap(operand, *contracted);
      return absl::InvalidArgumentError(
          absl::StrCat("the channels of ", node.id, " can only be widened in runs of ", run));
    }
    case ChannelBehaviour::kSource:
      return absl::InvalidArgumentError(
          absl::StrCat("the width of ", node.id, " is fixed: it is an input of the architecture"));
    case ChannelBehaviour::kBarrier:
      break;
  }
  return CannotWidenThrough(node);
}

// What a value's new map means for a layer that takes it.
absl::Status Propagator::SpreadToUserOf(NodeIndex value, NodeIndex user) {
  const Node& node = parent_.node(user);
  switch (parent_.channels(user)) {
    case ChannelBehaviour::kAbsorb:
      return SetParameterMaps(user, AxisRole::kInputChannel, MapOf(value));
    case ChannelBehaviour::kPass:
    case ChannelBehaviour::kJoin:
      // A single element is repeated over all channels: there is nothing to widen it with.
      if (Channels(parent_.node(value)) != Channels(node)) break;
      return SetValueMap(user, MapOf(value));
    case ChannelBehaviour::kOffset:
      pending_concatenations_.insert(user);
      return absl::OkStatus();
    case ChannelBehaviour::kMap: {
      const int run = Channels(node) / Channels(parent_.node(value));
      return SetValueMap(user, ExpandRuns(MapOf(value), run));
    }
    case ChannelBehaviour::kSource:
    case ChannelBehaviour::kBarrier:
      break;
  }
  return CannotWidenThrough(node);
}

// What the map of a parameter's axis means for each layer that uses it.
absl::Status Propagator::SpreadToSharers(NodeIndex parameter, int axis, const ChannelMap& map) {
  for (const NodeIndex user : parent_.users(parameter)) {
    const Node& node = parent_.node(user);
    for (size_t i = 0; i < node.operands.size(); ++i) {
      if (node.operands[i] != parameter) continue;
      switch (RoleOf(node, i, axis)) {
        case AxisRole::kOutputChannel:
        case AxisRole::kChannel:
          RETURN_IF_ERROR(SetValueMap(user, map));
          break;
        case AxisRole::kInputChannel:
          RETURN_IF_ERROR(SetOperandMaps(user, map));
          break;
        case AxisRole::kFree:
          return absl::InvalidArgumentError(absl::StrCat(
              parent_.node(parameter).id, " is shared with ", node.id, ", which fixes its shape"));
      }
    }
  }
  return absl::OkStatus();
}

// What the axis of a node's operand `position`, a parameter, is tied to. A parameter that stands
// where data does (a scale that a value is multiplied by) has the channels of that data.
AxisRole Propagator::RoleOf(const Node& node, size_t position, int axis) const {
  const OperandSpec& spec = OperandSpecOf(node, position);
  if (spec.kind == OperandSpec::Kind::kParameter) return spec.axes[axis];
  const Node& parameter = parent_.node(node.operands[position]);
  return node.type.batched && arch::ChannelAxis(parameter.type.shape) == axis ? AxisRole::kChannel
                                                                              : AxisRole::kFree;
}

// Gives `map` to the data operands of a node.
absl::Status Propagator::SetOperandMaps(NodeIndex node_index, const ChannelMap& map) {
  const Node& node = parent_.node(node_index);
  for (size_t i = 0; i < node.operands.size(); ++i) {
    if (OperandSpecOf(node, i).kind != OperandSpec::Kind::kData) continue;
    const NodeIndex operand = node.operands[i];
    const Node& source = parent_.node(operand);
    const bool joins = parent_.channels(node_index) == ChannelBehaviour::kJoin;
    if (joins && Channels(source) != Channels(node)) continue;  // repeated over all channels
    if (source.type.batched) {
      RETURN_IF_ERROR(SetValueMap(operand, map));
    } else {
      RETURN_IF_ERROR(SetAxisMap(operand, arch::ChannelAxis(source.type.shape), map));
    }
  }
  return absl::OkStatus();
}

// Gives `map` to the axes with `role` of a node's parameters.
absl::Status Propagator::SetParameterMaps(NodeIndex node_index, AxisRole role,
                                          const ChannelMap& map) {
  const Node& node = parent_.node(node_index);
  for (size_t i = 0; i < node.operands.size(); ++i) {
    const OperandSpec& spec = OperandSpecOf(node, i);
    if (spec.kind != OperandSpec::Kind::kParameter) continue;
    for (size_t axis = 0; axis < spec.axes.size(); ++axis) {
      if (spec.axes[axis] != role) continue;
      const NodeIndex carrier = role == AxisRole::kInputChannel ? node.operands[0] : node_index;
      if (parent_.node(node.operands[i]).type.shape.dim(static_cast<int>(axis)) !=
          Channels(parent_.node(carrier))) {
        return absl::InvalidArgumentError(
            absl::StrCat("cannot widen ", node.id, ": it treats its channels in groups"));
      }
      RETURN_IF_ERROR(SetAxisMap(node.operands[i], static_cast<int>(axis), map));
    }
  }
  return absl::OkStatus();
}

absl::Status Propagator::SetPartMaps(NodeIndex concatenation, const ChannelMap& map) {
  const Node& node = parent_.node(concatenation);
  std::vector<int> part_channels;
  for (const NodeIndex operand : node.operands) {
    part_channels.push_back(Channels(parent_.node(operand)));
  }
  const std::optional<std::vector<ChannelMap>> parts = SplitParts(map, part_channels);
  if (!parts.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the channels of ", node.id, " can only be widened within each of its operands"));
  }
  for (size_t i = 0; i < parts->size(); ++i) {
    RETURN_IF_ERROR(SetValueMap(node.operands[i], (*parts)[i]));
  }
  return absl::OkStatus();
}

absl::Status Propagator::SetConcatenatedMap(NodeIndex concatenation) {
  ChannelMap map;
  int begin = 0;
  for (const NodeIndex operand : parent_.node(concatenation).operands) {
    const ChannelMap part = MapOf(operand);
    for (const int source : part.source) map.source.push_back(begin + source);
    map.share.insert(map.share.end(), part.share.begin(), part.share.end());
    begin += Channels(parent_.node(operand));
  }
  return SetValueMap(concatenation, map);
}

// Whether the layers that use a parameter consume channels along the axis: then its map's shares
// apply. Layers that own or pass channels only index.
absl::StatusOr<bool> Propagator::ConsumesAxis(NodeIndex parameter, int axis) const {
  std::set<bool> answers;
  for (const NodeIndex user : parent_.users(parameter)) {
    const Node& node = parent_.node(user);
    for (size_t i = 0; i < node.operands.size(); ++i) {
      if (node.operands[i] != parameter) continue;
      answers.insert(RoleOf(node, i, axis) == AxisRole::kInputChannel);
    }
  }
  if (answers.size() == 1) return *answers.begin();
  return absl::InvalidArgumentError(
      absl::StrCat("cannot widen axis ", axis, " of ", parent_.node(parameter).id,
                   ": one layer makes channels with it, another consumes them"));
}

absl::StatusOr<std::vector<AxisMap>> Propagator::AxisMapsOf(NodeIndex parameter) const {
  std::vector<AxisMap> maps;
  for (size_t i = 0; i < axis_maps_[parameter].size(); ++i) {
    const std::optional<ChannelMap>& map = axis_maps_[parameter][i];
    if (!map.has_value()) continue;
    const int axis = static_cast<int>(i);
    ASSIGN_OR_RETURN(const bool consumes, ConsumesAxis(parameter, axis));
    maps.push_back({.axis = axis,
                    .source = map->source,
                    .share = consumes ? map->share : std::vector<float>()});
  }
  return maps;
}

absl::StatusOr<Transformed> Propagator::MakeChild() const {
  std::vector<arch::LayerDef> layers = parent_.ToLayers();
  std::vector<ParameterRule> rules;
  for (const NodeIndex parameter : parent_.parameters()) {
    FromParent rule{.parameter = parameter};
    ASSIGN_OR_RETURN(rule.axes, AxisMapsOf(parameter));
    arch::AttributeValue& shape = layers[parameter].attributes.at("shape");
    for (const AxisMap& map : rule.axes) {
      std::get<std::vector<std::int64_t>>(shape)[map.axis] =
          static_cast<std::int64_t>(map.source.size());
    }
    rules.push_back(std::move(rule));
  }
  FollowWidths(layers);
  ASSIGN_OR_RETURN(arch::Architecture child,
                   arch::Architecture::Create(layers, parent_.ToOutputs()));
  CheckChannels(child);
  return Transformed{std::move(child), std::move(rules), Preservation::kExact};
}

// Attributes that count channels which pass through.
void Propagator::FollowWidths(std::vector<arch::LayerDef>& layers) const {
  for (size_t i = 0; i < value_maps_.size(); ++i) {
    const auto index = static_cast<NodeIndex>(i);
    const std::string& attribute = parent_.node(index).op->width_attribute;
    if (attribute.empty() || !value_maps_[i].has_value()) continue;
    if (parent_.channels(index) != ChannelBehaviour::kPass) continue;
    layers[i].attributes[attribute] = std::int64_t{Size(*value_maps_[i])};
  }
}

// That the operators did what they declare: every value has as many channels as its map says.
void Propagator::CheckChannels(const arch::Architecture& child) const {
  for (size_t i = 0; i < value_maps_.size(); ++i) {
    if (!value_maps_[i].has_value()) continue;
    const Node& node = child.node(static_cast<NodeIndex>(i));
    GRAFT_CHECK(Channels(node) == Size(*value_maps_[i]))
        << node.id << " (" << node.op->name << ") has " << Channels(node) << " channels, not "
        << Size(*value_maps_[i]) << " as its channel behaviour says";
  }
}

}  // namespace

ChannelMap IdentityMap(int channels) {
  ChannelMap map;
  map.source.resize(channels);
  std::iota(map.source.begin(), map.source.end(), 0);
  map.share.assign(channels, 1.0F);
  return map;
}

absl::StatusOr<Transformed> PropagateChannels(const arch::Architecture& parent,
                                              std::span<const ChannelChange> changes) {
  Propagator propagator(parent);
  for (const ChannelChange& change : changes) RETURN_IF_ERROR(propagator.Start(change));
  RETURN_IF_ERROR(propagator.Spread());
  return propagator.MakeChild();
}

}  // namespace graft::transform
