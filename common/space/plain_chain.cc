#include "common/space/plain_chain.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"

namespace graft::space {
namespace {

using arch::Node;
using arch::NodeIndex;
using Kind = LayerView::Kind;

constexpr std::array<std::string_view, 4> kPools = {"average_pool", "global_average_pool",
                                                    "global_max_pool", "max_pool"};
constexpr std::array<std::string_view, 2> kBetween = {"dropout", "flatten"};

template <typename Names>
bool IsOneOf(const Node& node, const Names& names) {
  return std::ranges::find(names, node.op->name) != names.end();
}

std::int64_t MacsOf(const arch::Architecture& network, const Node& node) {
  std::vector<arch::ValueType> operands;
  for (const NodeIndex operand : node.operands) operands.push_back(network.node(operand).type);
  return node.op->cost(node.attributes, operands, node.type).macs;
}

// Follows the one value from the input to the output.
class ChainReader {
 public:
  explicit ChainReader(const arch::Architecture& network) : network_(network) {}

  absl::StatusOr<PlainChain> Read();

 private:
  const Node& current() const { return network_.node(current_); }
  absl::Status Problem(std::string_view description) const {
    return base::InvalidFieldError(current().id, description);
  }

  absl::Status ReadInput();
  // Steps to the layer that takes the current value; false at the output.
  absl::StatusOr<bool> Advance();
  absl::Status ReadLayer();
  absl::Status ReadPool();
  absl::Status ReadHidden(Kind kind);
  absl::Status ReadActivation();
  absl::Status CheckParameters() const;
  absl::Status CheckConvolution() const;

  void Append(LayerView layer);
  void SetConsumerOfLast(std::int64_t macs);
  void CloseBlocks();

