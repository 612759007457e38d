// Lines of trials' logs as they travel.
#ifndef GRAFT_COMMON_WIRE_LOG_WIRE_H_
#define GRAFT_COMMON_WIRE_LOG_WIRE_H_

#include "common/trial/log_entry.h"
#include "proto/graft/v1/trial_log.pb.h"

namespace graft::wire {

// Messages are cut to trial::kMaxLogMessageBytes; what is not UTF-8 and what controls a terminal is
// replaced. `attempt` and `worker` are left empty.
v1::TrialLogEntry ToProto(const trial::LogEntry& entry);
// Never fails, because a heartbeat should not for want of a line: a severity that is unknown here
// is kInfo, a time that the message's rules forbid the epoch of Unix.
trial::LogEntry FromProto(const v1::TrialLogEntry& proto);

}  // namespace graft::wire

#endif  // GRAFT_COMMON_WIRE_LOG_WIRE_H_
