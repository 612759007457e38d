#include "common/weights/manifest.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/digest/canonical.h"

namespace graft::weights {
namespace {

constexpr std::string_view kFormat = "graft.weights.v1";

absl::Status EntryError(const TensorEntry& entry, std::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor ", base::JsonQuote(std::string_view(entry.name).substr(0, kMaxNameBytes)), ": ",
      base::ToAbsl(problem)));
}

absl::Status ValidateName(const TensorEntry& entry) {
  if (entry.name.empty() || entry.name.size() > kMaxNameBytes) {
    return EntryError(entry, absl::StrCat("a name has 1 to ", kMaxNameBytes, " bytes"));
  }
  if (!base::IsValidUtf8(entry.name)) return EntryError(entry, "the name is not UTF-8");
  return absl::OkStatus();
}

absl::Status ValidateEntry(const TensorEntry& entry) {
  RETURN_IF_ERROR(ValidateName(entry));
  // Does not overflow: Shape leaves room for elements of 16 bytes.
  const uint64_t length =
      static_cast<uint64_t>(entry.shape.ElementCount()) * tensor::SizeBytes(entry.dtype);
  if (entry.length != length) {
    return EntryError(entry, absl::StrCat("has ", entry.length, " bytes, ",
                                          base::ToAbsl(tensor::Name(entry.dtype)),
                                          entry.shape.ToString(), " needs ", length));
  }
  if (entry.offset % kAlignmentBytes != 0 || (entry.length == 0 && entry.offset != 0)) {
    return EntryError(entry, absl::StrCat("offset ", entry.offset, " is not a multiple of ",
                                          kAlignmentBytes, ", or not 0 for an empty tensor"));
  }
  if (entry.offset > entry.blob.size_bytes() ||
      entry.length > entry.blob.size_bytes() - entry.offset) {
    return EntryError(entry, absl::StrCat("bytes ", entry.offset, " to +", entry.length,
                                          " are beyond the end of blob ", entry.blob.ToString()));
  }
  return absl::OkStatus();
}

absl::Status ValidateNoOverlap(const std::vector<TensorEntry>& entries) {
  std::vector<const TensorEntry*> by_place;
  for (const TensorEntry& entry : entries) {
    if (entry.length > 0) by_place.push_back(&entry);
  }
  std::sort(by_place.begin(), by_place.end(), [](const TensorEntry* a, const TensorEntry* b) {
    return std::tie(a->blob, a->offset) < std::tie(b->blob, b->offset);
  });
  for (size_t i = 1; i < by_place.size(); ++i) {
    const TensorEntry& previous = *by_place[i - 1];
    const TensorEntry& next = *by_place[i];
    if (previous.blob == next.blob && next.offset < previous.offset + previous.length) {
      return EntryError(next, absl::StrCat("overlaps tensor ", base::JsonQuote(previous.name)));
    }
  }
  return absl::OkStatus();
}

// Everything but the order of names; `entries` is sorted by them.
absl::Status Validate(const std::vector<TensorEntry>& entries) {
  if (entries.size() > kMaxTensors) {
    return absl::InvalidArgumentError(
        absl::StrCat("weights of ", entries.size(), " tensors, the limit is ", kMaxTensors));
  }
  uint64_t total = 0;
  std::set<digest::BlobDigest> blobs;
  for (const TensorEntry& entry : entries) {
    RETURN_IF_ERROR(ValidateEntry(entry));
    if (!blobs.insert(entry.blob).second) continue;
    // Each summand is below 2^63, and the sum before it below kMaxTotalBytes.
    total += entry.blob.size_bytes();
    if (total > kMaxTotalBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("the blobs of the weights have more than ", kMaxTotalBytes, " bytes"));
    }
  }
  for (size_t i = 1; i < entries.size(); ++i) {
    if (entries[i - 1].name == entries[i].name) {
      return EntryError(entries[i], "appears twice");
    }
  }
  return ValidateNoOverlap(entries);
}

bool NameLess(const TensorEntry& a, const TensorEntry& b) { return a.name < b.name; }

absl::StatusOr<tensor::DType> DecodeDType(digest::CanonicalDecoder* decoder) {
  ASSIGN_OR_RETURN(const uint64_t number, decoder->U64());
  const std::optional<tensor::DType> dtype = tensor::DTypeFromNumber(number);
  if (!dtype) return absl::InvalidArgumentError(absl::StrCat("no dtype has the number ", number));
  return *dtype;
}

