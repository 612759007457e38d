#include "common/base/status_macros.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/cord.h"

namespace graft::base {
namespace {

absl::Status Propagate(const absl::Status& status, bool* reached_end) {
  RETURN_IF_ERROR(status);
  *reached_end = true;
  return absl::OkStatus();
}

absl::StatusOr<int> AddOne(absl::StatusOr<std::unique_ptr<int>> input) {
  ASSIGN_OR_RETURN(const std::unique_ptr<int> value, std::move(input));
  return *value + 1;
}

TEST(StatusMacrosTest, ReturnIfErrorReturnsTheErrorAndPassesOk) {
  bool reached_end = false;
  EXPECT_EQ(Propagate(absl::NotFoundError("gone"), &reached_end), absl::NotFoundError("gone"));
  EXPECT_FALSE(reached_end);
  EXPECT_TRUE(Propagate(absl::OkStatus(), &reached_end).ok());
  EXPECT_TRUE(reached_end);
}

TEST(StatusMacrosTest, AssignOrReturnMovesTheValueOrReturnsTheError) {
  EXPECT_EQ(*AddOne(std::make_unique<int>(41)), 42);
  EXPECT_EQ(AddOne(absl::AbortedError("no")).status(), absl::AbortedError("no"));
}

TEST(StatusMacrosTest, AnnotateKeepsCodeAndPayload) {
  absl::Status status = absl::DataLossError("torn");
  status.SetPayload("type", absl::Cord("payload"));
  const absl::Status annotated = Annotate(status, "reading blob X");
  EXPECT_EQ(annotated.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(annotated.message(), "reading blob X: torn");
  EXPECT_EQ(annotated.GetPayload("type"), absl::Cord("payload"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "reading").ok());
}

}  // namespace
}  // namespace graft::base
