// Points in time and durations as they travel.
#ifndef GRAFT_COMMON_WIRE_TIME_WIRE_H_
#define GRAFT_COMMON_WIRE_TIME_WIRE_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace graft::wire {

// Cut to what the message can hold: whole nanoseconds, years 1 to 9999, +-10,000 years.
google::protobuf::Timestamp ToProto(absl::Time time);
google::protobuf::Duration ToProto(absl::Duration duration);

// INVALID_ARGUMENT for values that the messages' own rules forbid.
absl::StatusOr<absl::Time> FromProto(const google::protobuf::Timestamp& proto);
absl::StatusOr<absl::Duration> FromProto(const google::protobuf::Duration& proto);

}  // namespace graft::wire

#endif  // GRAFT_COMMON_WIRE_TIME_WIRE_H_
