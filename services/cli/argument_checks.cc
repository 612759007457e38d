#include "services/cli/argument_checks.h"

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
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

std::optional<data::ImageSize> ParseImageSize(const std::string& text) {
  const std::vector<std::string> sides = absl::StrSplit(text, 'x');
  data::ImageSize size;
  const auto fits = [](const std::string& side, std::int64_t* extent) {
    return absl::SimpleAtoi(side, extent) && *extent >= 1 && *extent <= data::Dataset::kMaxExtent;
  };
  if (sides.size() != 2 || !fits(sides[0], &size.height) || !fits(sides[1], &size.width)) {
    return std::nullopt;
  }
  return size;
}

std::string CheckImageSize(const std::string& text) {
  if (ParseImageSize(text).has_value()) return "";
  return absl::StrCat("expected HEIGHTxWIDTH, such as 32x48, each 1 to ", data::Dataset::kMaxExtent,
                      ", got \"", text, "\"");
}

std::string CheckFraction(const std::string& text) {
  double value = 0;
  if (absl::SimpleAtod(text, &value) && value > 0 && value < 1) return "";
  return absl::StrCat("expected a number between 0 and 1, such as 0.2, got \"", text, "\"");
}

}  // namespace graft::cli
