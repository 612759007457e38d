#include "common/base/version.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graft::base {
namespace {

TEST(VersionTest, LineNamesProgramVersionAndRevision) {
  EXPECT_THAT(std::string(Version()), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(VersionLine("graft-worker"),
              testing::MatchesRegex("graft-worker [0-9.]+ \\(([0-9a-f]{12}|unknown)\\)"));
}

}  // namespace
}  // namespace graft::base
