// What the CLI prints: tables for people, JSON for programs.
#ifndef GRAFT_SERVICES_CLI_OUTPUT_H_
#define GRAFT_SERVICES_CLI_OUTPUT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace google::protobuf {
class Message;
}

namespace graft::cli {

enum class OutputFormat { kTable, kJson };

// Columns are as wide as their widest cell; numbers line up on the right.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as columns.
  void AddRow(std::vector<std::string> cells);
  std::string ToString() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Proto JSON with proto field names; default values are printed, so that scripts need no fallbacks.
std::string ToJson(const google::protobuf::Message& message, bool pretty = true);

std::string FormatPercent(double fraction);                 // "87.3 %"
std::string FormatPercent(std::optional<double> fraction);  // "-" without a value
std::string FormatCount(double count);                      // "638", "2.4 k", "3.1 M"
std::string FormatDuration(absl::Duration duration);        // "45 s", "2 min 10 s", "3 h 5 min"

// "searches/abc" -> "abc", "networks/<64 digits>" -> the first 12 digits.
std::string ShortName(std::string_view resource_name);

// "SEARCH_STATE_RUNNING" -> "running".
std::string EnumLabel(std::string_view enum_value_name, std::string_view prefix);

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_OUTPUT_H_
