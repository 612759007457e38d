#include "services/cli/argument_checks.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/address.h"

namespace graft::cli {

std::string CheckListenAddress(const std::string& text) {
  const absl::StatusOr<rpc::Address> address = rpc::ParseAddress(text);
  return address.ok() ? "" : std::string(address.status().message());
}

std::string CheckServerAddress(const std::string& text) {
  const absl::StatusOr<rpc::Address> address = rpc::ParseAddress(text);
  if (address.ok() && address->port != 0) return "";
  return absl::StrCat("expected host:port, such as 127.0.0.1:7070 or [::1]:7070, got \"", text,
                      "\"");
}

std::string CheckLabel(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals != std::string::npos && equals > 0) return "";
  return absl::StrCat("expected name=value, such as example=smoke, got \"", text, "\"");
}

}  // namespace graft::cli