absl::StatusOr<tensor::Shape> DecodeShape(digest::CanonicalDecoder* decoder) {
  ASSIGN_OR_RETURN(const uint64_t rank, decoder->List(tensor::Shape::kMaxRank));
  std::vector<int64_t> dimensions;
  for (uint64_t i = 0; i < rank; ++i) {
    ASSIGN_OR_RETURN(const uint64_t dimension, decoder->U64());
    // A value that does not fit becomes negative, which no shape has.
    dimensions.push_back(static_cast<int64_t>(dimension));
  }
  return tensor::Shape::Create(dimensions);
}

absl::StatusOr<digest::BlobDigest> DecodeBlob(digest::CanonicalDecoder* decoder) {
  ASSIGN_OR_RETURN(const std::string_view bytes, decoder->Bytes());
  ASSIGN_OR_RETURN(const digest::Sha256Digest sha256, digest::Sha256Digest::FromBytes(bytes));
  ASSIGN_OR_RETURN(const uint64_t size_bytes, decoder->U64());
  return digest::BlobDigest::Create(sha256, size_bytes);
}

absl::StatusOr<TensorEntry> DecodeEntry(digest::CanonicalDecoder* decoder) {
  ASSIGN_OR_RETURN(const std::string_view name, decoder->String());
  ASSIGN_OR_RETURN(const tensor::DType dtype, DecodeDType(decoder));
  ASSIGN_OR_RETURN(const tensor::Shape shape, DecodeShape(decoder));
  ASSIGN_OR_RETURN(const digest::BlobDigest blob, DecodeBlob(decoder));
  ASSIGN_OR_RETURN(const uint64_t offset, decoder->U64());
  ASSIGN_OR_RETURN(const uint64_t length, decoder->U64());
  return TensorEntry{std::string(name), dtype, shape, blob, offset, length};
}

absl::StatusOr<std::vector<TensorEntry>> DecodeEntries(std::string_view bytes) {
  digest::CanonicalDecoder decoder(bytes);
  ASSIGN_OR_RETURN(const std::string_view format, decoder.String());
  if (format != kFormat) {
    return absl::InvalidArgumentError(absl::StrCat("format ", base::JsonQuote(format.substr(0, 40)),
                                                   ", expected ", base::JsonQuote(kFormat)));
  }
  ASSIGN_OR_RETURN(const uint64_t count, decoder.List(kMaxTensors));
  std::vector<TensorEntry> entries;
  for (uint64_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(TensorEntry entry, DecodeEntry(&decoder));
    entries.push_back(std::move(entry));
  }
  RETURN_IF_ERROR(decoder.ExpectEnd());
  if (!std::is_sorted(entries.begin(), entries.end(), NameLess)) {
    return absl::InvalidArgumentError("the names are not in ascending order");
  }
  return entries;
}

}  // namespace

absl::StatusOr<Manifest> Manifest::Create(std::vector<TensorEntry> entries) {
  std::sort(entries.begin(), entries.end(), NameLess);
  RETURN_IF_ERROR(base::Annotate(Validate(entries), "weights manifest"));
  return Manifest(std::move(entries));
}

absl::StatusOr<Manifest> Manifest::Decode(std::string_view bytes) {
  absl::StatusOr<std::vector<TensorEntry>> entries = DecodeEntries(bytes);
  if (!entries.ok()) return base::Annotate(entries.status(), "weights manifest");
  return Create(*std::move(entries));
}

std::vector<digest::BlobDigest> Manifest::Blobs() const {
  std::set<digest::BlobDigest> blobs;
  for (const TensorEntry& entry : entries_) blobs.insert(entry.blob);
  return {blobs.begin(), blobs.end()};
}

std::string Manifest::Encode() const {
  digest::CanonicalEncoder encoder;
  encoder.String(kFormat).List(entries_.size());
  for (const TensorEntry& entry : entries_) {
    encoder.String(entry.name).U64(static_cast<uint64_t>(entry.dtype));
    encoder.List(static_cast<uint64_t>(entry.shape.rank()));
    for (const int64_t dimension : entry.shape.dims()) {
      encoder.U64(static_cast<uint64_t>(dimension));
    }
    encoder.Bytes(entry.blob.sha256().AsStringView()).U64(entry.blob.size_bytes());
    encoder.U64(entry.offset).U64(entry.length);
  }
  absl::StatusOr<std::string> bytes = std::move(encoder).Finish();
  GRAFT_CHECK_OK(bytes.status());  // names were checked at construction
  return *std::move(bytes);
}

digest::WeightsDigest Manifest::Digest() const {
  return digest::WeightsDigest(digest::BlobDigest::Of(Encode()));
}

}  // namespace graft::weights
