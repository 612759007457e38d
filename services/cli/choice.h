// Arguments that are one of several names.
#ifndef GRAFT_SERVICES_CLI_CHOICE_H_
#define GRAFT_SERVICES_CLI_CHOICE_H_

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace graft::cli {

// For CLI::Option::transform: an option of an enumeration takes the name of a choice, which is in
// small letters, in any case. Another one is a usage error that lists them.
template <typename Enum>
CLI::Validator OneOf(const std::map<std::string, Enum>& choices) {
  return {[choices](std::string& text) -> std::string {
            const auto chosen = choices.find(absl::AsciiStrToLower(text));
            if (chosen == choices.end()) {
              const auto name = [](std::string* out, const auto& choice) { *out += choice.first; };
              return absl::StrCat("expected one of ", absl::StrJoin(choices, ", ", name),
                                  "; got \"", text, "\"");
            }
            text = std::to_string(static_cast<int>(chosen->second));
            return "";
          },
          /*validator_desc=*/""};
}

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_CHOICE_H_
