// Small string helpers that neither the standard library nor Abseil has.
#ifndef GRAFT_COMMON_BASE_STRINGS_H_
#define GRAFT_COMMON_BASE_STRINGS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace graft::base {

// The packaged Abseil was built with its own string_view: these convert at its border.
inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

// `text` as a JSON string literal, quotes included. Bytes that are not valid UTF-8 become U+FFFD.
std::string JsonQuote(std::string_view text);

// Whether `text` is well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool IsValidUtf8(std::string_view text);

// At most `max_bytes` of `text`, cut between characters, with "?" for each byte that is not UTF-8:
// a broken string would break a whole message.
std::string Readable(std::string_view text, std::size_t max_bytes);

// The same, with a space for each control character (C0, delete, C1: what moves a terminal).
std::string SingleLine(std::string_view text, std::size_t max_bytes);

// Lower-case hexadecimal, two digits a byte.
std::string HexEncode(std::span<const uint8_t> bytes);

// The inverse. INVALID_ARGUMENT unless `hex` is an even number of lower-case hexadecimal digits:
// upper case is refused so that a text form is unique.
absl::StatusOr<std::string> HexDecode(std::string_view hex);

}  // namespace graft::base

#endif  // GRAFT_COMMON_BASE_STRINGS_H_
