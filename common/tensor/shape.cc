#include "common/tensor/shape.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"

namespace graft::tensor {
namespace {

constexpr int64_t kMaxElementCount = std::numeric_limits<int64_t>::max() / 16;

std::string Join(std::span<const int64_t> dimensions) {
  return absl::StrCat("[", absl::StrJoin(dimensions.begin(), dimensions.end(), ","), "]");
}

}  // namespace

absl::StatusOr<Shape> Shape::Create(std::span<const int64_t> dimensions) {
  if (dimensions.size() > size_t{kMaxRank}) {
    return absl::InvalidArgumentError(
        absl::StrCat("a shape of ", dimensions.size(), " dimensions, the limit is ", kMaxRank));
  }
  Shape shape;
  shape.rank_ = static_cast<int>(dimensions.size());
  std::copy(dimensions.begin(), dimensions.end(), shape.dimensions_.begin());
  bool empty = false;
  // Without the zeros, so that validity does not depend on where a zero stands.
  int64_t product = 1;
  for (const int64_t dimension : dimensions) {
    if (dimension < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("shape ", Join(dimensions), " has a negative dimension"));
    }
    empty = empty || dimension == 0;
    if (__builtin_mul_overflow(product, std::max<int64_t>(dimension, 1), &product) ||
        product > kMaxElementCount) {
      return absl::InvalidArgumentError(
          absl::StrCat("shape ", Join(dimensions), " has too many elements"));
    }
  }
  shape.element_count_ = empty ? 0 : product;
  return shape;
}

Shape::Shape(std::initializer_list<int64_t> dimensions) {
  absl::StatusOr<Shape> shape = Create({dimensions.begin(), dimensions.size()});
  GRAFT_CHECK_OK(shape.status());
  *this = *shape;
}

int64_t Shape::dim(int axis) const {
  GRAFT_CHECK(axis >= 0 && axis < rank_) << "axis " << axis << " of " << ToString();
  return dimensions_[axis];
}

std::string Shape::ToString() const { return Join(dims()); }

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.ToString(); }

}  // namespace graft::tensor
