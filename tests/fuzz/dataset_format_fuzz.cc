#include "common/base/check.h"
#include "common/data/dataset_format.h"
#include "tests/fuzz/fuzz_target.h"

namespace graft::fuzz {

bool DecodeAndCheck(std::string_view input) {
  const absl::StatusOr<data::DatasetHeader> header = data::DecodeDatasetHeader(input);
  const absl::StatusOr<data::Dataset> dataset = data::DecodeDataset(input);
  if (!dataset.ok()) return false;
  GRAFT_CHECK_OK(header.status());
  GRAFT_CHECK(header->size_bytes == input.size());
  GRAFT_CHECK(header->image_shape == dataset->image_shape());
  GRAFT_CHECK(header->train_images == dataset->train().count());
  GRAFT_CHECK(header->test_images == dataset->test().count());
  GRAFT_CHECK(data::EncodeDataset(*dataset) == input);
  return true;
}

std::vector<std::string> Seeds() {
  return {data::EncodeDataset(data::Dataset::Create({.image_shape = {2, 1, 3},
                                                     .class_names = {"cat", "dog"},
                                                     .train = {{1, 2, 3, 4, 5, 6}, {1}},
                                                     .test = {{6, 5, 4, 3, 2, 1}, {0}}})
                                  .value())};
}

}  // namespace graft::fuzz
