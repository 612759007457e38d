// The operators' entries: one function an operator, one file a family. Internal to common/arch: the
// rest of Graft finds them in operator_registry.h, which lists each.
#ifndef GRAFT_COMMON_ARCH_OPERATORS_OPERATORS_H_
#define GRAFT_COMMON_ARCH_OPERATORS_OPERATORS_H_

#include "common/arch/operator_spec.h"

namespace graft::arch::operators {

// source.cc: nodes without operands.
OperatorSpec Input();
OperatorSpec Parameter();

// convolution.cc, linear.cc, embedding.cc
OperatorSpec Convolution();
OperatorSpec Linear();
OperatorSpec Embedding();

// attention.cc: products of values.
OperatorSpec Matmul();
OperatorSpec Attention();

// batch_norm.cc
OperatorSpec BatchNorm();

// feature_norm.cc: each example by itself.
OperatorSpec LayerNorm();
OperatorSpec RmsNorm();
OperatorSpec GroupNorm();

// activation.cc: without parameters.
OperatorSpec Relu();
OperatorSpec LeakyRelu();
OperatorSpec Relu6();
OperatorSpec Gelu();
OperatorSpec Silu();
OperatorSpec HardSwish();
OperatorSpec Sigmoid();
OperatorSpec Tanh();
OperatorSpec Softmax();

// dropout.cc
OperatorSpec Dropout();
OperatorSpec DropPath();

// quantiser.cc
OperatorSpec Sign();
OperatorSpec PowerOfTwo();

// pooling.cc, upsample.cc
OperatorSpec MaxPool();
OperatorSpec AveragePool();
OperatorSpec GlobalMaxPool();
OperatorSpec GlobalAveragePool();
OperatorSpec Upsample();

// elementwise.cc: of several values.
OperatorSpec Add();
OperatorSpec Multiply();

// structure.cc, rearrange.cc: arrangement of values.
OperatorSpec Flatten();
OperatorSpec Concat();
OperatorSpec Slice();
OperatorSpec Pad();
OperatorSpec Transpose();
OperatorSpec Tokens();
OperatorSpec FeatureMap();

// loss.cc
OperatorSpec SoftmaxCrossEntropy();
OperatorSpec SoftLabelCrossEntropy();
OperatorSpec BinaryCrossEntropy();
OperatorSpec FocalLoss();
OperatorSpec MeanSquaredError();
OperatorSpec KlDivergence();

}  // namespace graft::arch::operators

#endif  // GRAFT_COMMON_ARCH_OPERATORS_OPERATORS_H_
