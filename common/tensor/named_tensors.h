#ifndef GRAFT_COMMON_TENSOR_NAMED_TENSORS_H_
#define GRAFT_COMMON_TENSOR_NAMED_TENSORS_H_

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/tensor/tensor.h"

namespace graft::tensor {

// Tensors by name, in ascending order of the names' bytes. A value with the thread safety of
// Tensor. Pointers and references to a tensor stay valid until it is erased.
class NamedTensors {
 public:
  using Map = std::map<std::string, Tensor, std::less<>>;

  // ALREADY_EXISTS, and no change, if `name` is taken.
  absl::Status Insert(std::string name, Tensor tensor);

  // Inserts or replaces.
  void Set(std::string name, Tensor tensor);

  // Null if there is none.
  const Tensor* Find(std::string_view name) const;
  Tensor* FindMutable(std::string_view name);

  // The tensor of a name that must be there; crashes otherwise.
  const Tensor& Get(std::string_view name) const;

  bool Contains(std::string_view name) const { return Find(name) != nullptr; }
  // Whether there was such a tensor.
  bool Erase(std::string_view name);

  size_t size() const { return tensors_.size(); }
  bool empty() const { return tensors_.empty(); }
  // The sum over all tensors.
  size_t TotalSizeBytes() const;

  // Pairs of name and tensor, in order.
  Map::const_iterator begin() const { return tensors_.begin(); }
  Map::const_iterator end() const { return tensors_.end(); }
  Map::iterator begin() { return tensors_.begin(); }
  Map::iterator end() { return tensors_.end(); }

  friend bool operator==(const NamedTensors&, const NamedTensors&) = default;

 private:
  Map tensors_;
};

}  // namespace graft::tensor

#endif  // GRAFT_COMMON_TENSOR_NAMED_TENSORS_H_