  const arch::Architecture& network_;
  NodeIndex current_ = 0;
  bool at_output_ = false;
  PlainChain chain_;
  BlockView convolutions_;
  BlockView linears_{.kind = Kind::kLinear};
};

absl::StatusOr<PlainChain> ChainReader::Read() {
  RETURN_IF_ERROR(ReadInput());
  while (true) {
    ASSIGN_OR_RETURN(const bool advanced, Advance());
    if (!advanced) return Problem("a network must end with its classifier, a linear layer");
    RETURN_IF_ERROR(ReadLayer());
    if (at_output_) break;
  }
  CloseBlocks();
  chain_.view.macs = network_.cost().macs;
  return std::move(chain_);
}

absl::Status ChainReader::ReadInput() {
  current_ = network_.inputs().empty() ? network_.outputs()[0].node : network_.inputs()[0];
  if (network_.inputs().size() != 1) return Problem("a network must have one input");
  if (network_.outputs().size() != 1) return Problem("a network must have one output");
  return absl::OkStatus();
}

absl::StatusOr<bool> ChainReader::Advance() {
  const auto users = network_.users(current_);
  if (users.empty()) return false;
  if (users.size() > 1 || network_.outputs()[0].node == current_) {
    return Problem("its value is used more than once, but the plain space has chains only");
  }
  current_ = users[0];
  return true;
}

absl::Status ChainReader::ReadLayer() {
  const Node& node = current();
  if (IsOneOf(node, kPools)) return ReadPool();
  if (IsOneOf(node, kBetween)) return absl::OkStatus();
  if (node.op->name == "convolution") return ReadHidden(Kind::kConvolution);
  if (node.op->name == "linear") {
    if (!network_.users(current_).empty()) return ReadHidden(Kind::kLinear);
    RETURN_IF_ERROR(CheckParameters());
    SetConsumerOfLast(MacsOf(network_, node));
    chain_.classifier = current_;
    at_output_ = true;
    return absl::OkStatus();
  }
  if (node.op->name == "batch_norm" || node.op->name == "relu") {
    return Problem("must follow a convolution or a hidden linear layer");
  }
  return Problem(absl::StrCat("the plain space has no ", node.op->name));
}

absl::Status ChainReader::ReadPool() {
  chain_.view.layers.push_back({.kind = Kind::kPool,
                                .id = current().id,
                                .width = static_cast<int>(current().type.shape.dim(0))});
  CloseBlocks();
  return absl::OkStatus();
}

absl::Status ChainReader::ReadHidden(Kind kind) {
  RETURN_IF_ERROR(CheckParameters());
  const Node& node = current();
  const tensor::Shape& shape = node.type.shape;
  LayerView layer = {.kind = kind, .id = node.id, .width = static_cast<int>(shape.dim(0))};
  layer.macs = MacsOf(network_, node);
  layer.positions = shape.ElementCount() / shape.dim(0);
  if (kind == Kind::kConvolution) {
    RETURN_IF_ERROR(CheckConvolution());
    layer.kernel = static_cast<int>(network_.node(node.operands[1]).type.shape.dim(2));
  }
  Append(std::move(layer));
  return ReadActivation();
}

// The batch norm, if any, and the ReLU behind the current layer.
absl::Status ChainReader::ReadActivation() {
  const std::string layer = current().id;
  bool normalized = false;
  while (true) {
    ASSIGN_OR_RETURN(const bool advanced, Advance());
    if (advanced && current().op->name == "relu") return absl::OkStatus();
    if (!advanced || normalized || current().op->name != "batch_norm") break;
    RETURN_IF_ERROR(CheckParameters());
    normalized = true;
  }
  return base::InvalidFieldError(layer, "must be followed by a relu, or a batch_norm and a relu");
}

absl::Status ChainReader::CheckParameters() const {
  for (const NodeIndex operand : current().operands) {
    const Node& node = network_.node(operand);
    if (node.type.batched) continue;
    if (node.op->name != "parameter" || network_.users(operand).size() != 1) {
      return Problem(absl::StrCat("its operand ", node.id, " must be a parameter of its own"));
    }
  }
  return absl::OkStatus();
}

absl::Status ChainReader::CheckConvolution() const {
  const Node& node = current();
  const tensor::Shape& weight = network_.node(node.operands[1]).type.shape;
  const std::int64_t kernel = weight.dim(2);
  if (weight.dim(3) != kernel || kernel % 2 == 0) {
    return Problem(
        absl::StrCat("its kernel must be square and odd, not ", kernel, "x", weight.dim(3)));
  }
  const std::vector<std::int64_t> same(4, (kernel - 1) / 2);
  if (arch::GetInts(node.attributes, "strides") != std::vector<std::int64_t>{1, 1} ||
      arch::GetInts(node.attributes, "padding") != same) {
    return Problem("it must keep the size: stride 1 and a padding of half the kernel");
  }
  return absl::OkStatus();
}

void ChainReader::Append(LayerView layer) {
  SetConsumerOfLast(layer.macs);
  BlockView& block = layer.kind == Kind::kLinear ? linears_ : convolutions_;
  block.layers.push_back(static_cast<int>(chain_.view.layers.size()));
  chain_.view.layers.push_back(std::move(layer));
  ++chain_.view.hidden_layers;
}

// Pools may lie between a layer and the one that takes its channels.
void ChainReader::SetConsumerOfLast(std::int64_t macs) {
  std::vector<LayerView>& layers = chain_.view.layers;
  const auto last = std::find_if(layers.rbegin(), layers.rend(),
                                 [](const LayerView& layer) { return layer.kind != Kind::kPool; });
  if (last != layers.rend()) last->consumer_macs = macs;
}

// Ends the block of convolutions, unless it is empty, and at the output adds that of linear layers.
void ChainReader::CloseBlocks() {
  if (!convolutions_.layers.empty()) chain_.view.blocks.push_back(std::exchange(convolutions_, {}));
  if (at_output_) chain_.view.blocks.push_back(std::move(linears_));
}

}  // namespace

absl::StatusOr<PlainChain> ReadPlainChain(const arch::Architecture& network) {
  return ChainReader(network).Read();
}

}  // namespace graft::space
