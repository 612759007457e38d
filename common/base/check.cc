#include "common/base/check.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

namespace graft::base::internal {

FatalMessage::FatalMessage(const char* file, int line, const char* condition) {
  stream_ << file << ":" << line << ": check failed: " << condition << " ";
}

FatalMessage::~FatalMessage() {
  stream_ << "\n";
  const std::string text = stream_.str();
  // One write and no buffering: the process is about to end.
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
  std::abort();
}

void CheckOk(const absl::Status& status, const char* file, int line, const char* expression) {
  if (ABSL_PREDICT_TRUE(status.ok())) return;
  FatalMessage(file, line, expression).stream() << status.ToString();
}

}  // namespace graft::base::internal
