#ifndef GRAFT_COMMON_TENSOR_TENSOR_H_
#define GRAFT_COMMON_TENSOR_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "common/base/check.h"
#include "common/tensor/dtype.h"
#include "common/tensor/shape.h"

namespace graft::tensor {

// Elements of one type in row-major order, in memory that starts at a multiple of 64 bytes. A
// value: a copy copies the elements, a move does not. Threads may read one tensor together; a
// writer must be alone.
class Tensor {
 public:
  static constexpr size_t kAlignmentBytes = 64;

  // float32, shape [0]; what a moved-from tensor becomes, too.
  Tensor() : shape_{0} {}

  // All bits zero.
  static Tensor Zeros(DType dtype, const Shape& shape);

  // A copy of `values`, whose number is shape.ElementCount().
  static Tensor FromFloats(const Shape& shape, std::span<const float> values);

  Tensor(const Tensor& other);
  Tensor& operator=(const Tensor& other);
  Tensor(Tensor&& other) noexcept;
  Tensor& operator=(Tensor&& other) noexcept;

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  size_t size_bytes() const {
    return static_cast<size_t>(shape_.ElementCount()) * SizeBytes(dtype_);
  }

  // The elements, size ElementCount(). T must fit the dtype (kDTypeOf<T>); crashes otherwise.
  template <typename T>
  std::span<const T> data() const {
    CheckType(kDTypeOf<T>);
    return {reinterpret_cast<const T*>(buffer_.get()), size_t(shape_.ElementCount())};
  }
  template <typename T>
  std::span<T> mutable_data() {
    CheckType(kDTypeOf<T>);
    return {reinterpret_cast<T*>(buffer_.get()), size_t(shape_.ElementCount())};
  }

  // The elements of a float32 tensor.
  std::span<const float> floats() const { return data<float>(); }
  std::span<float> mutable_floats() { return mutable_data<float>(); }

  // The memory of any tensor, size_bytes() long, in the machine's byte order.
  std::span<const char> bytes() const { return {buffer_.get(), size_bytes()}; }
  std::span<char> mutable_bytes() { return {buffer_.get(), size_bytes()}; }

  // The same elements under another shape of as many elements.
  Tensor Reshaped(const Shape& shape) const;

  // Same dtype, shape and bits (so a NaN equals itself, and 0.0 differs from -0.0).
  friend bool operator==(const Tensor& a, const Tensor& b);

 private:
  struct FreeDeleter {
    void operator()(char* memory) const;
  };

  Tensor(DType dtype, const Shape& shape);
  void CheckType(DType asked) const {
    GRAFT_CHECK(asked == dtype_) << "a tensor of " << Name(dtype_) << " read as " << Name(asked);
  }

  DType dtype_ = DType::kFloat32;
  Shape shape_;
  std::unique_ptr<char[], FreeDeleter> buffer_;  // null for an empty tensor
};

}  // namespace graft::tensor

#endif  // GRAFT_COMMON_TENSOR_TENSOR_H_
