// The operators' entries: one function an operator, one file a family. Internal to common/arch: the
// rest of Graft finds them in operator_registry.h, which lists each.
#ifndef GRAFT_COMMON_ARCH_OPERATORS_OPERATORS_H_
#define GRAFT_COMMON_ARCH_OPERATORS_OPERATORS_H_

#include "common/arch/operator_spec.h"

namespace graft::arch::operators {

// source.cc: nodes without operands.
OperatorSpec Input();
OperatorSpec Parameter();

// convolution.cc, linear.cc
OperatorSpec Convolution();
OperatorSpec Linear();

// batch_norm.cc
OperatorSpec BatchNorm();

// activation.cc: element by element, without parameters.
OperatorSpec Relu();
OperatorSpec Dropout();

// pooling.cc
OperatorSpec MaxPool();
OperatorSpec AveragePool();
OperatorSpec GlobalMaxPool();
OperatorSpec GlobalAveragePool();

// structure.cc: arrangement of values.
OperatorSpec Flatten();
OperatorSpec Add();
OperatorSpec Concat();

// loss.cc
OperatorSpec SoftmaxCrossEntropy();

}  // namespace graft::arch::operators

#endif  // GRAFT_COMMON_ARCH_OPERATORS_OPERATORS_H_
