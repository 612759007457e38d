#include "common/base/check.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace graft::base {
namespace {

TEST(CheckTest, PassesWithoutEvaluatingTheMessage) {
  int evaluations = 0;
  GRAFT_CHECK(true) << ++evaluations;
  GRAFT_CHECK_OK(absl::OkStatus());
  EXPECT_EQ(evaluations, 0);
}

TEST(CheckTest, BindsToNoElse) {
  bool reached_else = false;
  if (false)
    GRAFT_CHECK(false) << "not evaluated";
  else
    reached_else = true;
  EXPECT_TRUE(reached_else);
}

TEST(CheckDeathTest, FailureNamesPlaceConditionAndMessage) {
  EXPECT_DEATH(GRAFT_CHECK(1 > 2) << "of " << 3, "check_test.cc:[0-9]+: check failed: 1 > 2 of 3");
  EXPECT_DEATH(GRAFT_CHECK_OK(absl::InternalError("broken")), "INTERNAL: broken");
}

}  // namespace
}  // namespace graft::base
