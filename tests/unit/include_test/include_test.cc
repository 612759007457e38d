// Compares every include below common/ and services/ with the table of dependencies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/include_test/include_rules.h"

namespace graft::include_test {
namespace {

namespace fs = std::filesystem;

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  EXPECT_TRUE(file.good()) << path;
  return content.str();
}

bool IsSource(const fs::path& path) {
  const std::string extension = path.extension();
  return extension == ".h" || extension == ".cc" || extension == ".cu" || extension == ".cuh";
}

TEST(IncludeTest, EveryIncludeIsInTheTableOfDependencies) {
  const char* source_dir = std::getenv("GRAFT_SOURCE_DIR");
  const fs::path root = source_dir != nullptr ? source_dir : ".";
  int includes_of_base = 0;
  for (const char* top : {"common", "services"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / top)) {
      if (!entry.is_regular_file() || !IsSource(entry.path())) continue;
      const std::string path = entry.path().lexically_relative(root);
      const std::string content = ReadFile(entry.path());
      for (const Violation& violation : CheckIncludes(path, content)) {
        ADD_FAILURE() << path << ":" << violation.line << ": " << violation.include << ": "
                      << violation.reason;
      }
      if (content.find("#include \"common/base/") != std::string::npos) ++includes_of_base;
    }
  }
  // The walk has seen the tree.
  EXPECT_GT(includes_of_base, 50);
}

struct Include {
  std::string name;
  std::string path;
  std::string line;
};

class AllowedIncludeTest : public ::testing::TestWithParam<Include> {};

TEST_P(AllowedIncludeTest, IsNoViolation) {
  const auto violations = CheckIncludes(GetParam().path, GetParam().line);
  EXPECT_TRUE(violations.empty()) << violations[0].reason;
}

INSTANTIATE_TEST_SUITE_P(
    Includes, AllowedIncludeTest,
    ::testing::Values(
        Include{"Itself", "common/arch/expand.cc", "#include \"common/arch/expand.h\""},
        Include{"ANeed", "common/arch/expand.cc", "#include \"common/digest/sha256.h\""},
        Include{"ANeedOfANeed", "common/space/a.cc", "#include \"common/base/check.h\""},
        Include{"DataInRunner", "common/runner/a.cc", "#include \"common/data/dataset.h\""},
        Include{"OneDnnInCpu", "common/engine/cpu/a.cc", "#include <dnnl.hpp>"},
        Include{"CudaInCuda", "common/engine/cuda/a.cu", "#include <cuda_runtime.h>"},
        Include{"ProtoInWire", "common/wire/a.cc", "#include \"proto/graft/v1/trial.pb.h\""},
        Include{"GrpcInAService", "services/worker/a.cc", "#include <grpcpp/grpcpp.h>"},
        Include{"OwnService", "services/worker/a.cc", "#include \"services/worker/trainer/b.h\""},
        Include{"RunnerInTrainer", "services/worker/trainer/a.cc",
                "#include \"common/runner/runner.h\""},
        Include{"EngineInTrainer", "services/worker/trainer/a.cc",
                "#include \"common/engine/backend.h\""},
        Include{"SpaceInPolicy", "services/controller/policy/a.cc",
                "#include \"common/space/search_space.h\""},
        Include{"SociInStorage", "services/controller/storage/a.cc", "#include <soci/soci.h>"},
        Include{"PngInData", "common/data/a.cc", "#include <png.h>"},
        Include{"System", "common/base/a.cc", "#include <vector>"}),
    [](const auto& test) { return test.param.name; });

class ForbiddenIncludeTest : public ::testing::TestWithParam<Include> {};

TEST_P(ForbiddenIncludeTest, IsAViolation) {
  const auto violations = CheckIncludes(GetParam().path, "\n" + GetParam().line + "\n");
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].line, 2);
}

INSTANTIATE_TEST_SUITE_P(
    Includes, ForbiddenIncludeTest,
    ::testing::Values(
        Include{"Upwards", "common/base/a.cc", "#include \"common/arch/architecture.h\""},
        Include{"UpwardsFromANeed", "common/digest/a.cc", "#include \"common/tensor/shape.h\""},
        Include{"TransformFromArch", "common/arch/operators/a.cc",
                "#include \"common/transform/edit.h\""},
        Include{"EngineFromTrial", "common/trial/a.h", "#include \"common/engine/backend.h\""},
        Include{"TaskFromEngine", "common/engine/a.cc",
                "#include \"common/task/image_classification.h\""},
        Include{"WireFromRunner", "common/runner/a.cc", "#include \"common/wire/trial_wire.h\""},
        Include{"AServiceFromCommon", "common/rpc/a.cc", "#include \"services/worker/b.h\""},
        Include{"AnotherService", "services/cli/a.cc", "#include \"services/controller/b.h\""},
        Include{"RunnerInWorker", "services/worker/a.cc", "#include \"common/runner/runner.h\""},
        Include{"EngineInController", "services/controller/a.cc",
                "#include \"common/engine/backend.h\""},
        Include{"EngineInPolicy", "services/controller/policy/a.cc",
                "#include \"common/engine/backend.h\""},
        Include{"StorageInPolicy", "services/controller/policy/a.cc",
                "#include \"services/controller/storage/b.h\""},
        Include{"GrpcInPolicy", "services/controller/policy/a.cc", "#include <grpcpp/grpcpp.h>"},
        Include{"ProtoInPolicy", "services/controller/policy/a.cc",
                "#include \"proto/graft/v1/trial.pb.h\""},
        Include{"WireInPolicy", "services/controller/policy/a.cc",
                "#include \"common/wire/trial_wire.h\""},
        Include{"OneDnnInReference", "common/engine/reference/a.cc", "#include <dnnl.hpp>"},
        Include{"OneDnnOfAnotherSpelling", "common/engine/a.cc",
                "  #  include \"oneapi/dnnl/dnnl.hpp\"  // why"},
        Include{"CudaInCpu", "common/engine/cpu/a.cc", "#include <cuda_runtime.h>"},
        Include{"ProtoInArch", "common/arch/a.h", "#include \"proto/graft/v1/trial.pb.h\""},
        Include{"ProtobufInTrial", "common/trial/a.h", "#include <google/protobuf/struct.pb.h>"},
        Include{"GrpcInWire", "common/wire/a.cc", "#include <grpcpp/grpcpp.h>"},
        Include{"SociInCore", "services/controller/core/a.cc", "#include <soci/soci.h>"},
        Include{"PngInTheCommandLine", "services/cli/a.cc", "#include <png.h>"},
        Include{"JpegInRunner", "common/runner/a.cc", "#include <jpeglib.h>"},
        Include{"MatioInTask", "common/task/a.cc", "#include <matio.h>"},
        Include{"NotRooted", "common/arch/a.cc", "#include \"architecture.h\""},
        Include{"FolderWithoutARule", "common/novel/a.cc", "#include <vector>"},
        Include{"FolderWithASimilarName", "common/archive/a.cc", "#include <vector>"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace graft::include_test
