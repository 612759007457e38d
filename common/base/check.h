// Crash on a broken invariant. Never for bad input: that is a Status.
#ifndef GRAFT_COMMON_BASE_CHECK_H_
#define GRAFT_COMMON_BASE_CHECK_H_

#include <sstream>

#include "absl/base/optimization.h"
#include "absl/status/status.h"

// Ends the process with file, line, the condition and the streamed message unless `condition`:
//   GRAFT_CHECK(index < size) << "index " << index << " of " << size;
#define GRAFT_CHECK(condition)           \
  ABSL_PREDICT_TRUE(condition)           \
  ? (void)0                              \
  : ::graft::base::internal::Voidify() & \
          ::graft::base::internal::FatalMessage(__FILE__, __LINE__, #condition).stream()

// The same for an absl::Status that must be OK; prints it otherwise.
#define GRAFT_CHECK_OK(expr) ::graft::base::internal::CheckOk((expr), __FILE__, __LINE__, #expr)

namespace graft::base::internal {

// Collects a message and, when destroyed, prints it and aborts.
class FatalMessage {
 public:
  FatalMessage(const char* file, int line, const char* condition);
  [[noreturn]] ~FatalMessage();
  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

// Gives the stream expression the type void; `&` binds looser than `<<`.
struct Voidify {
  void operator&(std::ostream&) const {}
};

void CheckOk(const absl::Status& status, const char* file, int line, const char* expression);

}  // namespace graft::base::internal

#endif  // GRAFT_COMMON_BASE_CHECK_H_
