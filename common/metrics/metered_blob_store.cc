#include "common/metrics/metered_blob_store.h"

#include <string_view>
#include <utility>

#include "common/base/status_macros.h"

namespace graft::metrics {
namespace {

constexpr char kReads[] = "graft_store_reads_total";
constexpr char kReadsHelp[] = "Blobs opened for reading, by outcome.";
constexpr char kWrites[] = "graft_store_writes_total";
constexpr char kWritesHelp[] = "Blobs written, by outcome.";

}  // namespace

MeteredBlobStore::Metrics::Metrics(Registry* registry)
    : read_bytes(registry->AddCounter("graft_store_read_bytes_total", "Bytes read from blobs.")),
      written_bytes(
          registry->AddCounter("graft_store_written_bytes_total", "Bytes written to blobs.")),
      read_hits(registry->AddCounter(kReads, kReadsHelp, {{"outcome", "hit"}})),
      read_misses(registry->AddCounter(kReads, kReadsHelp, {{"outcome", "miss"}})),
      read_errors(registry->AddCounter(kReads, kReadsHelp, {{"outcome", "error"}})),
      commits(registry->AddCounter(kWrites, kWritesHelp, {{"outcome", "committed"}})),
      write_errors(registry->AddCounter(kWrites, kWritesHelp, {{"outcome", "error"}})) {}

class MeteredBlobStore::Reader final : public blob::BlobReader {
 public:
  Reader(std::unique_ptr<blob::BlobReader> reader, Metrics* metrics)
      : reader_(std::move(reader)), metrics_(metrics) {}

  absl::StatusOr<size_t> Read(std::span<char> buffer) override {
    absl::StatusOr<size_t> size = reader_->Read(buffer);
    if (size.ok()) {
      metrics_->read_bytes.Increment(static_cast<double>(*size));
    } else {
      metrics_->read_errors.Increment();
    }
    return size;
  }

 private:
  const std::unique_ptr<blob::BlobReader> reader_;
  Metrics* const metrics_;
};

class MeteredBlobStore::Writer final : public blob::BlobWriter {
 public:
  Writer(std::unique_ptr<blob::BlobWriter> writer, Metrics* metrics)
      : writer_(std::move(writer)), metrics_(metrics) {}

  absl::Status Append(std::string_view bytes) override {
    absl::Status status = writer_->Append(bytes);
    if (status.ok()) {
      metrics_->written_bytes.Increment(static_cast<double>(bytes.size()));
    } else {
      metrics_->write_errors.Increment();
    }
    return status;
  }

  absl::StatusOr<digest::BlobDigest> Commit() override {
    absl::StatusOr<digest::BlobDigest> digest = writer_->Commit();
    (digest.ok() ? metrics_->commits : metrics_->write_errors).Increment();
    return digest;
  }

  uint64_t committed_size() const override { return writer_->committed_size(); }

 private:
  const std::unique_ptr<blob::BlobWriter> writer_;
  Metrics* const metrics_;
};

MeteredBlobStore::MeteredBlobStore(blob::BlobStore* store, Registry* registry)
    : store_(store), metrics_(registry) {}

absl::StatusOr<std::vector<digest::BlobDigest>> MeteredBlobStore::FindMissing(
    std::span<const digest::BlobDigest> digests) {
  return store_->FindMissing(digests);
}

absl::StatusOr<std::unique_ptr<blob::BlobReader>> MeteredBlobStore::OpenReader(
    const digest::BlobDigest& digest, uint64_t offset) {
  absl::StatusOr<std::unique_ptr<blob::BlobReader>> reader = store_->OpenReader(digest, offset);
  if (!reader.ok()) {
    (absl::IsNotFound(reader.status()) ? metrics_.read_misses : metrics_.read_errors).Increment();
    return reader.status();
  }
  metrics_.read_hits.Increment();
  return std::make_unique<Reader>(*std::move(reader), &metrics_);
}

absl::StatusOr<std::unique_ptr<blob::BlobWriter>> MeteredBlobStore::OpenWriter(
    const blob::WriteOptions& options) {
  absl::StatusOr<std::unique_ptr<blob::BlobWriter>> writer = store_->OpenWriter(options);
  if (!writer.ok()) {
    metrics_.write_errors.Increment();
    return writer.status();
  }
  return std::make_unique<Writer>(*std::move(writer), &metrics_);
}

}  // namespace graft::metrics
