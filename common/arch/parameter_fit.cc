#include "common/arch/parameter_fit.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/strings.h"

namespace graft::arch {

absl::Status CheckParameterFit(const Architecture& architecture,
                               std::span<const StoredTensor> tensors) {
  std::map<std::string_view, const StoredTensor*> by_name;
  for (const StoredTensor& tensor : tensors) by_name.emplace(tensor.name, &tensor);
  for (const NodeIndex index : architecture.parameters()) {
    const Node& node = architecture.node(index);
    const std::string name = architecture.TensorName(index);
    const tensor::Shape& shape = node.type.shape;
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " (", node.id, ") of shape ",
                                                     shape.ToString(), " is missing"));
    }
    const StoredTensor& tensor = *found->second;
    if (tensor.dtype != tensor::DType::kFloat32 || tensor.shape != shape) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor ", name, " (", node.id, ") must be float32 of shape ", shape.ToString(), ", got ",
          base::ToAbsl(tensor::Name(tensor.dtype)), " of shape ", tensor.shape.ToString()));
    }
    by_name.erase(found);
  }
  if (by_name.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("tensor ", base::ToAbsl(by_name.begin()->first), " belongs to no parameter"));
}

}  // namespace graft::arch
