#ifndef GRAFT_COMMON_WEIGHTS_JSON_READER_H_
#define GRAFT_COMMON_WEIGHTS_JSON_READER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace graft::weights {

// Reads the subset of JSON (RFC 8259) that a safetensors header consists of: objects, arrays,
// strings and unsigned integers, in the order of the text. The caller asks for what must come next,
// so that there is no tree, no recursion and no limit on depth. Every error is INVALID_ARGUMENT and
// names the position. Borrows the text. Not thread-safe.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  // Skips white space and takes one character, '{' or ',' for example.
  absl::Status Expect(char c);

  // Skips white space and takes `c` if it comes next.
  bool TryTake(char c);

  // A string without its quotes and escapes, valid UTF-8.
  absl::StatusOr<std::string> String();

  // An integer without sign, fraction, exponent or leading zeros, below 2^63.
  absl::StatusOr<uint64_t> UnsignedInteger();

  // OK if only white space is left.
  absl::Status ExpectEnd();

  // INVALID_ARGUMENT with the position and `problem`.
  absl::Status Error(std::string_view problem) const;

 private:
  void SkipWhiteSpace();
  absl::Status AppendEscape(std::string* out);
  absl::StatusOr<uint32_t> HexQuad();

  std::string_view text_;
  size_t position_ = 0;
};

}  // namespace graft::weights

#endif  // GRAFT_COMMON_WEIGHTS_JSON_READER_H_
