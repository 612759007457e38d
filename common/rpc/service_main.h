// What the main functions of the services share.
#ifndef GRAFT_COMMON_RPC_SERVICE_MAIN_H_
#define GRAFT_COMMON_RPC_SERVICE_MAIN_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/rpc/shutdown_signal.h"

namespace google::protobuf {
class Message;
}

namespace graft::rpc {

// Exit codes of every program of Graft.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

// A flag that overrides one single-valued field of the configuration.
struct FlagOverride {
  std::string flag;   // "--listen"
  std::string field;  // "server.listen"
  std::string help;   // "Address to listen on, host:port"
};

struct ServiceProgram {
  std::string name;         // "graft-weight-store"
  std::string description;  // for --help
  // Holds the defaults at first and what file and flags make of them when `run` is called.
  // Borrowed.
  google::protobuf::Message* config = nullptr;
  std::vector<FlagOverride> overrides;
  // The service: starts, calls `signal->Wait()`, drains. INVALID_ARGUMENT is taken for a bad
  // configuration.
  std::function<absl::Status(ShutdownSignal* signal)> run;
};

// Parses --config FILE, --print-config, --log-level LEVEL, --version, --help and the overrides,
// loads the configuration, sets up logging and runs the program. Returns the exit code: errors of
// usage and configuration are kExitUsage. Call it first thing in main, before any thread is
// started.
int ServiceMain(int argc, char** argv, const ServiceProgram& program);

}  // namespace graft::rpc

#endif  // GRAFT_COMMON_RPC_SERVICE_MAIN_H_
