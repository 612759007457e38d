// The canonical encoding: what is hashed is written with this, never with protobuf, whose
// serialisation is not unique.
//
// A value is a tag byte and a body. All integers are little-endian and 8 bytes long.
//
//   tag   value   body
//   0x01  u64     8 bytes
//   0x02  i64     8 bytes, two's complement
//   0x03  f64     8 bytes, IEEE 754 binary64; never NaN, and never -0.0 (written as +0.0)
//   0x04  bool    1 byte, 0x00 or 0x01
//   0x05  bytes   u64 length (no tag), then that many bytes
//   0x06  string  u64 length (no tag), then that many bytes of UTF-8
//   0x07  list    u64 count (no tag), then that many values
//
// A record is its fields in a fixed order, opened by a string that names format and version
// ("graft.weights.v1"). A map is a list of keys and values in ascending order of the keys' bytes.
// An optional value is a list of none or one. Two different values never have the same bytes, and a
// decoder accepts no other bytes than those the encoder writes.
//
// Test vectors: tests/unit/digest/canonical_test.cc.
#ifndef GRAFT_COMMON_DIGEST_CANONICAL_H_
#define GRAFT_COMMON_DIGEST_CANONICAL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/digest/sha256.h"

namespace graft::digest {

// Appends values to a byte string. The first value that cannot be encoded (NaN, a string that is
// not UTF-8) is remembered and returned by Finish, so that a caller checks once. Not thread-safe.
class CanonicalEncoder {
 public:
  CanonicalEncoder& U64(uint64_t value);
  CanonicalEncoder& I64(int64_t value);
  CanonicalEncoder& F64(double value);
  CanonicalEncoder& Bool(bool value);
  CanonicalEncoder& Bytes(std::string_view value);
  CanonicalEncoder& String(std::string_view value);
  // The next `count` values are the list's elements.
  CanonicalEncoder& List(uint64_t count);

  // All bytes so far, or INVALID_ARGUMENT.
  absl::StatusOr<std::string> Finish() &&;

 private:
  void AppendTag(uint8_t tag);
  void AppendFixed64(uint64_t value);

  std::string bytes_;
  absl::Status status_;
};

// The SHA-256 of what `encoder` holds, or its error.
absl::StatusOr<Sha256Digest> CanonicalDigest(CanonicalEncoder encoder);

// Reads values in the order in which they were written. Every error is INVALID_ARGUMENT and names
// the position: another type than asked for, a body cut short, or bytes an encoder never writes.
// After an error the decoder stands where it was. Borrows the bytes. Not thread-safe.
class CanonicalDecoder {
 public:
  explicit CanonicalDecoder(std::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<uint64_t> U64();
  absl::StatusOr<int64_t> I64();
  absl::StatusOr<double> F64();
  absl::StatusOr<bool> Bool();
  // Views into the decoder's input.
  absl::StatusOr<std::string_view> Bytes();
  absl::StatusOr<std::string_view> String();
  // The number of elements that follow. At most `limit`, and never more than the bytes left could
  // hold, so that it is safe to reserve memory for them.
  absl::StatusOr<uint64_t> List(uint64_t limit);

  // OK if every byte has been read.
  absl::Status ExpectEnd() const;

  // Bytes read so far.
  uint64_t position() const { return position_; }

 private:
  // The body of `body_size` bytes after a tag at the current position; does not advance.
  absl::StatusOr<std::string_view> PeekBody(uint8_t tag, std::string_view type,
                                            uint64_t body_size) const;
  absl::StatusOr<std::string_view> LengthPrefixed(uint8_t tag, std::string_view type);
  absl::Status Error(std::string_view problem) const;

  std::string_view bytes_;
  uint64_t position_ = 0;
};

}  // namespace graft::digest

#endif  // GRAFT_COMMON_DIGEST_CANONICAL_H_
