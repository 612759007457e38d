#include "common/weights/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/weights/json_reader.h"
#include "common/weights/manifest.h"

namespace graft::weights {
namespace {

static_assert(std::endian::native == std::endian::little);

using tensor::DType;
using tensor::Shape;
using tensor::Tensor;

constexpr size_t kLengthBytes = 8;
constexpr std::string_view kMetadataKey = "__metadata__";
constexpr std::pair<DType, std::string_view> kDTypeNames[] = {
    {DType::kFloat32, "F32"}, {DType::kBFloat16, "BF16"}, {DType::kUint8, "U8"},
    {DType::kInt32, "I32"},   {DType::kInt64, "I64"},
};

std::string_view DTypeName(DType dtype) {
  const auto* const found = std::find_if(std::begin(kDTypeNames), std::end(kDTypeNames),
                                         [dtype](const auto& pair) { return pair.first == dtype; });
  return found->second;
}

std::optional<DType> FindDType(std::string_view name) {
  for (const auto& [dtype, dtype_name] : kDTypeNames) {
    if (dtype_name == name) return dtype;
  }
  return std::nullopt;
}

// What the header says of one tensor.
struct HeaderEntry {
  std::string name;
  std::optional<DType> dtype;
  std::optional<Shape> shape;
  std::optional<std::pair<uint64_t, uint64_t>> data_offsets;
};

struct Header {
  std::vector<HeaderEntry> entries;
  std::map<std::string, std::string> metadata;
};

absl::Status TensorError(std::string_view name, std::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("safetensors, tensor ",
                                                 base::JsonQuote(name.substr(0, kMaxNameBytes)),
                                                 ": ", base::ToAbsl(problem)));
}

// Calls `read_member(key)` for each member of an object, positioned at its value.
template <typename ReadMember>
absl::Status ReadObject(JsonReader* json, const ReadMember& read_member) {
  RETURN_IF_ERROR(json->Expect('{'));
  if (json->TryTake('}')) return absl::OkStatus();
  do {
    ASSIGN_OR_RETURN(std::string key, json->String());
    RETURN_IF_ERROR(json->Expect(':'));
    RETURN_IF_ERROR(read_member(std::move(key)));
  } while (json->TryTake(','));
  return json->Expect('}');
}

absl::StatusOr<std::vector<int64_t>> ReadIntegers(JsonReader* json, size_t limit) {
  std::vector<int64_t> values;
  RETURN_IF_ERROR(json->Expect('['));
  if (json->TryTake(']')) return values;
  do {
    if (values.size() == limit) return json->Error("the array is too long");
    ASSIGN_OR_RETURN(const uint64_t value, json->UnsignedInteger());
    values.push_back(static_cast<int64_t>(value));
  } while (json->TryTake(','));
  RETURN_IF_ERROR(json->Expect(']'));
  return values;
}

absl::Status ReadEntryMember(JsonReader* json, const std::string& key, HeaderEntry* entry) {
  if (key == "dtype" && !entry->dtype) {
    ASSIGN_OR_RETURN(const std::string name, json->String());
    entry->dtype = FindDType(name);
    if (entry->dtype) return absl::OkStatus();
    return TensorError(entry->name, absl::StrCat("dtype ", base::JsonQuote(name.substr(0, 40)),
                                                 ", expected F32, BF16, U8, I32 or I64"));
  }
  if (key == "shape" && !entry->shape) {
    ASSIGN_OR_RETURN(const std::vector<int64_t> dimensions, ReadIntegers(json, Shape::kMaxRank));
    ASSIGN_OR_RETURN(entry->shape, Shape::Create(dimensions));
    return absl::OkStatus();
  }
  if (key == "data_offsets" && !entry->data_offsets) {
    ASSIGN_OR_RETURN(const std::vector<int64_t> offsets, ReadIntegers(json, 2));
    if (offsets.size() != 2) return TensorError(entry->name, "data_offsets needs two values");
    entry->data_offsets = {static_cast<uint64_t>(offsets[0]), static_cast<uint64_t>(offsets[1])};
    return absl::OkStatus();
  }
  return TensorError(entry->name,
                     absl::StrCat("unknown or repeated key ", base::JsonQuote(key.substr(0, 40))));
}

absl::StatusOr<HeaderEntry> ReadEntry(JsonReader* json, std::string name) {
  if (name.empty() || name.size() > kMaxNameBytes) {
    return TensorError(name, absl::StrCat("a name has 1 to ", kMaxNameBytes, " bytes"));
  }
  HeaderEntry entry = {.name = std::move(name)};
  RETURN_IF_ERROR(ReadObject(
      json, [json, &entry](const std::string& key) { return ReadEntryMember(json, key, &entry); }));
  if (!entry.dtype || !entry.shape || !entry.data_offsets) {
    return TensorError(entry.name, "needs dtype, shape and data_offsets");
  }
  return entry;
}

absl::StatusOr<std::map<std::string, std::string>> ReadMetadata(JsonReader* json) {
  std::map<std::string, std::string> metadata;
  RETURN_IF_ERROR(ReadObject(json, [json, &metadata](std::string key) -> absl::Status {
    ASSIGN_OR_RETURN(std::string value, json->String());
    if (metadata.try_emplace(std::move(key), std::move(value)).second) return absl::OkStatus();
    return json->Error("a metadata key appears twice");
  }));
  return metadata;
}

absl::StatusOr<Header> ReadHeader(std::string_view text) {
  JsonReader json(text);
  Header header;
  bool has_metadata = false;
  RETURN_IF_ERROR(ReadObject(&json, [&](std::string key) -> absl::Status {
    if (key == kMetadataKey) {
      if (std::exchange(has_metadata, true)) return json.Error("__metadata__ appears twice");
      ASSIGN_OR_RETURN(header.metadata, ReadMetadata(&json));
      return absl::OkStatus();
    }
    if (header.entries.size() == kMaxTensors) return json.Error("too many tensors");
    ASSIGN_OR_RETURN(HeaderEntry entry, ReadEntry(&json, std::move(key)));
    header.entries.push_back(std::move(entry));
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(json.ExpectEnd());
  return header;
}

// Sorts the entries by place and checks that they fit their shapes and cover the data without gaps
// or overlaps.
absl::Status CheckPlaces(uint64_t data_size, std::vector<HeaderEntry>* entries) {
  std::sort(entries->begin(), entries->end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return a.data_offsets < b.data_offsets;
  });
  uint64_t position = 0;
  for (const HeaderEntry& entry : *entries) {
    const auto [begin, end] = *entry.data_offsets;
    if (begin != position || end < begin || end > data_size) {
      return TensorError(entry.name,
                         absl::StrCat("data_offsets [", begin, ",", end, "] in ", data_size,
                                      " bytes: a gap, an overlap or an end "
                                      "out of range, expected a start at ",
                                      position));
    }
    const uint64_t size =
        static_cast<uint64_t>(entry.shape->ElementCount()) * tensor::SizeBytes(*entry.dtype);
    if (end - begin != size) {
      return TensorError(entry.name, absl::StrCat("has ", end - begin, " bytes, dtype and shape ",
                                                  entry.shape->ToString(), " need ", size));
    }
    position = end;
  }
  if (position != data_size) {
    return absl::InvalidArgumentError(absl::StrCat("safetensors: ", data_size - position,
                                                   " bytes after the last tensor belong to none"));
  }
  return absl::OkStatus();
}

using Item = std::pair<std::string_view, const Tensor*>;

// The larger elements first, so that each tensor is aligned without gaps; then by name.
absl::StatusOr<std::vector<Item>> OrderForFile(const tensor::NamedTensors& tensors) {
  std::vector<Item> items;
  for (const auto& [name, tensor] : tensors) {
    if (name == kMetadataKey || !base::IsValidUtf8(name)) {
      return TensorError(name, "the name is reserved or not UTF-8");
    }
    items.emplace_back(name, &tensor);
  }
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    return tensor::SizeBytes(a.second->dtype()) > tensor::SizeBytes(b.second->dtype());
  });
  return items;
}

std::string MetadataJson(const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> members;
  for (const auto& [key, value] : metadata) {
    members.push_back(absl::StrCat(base::JsonQuote(key), ":", base::JsonQuote(value)));
  }
  return absl::StrCat("\"", base::ToAbsl(kMetadataKey), "\":{", absl::StrJoin(members, ","), "}");
}

std::string HeaderJson(const std::vector<Item>& items,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> members;
  if (!metadata.empty()) members.push_back(MetadataJson(metadata));
  uint64_t position = 0;
  for (const auto& [name, tensor] : items) {
    const uint64_t end = position + tensor->size_bytes();
    members.push_back(absl::StrCat(base::JsonQuote(name), ":{\"dtype\":\"",
                                   base::ToAbsl(DTypeName(tensor->dtype())),
                                   "\",\"shape\":", tensor->shape().ToString(),
                                   ",\"data_offsets\":[", position, ",", end, "]}"));
    position = end;
  }
  std::string json = absl::StrCat("{", absl::StrJoin(members, ","), "}");
  json.resize((json.size() + 7) / 8 * 8, ' ');
  return json;
}

}  // namespace

