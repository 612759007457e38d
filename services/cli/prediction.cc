#include "services/cli/prediction.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/blob/blob_io.h"
#include "common/blob/disk_blob_store.h"
#include "common/digest/typed_digest.h"
#include "common/weights/weights.h"
#include "services/cli/interrupt.h"
#include "services/cli/output.h"
#include "services/cli/resource_name.h"
#include "services/cli/trainer_tool.h"

namespace graft::cli {
namespace {

constexpr unsigned kMaxThreads = 1'024;  // of the trainer

unsigned Threads() { return std::clamp(std::thread::hardware_concurrency(), 1U, kMaxThreads); }

// The data set that the network's trial names; NOT_FOUND if no trial tells.
absl::StatusOr<v1::ImageClassificationTask> TaskOf(ClusterClient& client,
                                                   const v1::Network& network) {
  if (network.trial().empty()) return absl::NotFoundError("it was imported");
  ASSIGN_OR_RETURN(const v1::Trial trial, client.GetTrial(network.trial()));
  return trial.spec().task().image_classification();
}

absl::StatusOr<std::string> DatasetDigest(ClusterClient& client, const v1::Network& network,
                                          const std::string& given) {
  const absl::StatusOr<v1::ImageClassificationTask> task = TaskOf(client, network);
  if (!task.ok() && !absl::IsNotFound(task.status())) return task.status();
  if (given.empty()) {
    if (task.ok()) return task->dataset_digest();
    return absl::FailedPreconditionError(
        absl::StrCat("no trial tells which data set ", ShortName(network.name()),
                     " learned (it was imported, or its search deleted): --dataset names it"));
  }
  ASSIGN_OR_RETURN(const v1::Dataset dataset, client.GetDataset(DatasetName(given)));
  if (task.ok() && task->dataset_digest() != dataset.digest()) {
    return absl::FailedPreconditionError(
        absl::StrCat(ShortName(network.name()), " learned ", task->dataset(), ", not ", given,
                     ": images would be normalised and named wrongly"));
  }
  return dataset.digest();
}

// Brings weights and data set into `folder`.
absl::StatusOr<v1::PredictionJob> Prepare(ClusterClient& client, const PredictionOptions& options,
                                          const base::TempDir& folder) {
  ASSIGN_OR_RETURN(const v1::Network network, client.GetNetwork(options.network));
  ASSIGN_OR_RETURN(const std::string dataset, DatasetDigest(client, network, options.dataset));
  ASSIGN_OR_RETURN(const digest::BlobDigest dataset_digest, digest::BlobDigest::Parse(dataset));
  ASSIGN_OR_RETURN(const digest::WeightsDigest weights,
                   digest::WeightsDigest::Parse(network.weights()));
  v1::PredictionJob job;
  *job.mutable_architecture() = network.architecture();
  job.set_weights(network.weights());
  job.set_weights_path(folder.Join("weights"));
  job.set_dataset_path(folder.Join("dataset"));
  ASSIGN_OR_RETURN(const std::unique_ptr<blob::BlobStore> store, client.OpenWeightStore());
  ASSIGN_OR_RETURN(const auto local, blob::DiskBlobStore::Open(
                                         {.directory = job.weights_path(), .sync_writes = false}));
  RETURN_IF_ERROR(weights::CopyWeights(weights, store.get(), local.get()).status());
  RETURN_IF_ERROR(blob::ReadBlobToFile(store.get(), dataset_digest, job.dataset_path()));
  job.mutable_images()->Add(options.images.begin(), options.images.end());
  job.set_resize(options.resize);
  job.set_top(options.top);
  return job;
}

absl::StatusOr<v1::PredictionReport> Run(const v1::PredictionJob& job,
                                         const base::TempDir& folder) {
  const std::string job_path = folder.Join("job.json");
  const std::string report_path = folder.Join("report.json");
  RETURN_IF_ERROR(base::WriteFileDurably(job_path, ToJson(job)));
  ASSIGN_OR_RETURN(const std::string end,
                   RunTrainer({"evaluate", job_path, report_path, "--threads-per-trial",
                               absl::StrCat(Threads())}));
  const absl::StatusOr<std::string> text = base::ReadFile(report_path);
  if (!text.ok()) return absl::InternalError(absl::StrCat(end, " without a report"));
  v1::PredictionReport report;
  if (!google::protobuf::util::JsonStringToMessage(*text, &report).ok()) {
    return absl::InternalError("graft-trainer is of another version than this program");
  }
  if (report.error().empty()) return report;
  return absl::Status(static_cast<absl::StatusCode>(report.error_code()), report.error());
}

}  // namespace

absl::StatusOr<v1::PredictionReport> Predict(ClusterClient& client,
                                             const PredictionOptions& options) {
  for (const std::string& path : options.images) {
    // Before a data set is fetched for nothing.
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
      return absl::NotFoundError(absl::StrCat("no file or folder ", path));
    }
    if (!base::IsValidUtf8(path)) {
      return absl::InvalidArgumentError(
          absl::StrCat("expected a name in UTF-8, found ", base::JsonQuote(path)));
    }
  }
  // What is fetched is removed again however this ends.
  const InterruptGuard guard;
  ASSIGN_OR_RETURN(const base::TempDir folder, base::TempDir::Create());
  ASSIGN_OR_RETURN(const v1::PredictionJob job, Prepare(client, options, folder));
  return Run(job, folder);
}

std::string PredictionTable(const v1::PredictionReport& report) {
  Table table({{"IMAGE"}, {"CLASS"}, {"PROBABILITY", Table::Align::kRight}, {"THEN"}});
  for (const v1::Prediction& prediction : report.predictions()) {
    std::string others;
    for (int i = 1; i < prediction.classes_size(); ++i) {
      absl::StrAppend(&others, i == 1 ? "" : ", ", prediction.classes(i).name(), " ",
                      FormatPercent(prediction.classes(i).probability()));
    }
    table.AddRow({prediction.image(), prediction.classes(0).name(),
                  FormatPercent(prediction.classes(0).probability()), others});
  }
  std::string text = table.ToString();
  if (report.has_accuracy()) {
    absl::StrAppendFormat(&text, "%d of %d images are of the class that their folder names: %s\n",
                          report.correct(), report.judged(), FormatPercent(report.accuracy()));
  }
  return text;
}

}  // namespace graft::cli
