#include "common/base/check.h"
#include "common/data/mat_file.h"
#include "tests/fuzz/fuzz_target.h"

namespace graft::fuzz {

bool DecodeAndCheck(std::string_view input) {
  const absl::StatusOr<data::MatFile> file =
      data::MatFile::Open(WriteScratchFile("input.mat", input) + "/input.mat");
  if (!file.ok()) return false;
  bool accepted = false;
  for (const char* name : {"X", "y"}) {
    const absl::StatusOr<data::MatArray> array = file->Read(name);
    if (!array.ok()) continue;
    GRAFT_CHECK(array->values.size() == static_cast<std::size_t>(array->shape.ElementCount()));
    const absl::StatusOr<data::MatArray> again = file->Read(name);
    GRAFT_CHECK_OK(again.status());
    GRAFT_CHECK(again->shape == array->shape && again->values == array->values);
    accepted = true;
  }
  return accepted;
}

std::vector<std::string> Seeds() { return ReadFiles("tests/golden/data", {".mat"}); }

}  // namespace graft::fuzz
