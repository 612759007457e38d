#include "services/controller/policy/policy_state.h"

#include <bit>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/digest/sha256.h"

namespace graft::policy {
namespace {

std::string Finished(digest::CanonicalEncoder encoder) {
  absl::StatusOr<std::string> bytes = std::move(encoder).Finish();
  GRAFT_CHECK_OK(bytes.status());
  return *std::move(bytes);
}

std::string Seal(std::string_view body) {
  digest::CanonicalEncoder encoder;
  encoder.Bytes(digest::Sha256(body).AsStringView());
  return Finished(std::move(encoder));
}

}  // namespace

std::string SealState(digest::CanonicalEncoder encoder) {
  std::string state = Finished(std::move(encoder));
  state += Seal(state);
  return state;
}

absl::StatusOr<digest::CanonicalDecoder> OpenState(std::string_view state,
                                                   std::string_view format) {
  const std::size_t seal_size = Seal("").size();
  if (state.size() < seal_size) return absl::DataLossError("a policy's state is cut short");
  const std::string_view body = state.substr(0, state.size() - seal_size);
  if (state.substr(body.size()) != Seal(body)) {
    return absl::DataLossError("a policy's state does not match its digest");
  }
  digest::CanonicalDecoder decoder(body);
  ASSIGN_OR_RETURN(const std::string_view found, decoder.String());
  if (found != format) {
    return absl::InvalidArgumentError(absl::StrCat("a policy's state has the format `",
                                                   base::ToAbsl(found), "`, expected `",
                                                   base::ToAbsl(format), "`"));
  }
  return decoder;
}

void EncodeRng(const base::Rng& rng, digest::CanonicalEncoder& encoder) {
  const base::RngState state = rng.state();
  encoder.U64(state.seed).U64(state.stream).U64(state.position);
}

absl::StatusOr<base::Rng> DecodeRng(digest::CanonicalDecoder& decoder) {
  base::RngState state;
  ASSIGN_OR_RETURN(state.seed, decoder.U64());
  ASSIGN_OR_RETURN(state.stream, decoder.U64());
  ASSIGN_OR_RETURN(state.position, decoder.U64());
  return base::Rng(state);
}

void EncodeFloats(std::span<const float> values, digest::CanonicalEncoder& encoder) {
  std::string bytes;
  bytes.reserve(4 * values.size());
  for (const float value : values) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 0xFF);
  }
  encoder.Bytes(bytes);
}

absl::StatusOr<std::vector<float>> DecodeFloats(std::size_t count,
                                                digest::CanonicalDecoder& decoder) {
  ASSIGN_OR_RETURN(const std::string_view bytes, decoder.Bytes());
  if (bytes.size() != 4 * count) {
    return absl::InvalidArgumentError(
        absl::StrCat("a policy's state holds ", bytes.size(), " bytes of ", count, " floats"));
  }
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t bits = 0;
    for (int byte = 3; byte >= 0; --byte) {
      bits = bits << 8 | static_cast<std::uint8_t>(bytes[4 * i + byte]);
    }
    values[i] = std::bit_cast<float>(bits);
  }
  return values;
}

}  // namespace graft::policy
