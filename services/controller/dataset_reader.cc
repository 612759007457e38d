#include "services/controller/dataset_reader.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/data/dataset_format.h"

namespace graft::controller {
namespace {

// The first bytes of a blob, at most `limit`.
absl::StatusOr<std::string> ReadFront(blob::BlobStore& store, const digest::BlobDigest& digest,
                                      std::size_t limit) {
  ASSIGN_OR_RETURN(const std::unique_ptr<blob::BlobReader> reader, store.OpenReader(digest, 0));
  std::string bytes(std::min<std::uint64_t>(limit, digest.size_bytes()), '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    ASSIGN_OR_RETURN(const std::size_t count,
                     reader->Read({bytes.data() + filled, bytes.size() - filled}));
    if (count == 0) break;
    filled += count;
  }
  bytes.resize(filled);
  return bytes;
}

absl::Status NotADataset(std::string_view why) {
  return base::InvalidFieldError("dataset.digest", why);
}

}  // namespace

absl::StatusOr<Dataset> ReadDataset(blob::BlobStore& store, const std::string& name,
                                    const digest::BlobDigest& digest) {
  const absl::StatusOr<std::string> front = ReadFront(store, digest, data::kMaxDatasetHeaderBytes);
  if (absl::IsNotFound(front.status())) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the weight store has no blob ", digest.ToString(), "; upload the data set first"));
  }
  if (!front.ok()) return base::Annotate(front.status(), "weight store");
  absl::StatusOr<data::DatasetHeader> header = data::DecodeDatasetHeader(*front);
  if (!header.ok()) return NotADataset(base::ToStd(header.status().message()));
  if (header->size_bytes != digest.size_bytes()) {
    return NotADataset(absl::StrCat("the blob has ", digest.size_bytes(),
                                    " bytes, its header promises ", header->size_bytes));
  }
  return Dataset{.name = name,
                 .digest = digest,
                 .train_images = header->train_images,
                 .test_images = header->test_images,
                 .image_shape = header->image_shape,
                 .class_names = std::move(header->class_names)};
}

}  // namespace graft::controller
