// Whether stored tensors are the parameters of an architecture.
#ifndef GRAFT_COMMON_ARCH_PARAMETER_FIT_H_
#define GRAFT_COMMON_ARCH_PARAMETER_FIT_H_

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "common/arch/architecture.h"
#include "common/tensor/dtype.h"
#include "common/tensor/shape.h"

namespace graft::arch {

// What is known of a tensor without its elements. Borrows.
struct StoredTensor {
  std::string_view name;
  tensor::DType dtype;
  const tensor::Shape& shape;
};

// OK if `tensors`, in any order, are the architecture's parameters by Architecture::TensorName, no
// more and no less. INVALID_ARGUMENT names the first that is missing, of another type or shape, or
// belongs to no parameter.
absl::Status CheckParameterFit(const Architecture& architecture,
                               std::span<const StoredTensor> tensors);

}  // namespace graft::arch

#endif  // GRAFT_COMMON_ARCH_PARAMETER_FIT_H_
