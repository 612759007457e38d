#include "common/rpc/status_conversion.h"

#include <gmock/gmock.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/field_error.h"
#include "common/base/strings.h"
#include "proto/google/rpc/error_details.pb.h"

namespace graft::rpc {
namespace {

using base::FieldViolation;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

google::rpc::Status Details(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

TEST(StatusConversionTest, OkStaysOk) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
}

TEST(StatusConversionTest, EveryCodeSurvivesBothWays) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "what happened");
    EXPECT_EQ(FromGrpc(ToGrpc(status)), status);
    EXPECT_EQ(ToGrpc(status).error_code(), code);
  }
}

TEST(StatusConversionTest, FieldViolationsTravelAsBadRequest) {
  const std::vector<FieldViolation> violations = {
      {"spec.space.plain.filters[2]", "must be ascending"}, {"spec.labels.a", "tab\tand\nline"}};
  const grpc::Status sent = ToGrpc(base::InvalidFieldsError(violations));
  google::rpc::BadRequest bad_request;
  ASSERT_EQ(Details(sent).details_size(), 2);
  EXPECT_EQ(Details(sent).details(1).type_url(), "type.googleapis.com/google.rpc.BadRequest");
  ASSERT_TRUE(Details(sent).details(1).UnpackTo(&bad_request));
  EXPECT_EQ(bad_request.field_violations(0).field(), "spec.space.plain.filters[2]");
  EXPECT_EQ(bad_request.field_violations(0).description(), "must be ascending");
  EXPECT_EQ(base::FieldViolations(FromGrpc(sent)), violations);
}

TEST(StatusConversionTest, ReasonTravelsAsErrorInfo) {
  const absl::Status status =
      base::WithReason(absl::NotFoundError("no such data set"), "UNKNOWN_DATASET");
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(Details(ToGrpc(status)).details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "UNKNOWN_DATASET");
  EXPECT_EQ(info.domain(), "graft");
  EXPECT_EQ(base::ErrorReason(FromGrpc(ToGrpc(status))), "UNKNOWN_DATASET");
}

TEST(StatusConversionTest, WithoutAReasonErrorInfoNamesTheCode) {
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(Details(ToGrpc(absl::DataLossError("x"))).details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "DATA_LOSS");
  EXPECT_EQ(base::ErrorReason(FromGrpc(ToGrpc(absl::DataLossError("x")))), "");
}

TEST(StatusConversionTest, ReasonsOfOtherDomainsAreNotOurs) {
  google::rpc::ErrorInfo info;
  info.set_reason("THEIRS");
  info.set_domain("example.com");
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  const absl::Status status =
      FromGrpc(grpc::Status(grpc::StatusCode::INTERNAL, "message", details.SerializeAsString()));
  EXPECT_EQ(status, absl::InternalError("message"));
}

TEST(StatusConversionTest, LongErrorsFitTrailingMetadata) {
  std::vector<FieldViolation> violations(1000, {std::string(500, 'f'), std::string(5000, 'd')});
  const grpc::Status sent = ToGrpc(base::InvalidFieldsError(violations));
  EXPECT_LT(sent.error_message().size() + sent.error_details().size() * 4 / 3, 8192u);
  EXPECT_FALSE(base::FieldViolations(FromGrpc(sent)).empty());
}

TEST(StatusConversionTest, CuttingKeepsCharactersWhole) {
  std::string message;
  while (message.size() < 4000) message += "\xE2\x82\xAC";  // the euro sign
  EXPECT_TRUE(base::IsValidUtf8(ToGrpc(absl::InternalError(message)).error_message()));
}

TEST(StatusConversionTest, MessagesThatAreNotUtf8AreSentReadably) {
  EXPECT_EQ(ToGrpc(absl::InternalError("a\xFFz")).error_message(), "a?z");
}

TEST(StatusConversionTest, GarbageDetailsAreIgnored) {
  const grpc::Status garbage(grpc::StatusCode::NOT_FOUND, "gone", "\xFF\xFF\xFF");
  EXPECT_EQ(FromGrpc(garbage), absl::NotFoundError("gone"));
}

TEST(FieldErrorTest, PrefixIsPutBeforeEachField) {
  const std::vector<FieldViolation> violations = {{"filters", "x"}, {"[3]", "y"}, {"", "z"}};
  const absl::Status prefixed =
      base::PrefixFieldViolations("space.plain", base::InvalidFieldsError(violations));
  EXPECT_THAT(
      base::FieldViolations(prefixed),
      ElementsAre(FieldViolation{"space.plain.filters", "x"}, FieldViolation{"space.plain[3]", "y"},
                  FieldViolation{"space.plain", "z"}));
  EXPECT_EQ(std::string(prefixed.message()),
            "space.plain.filters: x; space.plain[3]: y; space.plain: z");
  EXPECT_THAT(base::FieldViolations(absl::NotFoundError("x")), IsEmpty());
}

}  // namespace
}  // namespace graft::rpc
