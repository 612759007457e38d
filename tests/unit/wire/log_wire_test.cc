#include "common/wire/log_wire.h"

#include <gtest/gtest.h>

#include <string>

namespace graft::wire {
namespace {

using trial::LogEntry;
using trial::LogSeverity;

LogEntry Entry(const std::string& message) {
  return {.line = 7,
          .time = absl::FromUnixMicros(1'700'000'000'123'456),
          .severity = LogSeverity::kWarning,
          .message = message};
}

TEST(LogWireTest, LinesComeBackAsTheyWere) {
  for (const LogSeverity severity :
       {LogSeverity::kInfo, LogSeverity::kWarning, LogSeverity::kError}) {
    LogEntry entry = Entry("epoch 1: gr\xC3\xBCn");
    entry.severity = severity;
    EXPECT_EQ(FromProto(ToProto(entry)), entry);
  }
}

TEST(LogWireTest, MessagesAreOneShortLineOfReadableText) {
  EXPECT_EQ(ToProto(Entry("a\nb\x1b[31mc\x80")).message(), "a b [31mc?");
  EXPECT_EQ(ToProto(Entry(std::string(5'000, 'x'))).message().size(), trial::kMaxLogMessageBytes);
  v1::TrialLogEntry proto = ToProto(Entry(""));
  proto.set_message(std::string("before\0after", 12));
  EXPECT_EQ(FromProto(proto).message, "before after");
}

TEST(LogWireTest, WhatIsUnknownOrForbiddenIsReplaced) {
  v1::TrialLogEntry proto;
  proto.set_severity(static_cast<v1::LogSeverity>(99));
  proto.mutable_time()->set_nanos(-1);
  const LogEntry entry = FromProto(proto);
  EXPECT_EQ(entry.severity, LogSeverity::kInfo);
  EXPECT_EQ(entry.time, absl::UnixEpoch());
}

}  // namespace
}  // namespace graft::wire
