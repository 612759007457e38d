#ifndef GRAFT_COMMON_TENSOR_SHAPE_H_
#define GRAFT_COMMON_TENSOR_SHAPE_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace graft::tensor {

// The extents of a tensor, outermost first; row-major order is implied. Valid by construction: at
// most kMaxRank dimensions, none negative, and the elements' number (even times 16 bytes) fits an
// int64_t. Rank 0 is a scalar with one element; a dimension of 0 makes an empty tensor. A value.
class Shape {
 public:
  static constexpr int kMaxRank = 8;

  // A scalar.
  Shape() = default;

  // Dimensions known to be valid: crashes otherwise. For anything read from outside use Create.
  Shape(std::initializer_list<int64_t> dimensions);

  // INVALID_ARGUMENT if the dimensions break a rule above.
  static absl::StatusOr<Shape> Create(std::span<const int64_t> dimensions);

  int rank() const { return rank_; }
  // The extent of axis 0 <= axis < rank().
  int64_t dim(int axis) const;
  std::span<const int64_t> dims() const { return {dimensions_.data(), size_t(rank_)}; }

  // The product of the dimensions.
  int64_t ElementCount() const { return element_count_; }

  // "[4,3,3,3]"; "[]" for a scalar.
  std::string ToString() const;

  friend bool operator==(const Shape&, const Shape&) = default;

  template <typename H>
  friend H AbslHashValue(H state, const Shape& shape) {
    return H::combine(std::move(state), shape.rank_, shape.dimensions_);
  }

 private:
  // Unused dimensions are 0, so that the default comparison is right.
  std::array<int64_t, kMaxRank> dimensions_{};
  int rank_ = 0;
  int64_t element_count_ = 1;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape);

}  // namespace graft::tensor

#endif  // GRAFT_COMMON_TENSOR_SHAPE_H_
