// OperatorSpec: all that the architecture level knows of one operator. The registry
// (operator_registry.h) holds one entry an operator; validation, shape inference, cost, channel
// propagation, text and encodings derive from it. Kernels are keyed by the same name in
// engine/reference, engine/cpu and engine/cuda.
#ifndef GRAFT_COMMON_ARCH_OPERATOR_SPEC_H_
#define GRAFT_COMMON_ARCH_OPERATOR_SPEC_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/arch/attributes.h"
#include "common/tensor/dtype.h"
#include "common/tensor/shape.h"

namespace graft::arch {

// Type of a value of the graph. `shape` excludes the batch: a batched value of shape [C, H, W] is a
// tensor [N, C, H, W]; a parameter is not batched.
struct ValueType {
  tensor::DType dtype = tensor::DType::kFloat32;
  bool batched = true;
  tensor::Shape shape;

  friend bool operator==(const ValueType&, const ValueType&) = default;
};

std::string ToString(const ValueType& type);  // "float32[N,4,28,28]"

// The axis of a value's channels (features): the last one of tokens [T, D], the first one of all
// others, [C, H, W] and [F].
int ChannelAxis(const tensor::Shape& shape);

// What an operator does with the channels of its data operands (design.md, foundation 4).
enum class ChannelBehaviour {
  kSource,   // no data operand: input, parameter
  kAbsorb,   // consumes channels and makes its own: convolution, linear
  kPass,     // output channel i is operand channel i: batch norm, activation, pooling, dropout,
             // depthwise convolution
  kJoin,     // output channel i is made of channel i of every operand: add, multiply
  kOffset,   // output channels are the operands' in order: concat
  kMap,      // each channel becomes a run of consecutive channels: flatten
  kBarrier,  // not to be widened through: softmax, losses
};

// What an axis of a parameter operand is tied to.
enum class AxisRole {
  kFree,           // kernel height and width
  kOutputChannel,  // the layer's own channels
  kInputChannel,   // the channels of the data operand that it absorbs
  kChannel,        // the channels that pass through
};

// How a parameter begins.
enum class Initializer {
  kZeros,
  kOnes,
  kHeNormal,       // N(0, 2 / fan_in), He et al. 2015; fan_in = elements / axis 0
  kXavierUniform,  // U(-a, a), a^2 = 6 / (fan_in + fan_out), Glorot and Bengio 2010
};

struct OperandSpec {
  enum class Kind { kData, kParameter };
  std::string name;
  Kind kind = Kind::kData;
  bool optional = false;  // only trailing operands may be left out
  bool variadic = false;  // one or more; only the last data operand
  // Data only: a value that is not batched is taken as well, so that weights can be computed from
  // parameters (design.md, foundation 2).
  bool unbatched = false;
  // Parameters only: one role an axis; the default initialiser; statistics are not trainable.
  std::vector<AxisRole> axes;
  Initializer initializer = Initializer::kZeros;
  bool trainable = true;
};

// Cost of one operator for one example (convention: one multiply-accumulate is one MAC;
// element-wise work, pooling and normalisation count no MACs).
struct OperatorCost {
  std::int64_t macs = 0;
};

// A parameter that the short form of a layer makes (see expand.h).
struct ParameterRequest {
  int operand = 0;  // index into OperatorSpec::operands
  tensor::Shape shape;
};

// At most so many operands has a layer, variadic ones included.
inline constexpr int kMaxOperands = 1024;

struct OperatorSpec {
  std::string name;
  std::string summary;
  std::vector<AttributeSpec> attributes;
  std::vector<OperandSpec> operands;
  ChannelBehaviour channels = ChannelBehaviour::kBarrier;
  // For an operator whose behaviour depends on its attributes and operands; null: `channels`. Read
  // it through Architecture::channels.
  std::function<ChannelBehaviour(const Attributes&, std::span<const ValueType>)> channels_of;
  // Why kBarrier, for messages: "its groups hold several channels".
  std::string barrier_reason;
  // An integer attribute that counts the channels wherever the behaviour is kPass (a depthwise
  // convolution's groups): it follows a change of width. Empty: none.
  std::string width_attribute;

  // Result type from checked attributes and operand types.
  // INVALID_ARGUMENT says which operand or attribute does not fit and what was expected.
  std::function<absl::StatusOr<ValueType>(const Attributes&, std::span<const ValueType>)> infer;

  // Gives attributes whose default depends on others their value (a pooling window's strides), so
  // that two spellings of one layer have one fingerprint. Called with checked attributes. May be
  // null.
  std::function<void(Attributes&)> complete;

  // Null: no MACs.
  std::function<OperatorCost(const Attributes&, std::span<const ValueType>, const ValueType&)> cost;

  // Attributes of the short form alone (`filters`, `kernel`, `units`, `bias`); `expand` turns them,
  // with the types of the data operands, into parameters, and may fill in ordinary attributes (the
  // padding that keeps the size): they are what the user wrote, not checked yet. Null: the operator
  // takes no parameters and has nothing to fill in.
  std::vector<AttributeSpec> construction_attributes;
  std::function<absl::StatusOr<std::vector<ParameterRequest>>(
      const Attributes& construction, std::span<const ValueType> data, Attributes& attributes)>
      expand;
};

// CheckAttributes with the operator's specs, then `complete`.
absl::StatusOr<Attributes> CheckAttributes(const OperatorSpec& op, const Attributes& given);

// How many data operands the operator declares, a variadic one counted once.
int DataOperandCount(const OperatorSpec& op);

// The spec of operand `position` of a layer with `operand_count` operands (of which a variadic one
// takes what the others leave). Crashes if the layer can have no such operand.
const OperandSpec& OperandAt(const OperatorSpec& op, int position, int operand_count);

// "zeros", "ones", "he_normal", "xavier_uniform": values of the `parameter` operator's attribute
// `initializer`.
std::string_view Name(Initializer initializer);
absl::StatusOr<Initializer> ParseInitializer(std::string_view name);

}  // namespace graft::arch

#endif  // GRAFT_COMMON_ARCH_OPERATOR_SPEC_H_
