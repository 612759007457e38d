#include "common/wire/time_wire.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace graft::wire {
namespace {

constexpr std::int64_t kMinTimestampSeconds = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr std::int64_t kMaxTimestampSeconds = 253'402'300'799;  // 9999-12-31T23:59:59Z
constexpr std::int64_t kMaxDurationSeconds = 315'576'000'000;
constexpr std::int32_t kMaxNanos = 999'999'999;

}  // namespace

google::protobuf::Timestamp ToProto(absl::Time time) {
  time = std::clamp(time, absl::FromUnixSeconds(kMinTimestampSeconds),
                    absl::FromUnixSeconds(kMaxTimestampSeconds));
  google::protobuf::Timestamp proto;
  const std::int64_t seconds = absl::ToUnixSeconds(time);  // rounds down
  proto.set_seconds(seconds);
  proto.set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return proto;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  const absl::Duration limit = absl::Seconds(kMaxDurationSeconds);
  duration = std::clamp(duration, -limit, limit);
  google::protobuf::Duration proto;
  absl::Duration rest;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  proto.set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(rest)));
  return proto;
}

absl::StatusOr<absl::Time> FromProto(const google::protobuf::Timestamp& proto) {
  if (proto.seconds() < kMinTimestampSeconds || proto.seconds() > kMaxTimestampSeconds ||
      proto.nanos() < 0 || proto.nanos() > kMaxNanos) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a time: ", proto.seconds(), " s and ", proto.nanos(), " ns"));
  }
  return absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

absl::StatusOr<absl::Duration> FromProto(const google::protobuf::Duration& proto) {
  const bool in_bounds = proto.seconds() >= -kMaxDurationSeconds &&
                         proto.seconds() <= kMaxDurationSeconds && proto.nanos() >= -kMaxNanos &&
                         proto.nanos() <= kMaxNanos;
  const bool same_sign =
      proto.seconds() == 0 || proto.nanos() == 0 || (proto.seconds() < 0) == (proto.nanos() < 0);
  if (!in_bounds || !same_sign) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a duration: ", proto.seconds(), " s and ", proto.nanos(), " ns"));
  }
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

}  // namespace graft::wire
