#include "services/controller/wire/resource_names.h"

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::controller {
namespace {

constexpr std::int32_t kDefaultPageSize = 50;
constexpr std::int32_t kMaxPageSize = 1000;

// The kinds of cursors; the first character of a token's text.
constexpr char kNumber = 'n';
constexpr char kText = 't';
constexpr char kRank = 'r';
constexpr char kLog = 'l';

absl::Status BadName(std::string_view field, std::string_view form) {
  return base::InvalidFieldError(field, absl::StrCat("expected `", base::ToAbsl(form), "`"));
}

absl::Status BadToken() {
  return base::InvalidFieldError("page_token", "is not a token that this list gave");
}

// Decimal digits without sign or leading zeros: a name is unique.
bool ParseNumber(absl::string_view text, std::int64_t* number) {
  return absl::SimpleAtoi(text, number) && absl::StrCat(*number) == text && *number >= 0;
}

absl::StatusOr<std::string> ParseMember(std::string_view collection, std::string_view field,
                                        std::string_view name) {
  absl::string_view member = base::ToAbsl(name);
  if (!absl::ConsumePrefix(&member, base::ToAbsl(collection)) || member.empty()) {
    return BadName(field, absl::StrCat(base::ToAbsl(collection), "..."));
  }
  return std::string(member);
}

std::string MakeToken(char kind, std::string_view text) {
  return absl::WebSafeBase64Escape(absl::StrCat(std::string(1, kind), base::ToAbsl(text)));
}

// The text of a token of `kind`; absent for the first page.
absl::StatusOr<std::optional<std::string>> ParseToken(char kind, std::string_view token) {
  if (token.empty()) return std::nullopt;
  std::string text;
  if (!absl::WebSafeBase64Unescape(base::ToAbsl(token), &text) || text.empty() || text[0] != kind) {
    return BadToken();
  }
  return text.substr(1);
}

}  // namespace

absl::StatusOr<SearchId> ParseSearchName(std::string_view field, std::string_view name) {
  SearchId id;
  absl::string_view number = base::ToAbsl(name);
  if (!absl::ConsumePrefix(&number, "searches/") || !ParseNumber(number, &id.number)) {
    return BadName(field, "searches/{number}");
  }
  return id;
}

absl::StatusOr<TrialId> ParseTrialName(std::string_view field, std::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(base::ToAbsl(name), '/');
  TrialId id;
  if (parts.size() != 4 || parts[0] != "searches" || parts[2] != "trials" ||
      !ParseNumber(parts[1], &id.search.number) || !ParseNumber(parts[3], &id.number)) {
    return BadName(field, "searches/{number}/trials/{number}");
  }
  return id;
}

absl::StatusOr<std::string> ParseNetworkName(std::string_view field, std::string_view name) {
  return ParseMember("networks/", field, name);
}

absl::StatusOr<std::string> ParseDatasetName(std::string_view field, std::string_view name) {
  return ParseMember("datasets/", field, name);
}

std::string NetworkName(const digest::NetworkDigest& digest) {
  return absl::StrCat("networks/", digest.ToString());
}

std::string DatasetName(std::string_view name) {
  return absl::StrCat("datasets/", base::ToAbsl(name));
}

absl::StatusOr<std::size_t> ParsePageSize(std::int32_t page_size) {
  if (page_size < 0 || page_size > kMaxPageSize) {
    return base::InvalidFieldError("page_size", absl::StrCat("expected 0 to ", kMaxPageSize));
  }
  return static_cast<std::size_t>(page_size == 0 ? kDefaultPageSize : page_size);
}

std::string PageToken(const std::optional<std::int64_t>& cursor) {
  return cursor ? MakeToken(kNumber, absl::StrCat(*cursor)) : "";
}

std::string PageToken(const std::optional<std::string>& cursor) {
  return cursor ? MakeToken(kText, *cursor) : "";
}

std::string PageToken(const std::optional<RankCursor>& cursor) {
  // 17 digits bring a double back to the bit.
  return cursor ? MakeToken(kRank, absl::StrFormat("%.17g %d", cursor->value, cursor->trial)) : "";
}

std::string PageToken(const LogPosition& position) {
  return MakeToken(kLog, absl::StrCat(position.attempt, " ", position.line));
}

absl::StatusOr<std::optional<std::int64_t>> ParseNumberToken(std::string_view token) {
  ASSIGN_OR_RETURN(const std::optional<std::string> text, ParseToken(kNumber, token));
  if (!text.has_value()) return std::nullopt;
  std::int64_t number = 0;
  if (!ParseNumber(*text, &number)) return BadToken();
  return number;
}

absl::StatusOr<std::optional<std::string>> ParseTextToken(std::string_view token) {
  return ParseToken(kText, token);
}

absl::StatusOr<std::optional<RankCursor>> ParseRankToken(std::string_view token) {
  ASSIGN_OR_RETURN(const std::optional<std::string> text, ParseToken(kRank, token));
  if (!text.has_value()) return std::nullopt;
  const std::vector<absl::string_view> parts = absl::StrSplit(*text, ' ');
  RankCursor cursor;
  if (parts.size() != 2 || !absl::SimpleAtod(parts[0], &cursor.value) ||
      !ParseNumber(parts[1], &cursor.trial)) {
    return BadToken();
  }
  return cursor;
}

absl::StatusOr<LogPosition> ParseLogToken(std::string_view token) {
  ASSIGN_OR_RETURN(const std::optional<std::string> text, ParseToken(kLog, token));
  if (!text.has_value()) return LogPosition{};
  const std::vector<absl::string_view> parts = absl::StrSplit(*text, ' ');
  LogPosition position;
  if (parts.size() != 2 || !ParseNumber(parts[0], &position.attempt) ||
      !ParseNumber(parts[1], &position.line)) {
    return BadToken();
  }
  return position;
}

}  // namespace graft::controller
