#include "common/tensor/tensor.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace graft::tensor {

void Tensor::FreeDeleter::operator()(char* memory) const { std::free(memory); }

Tensor::Tensor(DType dtype, const Shape& shape) : dtype_(dtype), shape_(shape) {
  if (size_bytes() == 0) return;
  const size_t rounded = (size_bytes() + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
  buffer_.reset(static_cast<char*>(std::aligned_alloc(kAlignmentBytes, rounded)));
  // As operator new says it: where memory may run out, it is caught once, around the whole trial.
  if (buffer_ == nullptr) throw std::bad_alloc();
}

Tensor Tensor::Zeros(DType dtype, const Shape& shape) {
  Tensor tensor(dtype, shape);
  if (tensor.buffer_ != nullptr) std::memset(tensor.buffer_.get(), 0, tensor.size_bytes());
  return tensor;
}

Tensor Tensor::FromFloats(const Shape& shape, std::span<const float> values) {
  GRAFT_CHECK(static_cast<size_t>(shape.ElementCount()) == values.size())
      << values.size() << " values for a tensor of shape " << shape;
  Tensor tensor(DType::kFloat32, shape);
  if (tensor.buffer_ != nullptr) {
    std::memcpy(tensor.buffer_.get(), values.data(), tensor.size_bytes());
  }
  return tensor;
}

Tensor::Tensor(const Tensor& other) : Tensor(other.dtype_, other.shape_) {
  if (buffer_ != nullptr) std::memcpy(buffer_.get(), other.buffer_.get(), size_bytes());
}

Tensor& Tensor::operator=(const Tensor& other) {
  if (this != &other) *this = Tensor(other);
  return *this;
}

Tensor::Tensor(Tensor&& other) noexcept : Tensor() { *this = std::move(other); }

Tensor& Tensor::operator=(Tensor&& other) noexcept {
  if (this == &other) return *this;
  dtype_ = std::exchange(other.dtype_, DType::kFloat32);
  shape_ = std::exchange(other.shape_, Shape{0});
  buffer_ = std::move(other.buffer_);
  return *this;
}

Tensor Tensor::Reshaped(const Shape& shape) const {
  GRAFT_CHECK(shape.ElementCount() == shape_.ElementCount()) << shape_ << " reshaped to " << shape;
  Tensor copy = *this;
  copy.shape_ = shape;
  return copy;
}

bool operator==(const Tensor& a, const Tensor& b) {
  if (a.dtype_ != b.dtype_ || a.shape_ != b.shape_) return false;
  return a.buffer_ == nullptr || std::memcmp(a.buffer_.get(), b.buffer_.get(), a.size_bytes()) == 0;
}

}  // namespace graft::tensor
