#include "common/tensor/named_tensors.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/strings.h"

namespace graft::tensor {

absl::Status NamedTensors::Insert(std::string name, Tensor tensor) {
  const auto [position, inserted] = tensors_.try_emplace(std::move(name), std::move(tensor));
  if (inserted) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat("there is a tensor named ", base::JsonQuote(position->first), " already"));
}

void NamedTensors::Set(std::string name, Tensor tensor) {
  tensors_.insert_or_assign(std::move(name), std::move(tensor));
}

const Tensor* NamedTensors::Find(std::string_view name) const {
  const auto position = tensors_.find(name);
  return position == tensors_.end() ? nullptr : &position->second;
}

Tensor* NamedTensors::FindMutable(std::string_view name) {
  const auto position = tensors_.find(name);
  return position == tensors_.end() ? nullptr : &position->second;
}

const Tensor& NamedTensors::Get(std::string_view name) const {
  const Tensor* const tensor = Find(name);
  GRAFT_CHECK(tensor != nullptr) << "no tensor named " << base::JsonQuote(name);
  return *tensor;
}

bool NamedTensors::Erase(std::string_view name) {
  const auto position = tensors_.find(name);
  if (position == tensors_.end()) return false;
  tensors_.erase(position);
  return true;
}

size_t NamedTensors::TotalSizeBytes() const {
  size_t total = 0;
  for (const auto& [name, tensor] : tensors_) total += tensor.size_bytes();
  return total;
}

}  // namespace graft::tensor
