#include "services/worker/trainer/prediction_job.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <new>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/blob/disk_blob_store.h"
#include "common/data/dataset_format.h"
#include "common/data/folder.h"
#include "common/data/image_decoder.h"
#include "common/data/image_folder.h"
#include "common/data/normalizer.h"
#include "common/runner/predictor.h"
#include "common/task/image_classification.h"
#include "common/weights/weights.h"
#include "common/wire/architecture_wire.h"

namespace graft::worker {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBatch = 64;
constexpr std::int64_t kDefaultTop = 3;

// `within`: the folders that this one lies in, links resolved: a link to one of them has no end.
absl::Status AppendFolder(const std::string& path, std::vector<fs::path> within,
                          std::vector<std::string>& files) {
  std::error_code ignored;
  fs::path resolved = fs::canonical(path, ignored);
  if (std::ranges::find(within, resolved) != within.end()) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is a link to a folder that it lies in"));
  }
  within.push_back(std::move(resolved));
  ASSIGN_OR_RETURN(const data::FolderListing listing, data::ListFolder(path));
  for (const std::string& file : listing.files) files.push_back(absl::StrCat(path, "/", file));
  for (const std::string& folder : listing.folders) {
    RETURN_IF_ERROR(AppendFolder(absl::StrCat(path, "/", folder), within, files));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListImages(const v1::PredictionJob& job) {
  std::vector<std::string> files;
  for (const std::string& path : job.images()) {
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) {
      RETURN_IF_ERROR(AppendFolder(path, {}, files));
    } else {
      files.push_back(path);
    }
  }
  if (files.empty()) return absl::InvalidArgumentError("expected images, found no file");
  for (const std::string& file : files) {
    if (!base::IsValidUtf8(file)) {
      return absl::InvalidArgumentError(
          absl::StrCat("expected names in UTF-8, found ", base::JsonQuote(file)));
    }
  }
  return files;
}

// Reads images as the network sees them.
class ImageReader {
 public:
  ImageReader(const data::Dataset& dataset, bool resize)
      : shape_(dataset.image_shape()),
        image_size_(static_cast<std::size_t>(dataset.image_size())),
        normalizer_(dataset),
        resize_(resize) {}

  // Appends the normalised image.
  absl::Status Append(const std::string& path, std::vector<float>& images) const {
    ASSIGN_OR_RETURN(const data::Image image, Read(path));
    images.resize(images.size() + image_size_);
    normalizer_.Apply(image.pixels, std::span(images).last(image_size_));
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<data::Image> Read(const std::string& path) const {
    ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path, data::kMaxImageFileBytes));
    ASSIGN_OR_RETURN(data::Image image, data::DecodeImage(bytes));
    if (shape_.dim(0) == data::kGreyChannels) image = data::ToGrey(image);
    if (shape_.dim(0) == data::kColourChannels) image = data::ToColour(image);
    if (resize_) image = data::Resize(image, shape_.dim(1), shape_.dim(2));
    if (image.shape == shape_) return image;
    return absl::InvalidArgumentError(absl::StrCat("is ", image.height(), "x", image.width(),
                                                   " (height x width), the network "
                                                   "sees ",
                                                   shape_.dim(1), "x", shape_.dim(2),
                                                   ": expected --resize or images of "
                                                   "that size"));
  }

  const tensor::Shape shape_;  // [C, H, W]
  const std::size_t image_size_;
  const data::Normalizer normalizer_;
  const bool resize_;
};

// A class's name as a folder may have it.
std::string FolderOf(std::string name) {
  std::ranges::replace(name, '/', '_');
  return name;
}