absl::StatusOr<std::string> EncodeSafetensors(const Safetensors& contents) {
  ASSIGN_OR_RETURN(const std::vector<Item> items, OrderForFile(contents.tensors));
  const std::string header = HeaderJson(items, contents.metadata);
  std::string bytes(kLengthBytes, '\0');
  const uint64_t header_size = header.size();
  std::memcpy(bytes.data(), &header_size, kLengthBytes);
  bytes.reserve(kLengthBytes + header.size() + contents.tensors.TotalSizeBytes());
  bytes.append(header);
  for (const auto& [name, tensor] : items) {
    bytes.append(tensor->bytes().data(), tensor->size_bytes());
  }
  return bytes;
}

absl::StatusOr<Safetensors> DecodeSafetensors(std::string_view bytes) {
  uint64_t header_size = 0;
  if (bytes.size() < kLengthBytes) {
    return absl::InvalidArgumentError("safetensors: the file is shorter than 8 bytes");
  }
  std::memcpy(&header_size, bytes.data(), kLengthBytes);
  bytes.remove_prefix(kLengthBytes);
  if (header_size > kMaxSafetensorsHeaderBytes || header_size > bytes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("safetensors: a header of ", header_size, " bytes in a file with ",
                     bytes.size(), " left, the limit is ", kMaxSafetensorsHeaderBytes));
  }
  absl::StatusOr<Header> header = ReadHeader(bytes.substr(0, header_size));
  if (!header.ok()) return base::Annotate(header.status(), "safetensors header");
  const std::string_view data = bytes.substr(header_size);
  RETURN_IF_ERROR(CheckPlaces(data.size(), &header->entries));

  Safetensors contents = {.metadata = std::move(header->metadata)};
  for (const HeaderEntry& entry : header->entries) {
    Tensor tensor = Tensor::Zeros(*entry.dtype, *entry.shape);
    if (tensor.size_bytes() > 0) {
      std::memcpy(tensor.mutable_bytes().data(), data.data() + entry.data_offsets->first,
                  tensor.size_bytes());
    }
    if (!contents.tensors.Insert(entry.name, std::move(tensor)).ok()) {
      return TensorError(entry.name, "appears twice");
    }
  }
  return contents;
}

}  // namespace graft::weights