v1::Prediction ToPrediction(const std::string& path, std::span<const float> logits,
                            std::span<const std::string> names, std::int64_t top) {
  const std::vector<double> probabilities = runner::Softmax(logits);
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(
      order, [&](std::size_t a, std::size_t b) { return probabilities[a] > probabilities[b]; });
  v1::Prediction prediction;
  prediction.set_image(path);
  for (std::int64_t i = 0; i < top; ++i) {
    v1::ClassProbability& told = *prediction.add_classes();
    told.set_name(names[order[i]]);
    told.set_probability(probabilities[order[i]]);
  }
  const std::string folder = fs::path(path).parent_path().filename().string();
  const auto expected = std::ranges::find(names, folder, FolderOf);
  if (expected != names.end()) prediction.set_expected(*expected);
  prediction.mutable_logits()->Add(logits.begin(), logits.end());
  return prediction;
}

void Judge(v1::PredictionReport& report) {
  for (const v1::Prediction& prediction : report.predictions()) {
    if (prediction.expected().empty()) continue;
    report.set_judged(report.judged() + 1);
    if (prediction.classes(0).name() == prediction.expected()) {
      report.set_correct(report.correct() + 1);
    }
  }
  if (report.judged() == 0) return;
  report.set_accuracy(static_cast<double>(report.correct()) / static_cast<double>(report.judged()));
}

absl::StatusOr<std::int64_t> TopOf(const v1::PredictionJob& job, std::int64_t classes) {
  if (job.top() == 0) return std::min(kDefaultTop, classes);
  if (job.top() >= 1 && job.top() <= classes) return job.top();
  return absl::InvalidArgumentError(
      absl::StrCat("--top ", job.top(), ", expected 1 to ", classes, ", the number of classes"));
}

absl::StatusOr<v1::PredictionReport> Run(engine::Backend& backend, const v1::PredictionJob& job) {
  ASSIGN_OR_RETURN(const std::vector<std::string> files, ListImages(job));
  ASSIGN_OR_RETURN(const arch::Architecture architecture, wire::FromProto(job.architecture()));
  ASSIGN_OR_RETURN(const data::Dataset dataset, data::ReadDatasetFile(job.dataset_path()));
  RETURN_IF_ERROR(
      task::CheckImageClassifier(architecture, dataset.image_shape(), dataset.class_count()));
  ASSIGN_OR_RETURN(const std::int64_t top, TopOf(job, dataset.class_count()));
  ASSIGN_OR_RETURN(const digest::WeightsDigest digest, digest::WeightsDigest::Parse(job.weights()));
  ASSIGN_OR_RETURN(const auto store, blob::DiskBlobStore::Open({.directory = job.weights_path()}));
  ASSIGN_OR_RETURN(const tensor::NamedTensors weights, weights::LoadWeights(digest, store.get()));
  ASSIGN_OR_RETURN(runner::Predictor predictor,
                   runner::Predictor::Create(
                       backend, {.architecture = &architecture, .weights = &weights}, kBatch));

  const ImageReader reader(dataset, job.resize());
  const auto classes = static_cast<std::size_t>(dataset.class_count());
  v1::PredictionReport report;
  for (std::size_t begin = 0; begin < files.size(); begin += kBatch) {
    const auto batch =
        std::span(files).subspan(begin, std::min<std::size_t>(kBatch, files.size() - begin));
    runner::ImageBatch images{.count = static_cast<std::int64_t>(batch.size())};
    for (std::size_t i = 0; i < batch.size(); ++i) {
      RETURN_IF_ERROR(base::Annotate(
          reader.Append(batch[i], images.images),
          absl::StrCat(batch[i], " (image ", begin + i + 1, " of ", files.size(), ")")));
    }
    ASSIGN_OR_RETURN(const std::vector<float> logits, predictor.Logits(images));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      *report.add_predictions() = ToPrediction(
          batch[i], std::span(logits).subspan(i * classes, classes), dataset.class_names(), top);
    }
  }
  Judge(report);
  return report;
}

}  // namespace

absl::StatusOr<v1::PredictionReport> RunPredictionJob(engine::Backend& backend,
                                                      const v1::PredictionJob& job) {
  try {
    return Run(backend, job);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  }
}

}  // namespace graft::worker
