#include "common/data/image_folder.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/rng.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/data/folder.h"
#include "common/data/image.h"
#include "common/data/image_decoder.h"

namespace graft::data {
namespace {

constexpr char kTrain[] = "train";
constexpr char kTest[] = "test";
constexpr std::uint64_t kTestStream = 0x74657374;  // "test"

struct ImageFile {
  std::string path;
  std::uint8_t label = 0;
};

struct ClassFolder {
  std::string name;
  std::vector<std::string> paths;  // of its images, at least one
};

// What is read: the images of both sets by path, in their order.
struct Plan {
  std::vector<std::string> class_names;
  std::vector<ImageFile> train;
  std::vector<ImageFile> test;
};

absl::StatusOr<ClassFolder> ListClass(const std::string& parent, const std::string& name) {
  const std::string path = absl::StrCat(parent, "/", name);
  ASSIGN_OR_RETURN(const FolderListing listing, ListFolder(path));
  if (!listing.folders.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected the images of the class `",
                                                   name, "`, found the folder ",
                                                   listing.folders[0]));
  }
  if (listing.files.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected images of the class `", name, "`, found none"));
  }
  ClassFolder folder{.name = name};
  for (const std::string& file : listing.files) {
    folder.paths.push_back(absl::StrCat(path, "/", file));
  }
  return folder;
}

absl::StatusOr<std::vector<ClassFolder>> ListClasses(const std::string& path) {
  ASSIGN_OR_RETURN(const FolderListing listing, ListFolder(path));
  if (const absl::Status status = Dataset::CheckClassNames(listing.folders); !status.ok()) {
    return base::Annotate(status, absl::StrCat(path, ": a folder for each class"));
  }
  std::vector<ClassFolder> classes;
  for (const std::string& name : listing.folders) {
    ASSIGN_OR_RETURN(ClassFolder folder, ListClass(path, name));
    classes.push_back(std::move(folder));
  }
  return classes;
}

void Append(const ClassFolder& folder, std::size_t label, std::vector<ImageFile>& images) {
  for (const std::string& path : folder.paths) {
    images.push_back({.path = path, .label = static_cast<std::uint8_t>(label)});
  }
}

absl::StatusOr<Plan> PlanOfTwoFolders(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<ClassFolder> train,
                   ListClasses(absl::StrCat(path, "/", kTrain)));
  ASSIGN_OR_RETURN(const std::vector<ClassFolder> test,
                   ListClasses(absl::StrCat(path, "/", kTest)));
  Plan plan;
  for (const ClassFolder& folder : train) {
    Append(folder, plan.class_names.size(), plan.train);
    plan.class_names.push_back(folder.name);
  }
  for (const ClassFolder& folder : test) {
    const auto name = std::ranges::lower_bound(plan.class_names, folder.name);
    if (name == plan.class_names.end() || *name != folder.name) {
      return absl::InvalidArgumentError(absl::StrCat(path, "/", kTest, "/", folder.name,
                                                     ": expected a class that ", path, "/", kTrain,
                                                     " has, too"));
    }
    Append(folder, static_cast<std::size_t>(name - plan.class_names.begin()), plan.test);
  }
  return plan;
}

absl::StatusOr<Plan> PlanOfOneFolder(const std::string& path, double test_fraction) {
  ASSIGN_OR_RETURN(const std::vector<ClassFolder> classes, ListClasses(path));
  Plan plan;
  for (const ClassFolder& folder : classes) {
    const auto count = static_cast<std::int64_t>(folder.paths.size());
    if (count < 2) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, "/", folder.name,
                       ": expected at least two images, one to train on and one to test, found 1"));
    }
    const std::int64_t test_count = std::clamp<std::int64_t>(
        std::llround(test_fraction * static_cast<double>(count)), 1, count - 1);
    const std::vector<std::int64_t> order = base::Rng(0, kTestStream).Permutation(count);
    const std::set<std::int64_t> chosen(order.begin(), order.begin() + test_count);
    ClassFolder train;
    ClassFolder test;
    for (std::int64_t i = 0; i < count; ++i) {
      (chosen.contains(i) ? test : train).paths.push_back(folder.paths[i]);
    }
    Append(train, plan.class_names.size(), plan.train);
    Append(test, plan.class_names.size(), plan.test);
    plan.class_names.push_back(folder.name);
  }
  return plan;
}

absl::StatusOr<Plan> PlanReading(const std::string& path, std::optional<double> test_fraction) {
  if (test_fraction.has_value() && !(*test_fraction > 0 && *test_fraction < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--test-fraction ", *test_fraction, ", expected more than 0 and less than 1"));
  }
  ASSIGN_OR_RETURN(const FolderListing listing, ListFolder(path));
  const bool has_train = listing.HasFolder(kTrain);
  const bool has_test = listing.HasFolder(kTest);
  if (has_train != has_test) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected the folders ", kTrain, " and ",
                                                   kTest, ", found only ",
                                                   has_train ? kTrain : kTest));
  }
  if (has_train && test_fraction.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": has a folder ", kTest, ", expected no --test-fraction besides"));
  }
  if (has_train) return PlanOfTwoFolders(path);
  if (!test_fraction.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected the folders ", kTrain, " and ", kTest,
                     ", or --test-fraction, the part of each class to test on"));
  }
  return PlanOfOneFolder(path, *test_fraction);
}

std::string_view ColourName(std::int64_t channels) {
  return channels == kGreyChannels ? "grey" : "colour";
}

// Reads images one after another and holds them to the form of the first.
class Reader {
 public:
  Reader(const Plan& plan, const ImageFolderOptions& options) : plan_(&plan), options_(&options) {}

  // `set`: "training", "test".
  absl::StatusOr<ImageSet> Read(std::span<const ImageFile> files, std::string_view set) {
    ImageSet images;
    for (std::size_t i = 0; i < files.size(); ++i) {
      absl::StatusOr<Image> image = ReadOne(files[i].path);
      if (!image.ok()) {
        return base::Annotate(image.status(),
                              absl::StrCat(files[i].path, " (", base::ToAbsl(set), " image ", i + 1,
                                           " of ", files.size(), ")"));
      }
      if (images.pixels.empty()) images.pixels.reserve(files.size() * image->pixels.size());
      images.pixels.insert(images.pixels.end(), image->pixels.begin(), image->pixels.end());
      images.labels.push_back(files[i].label);
    }
    return images;
  }

  const tensor::Shape& image_shape() const { return shape_; }

 private:
  absl::StatusOr<Image> ReadOne(const std::string& path) {
    ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path, kMaxImageFileBytes));
    ASSIGN_OR_RETURN(Image image, DecodeImage(bytes));
    if (options_->colours == ImageColours::kGrey) image = ToGrey(image);
    if (options_->colours == ImageColours::kColour) image = ToColour(image);
    if (const auto& size = options_->resize; size.has_value()) {
      image = Resize(image, size->height, size->width);
    }
    RETURN_IF_ERROR(CheckForm(image, path));
    return image;
  }

  absl::Status CheckForm(const Image& image, const std::string& path) {
    if (first_path_.empty()) {
      first_path_ = path;
      shape_ = image.shape;
      return Dataset::CheckSize(
          shape_, static_cast<std::int64_t>(plan_->train.size() + plan_->test.size()));
    }
    if (image.channels() != shape_.dim(0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("is ", base::ToAbsl(ColourName(image.channels())), ", but the first image, ",
                       first_path_, ", is ", base::ToAbsl(ColourName(shape_.dim(0))),
                       ": expected --grey or --colour, or images of one kind"));
    }
    if (image.shape != shape_) {
      return absl::InvalidArgumentError(absl::StrCat(
          "is ", image.height(), "x", image.width(), " (height x width), but the first image, ",
          first_path_, ", is ", shape_.dim(1), "x", shape_.dim(2),
          ": expected --resize HxW, or images of one size"));
    }
    return absl::OkStatus();
  }

  const Plan* const plan_;
  const ImageFolderOptions* const options_;
  std::string first_path_;  // empty before the first image
  tensor::Shape shape_;     // of every image
};

absl::Status CheckResize(const std::optional<ImageSize>& size) {
  if (!size.has_value()) return absl::OkStatus();
  const auto fits = [](std::int64_t extent) {
    return extent >= 1 && extent <= Dataset::kMaxExtent;
  };
  if (fits(size->height) && fits(size->width)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--resize ", size->height, "x", size->width,
                                                 ", expected 1 to ", Dataset::kMaxExtent, " each"));
}

}  // namespace

absl::StatusOr<Dataset> ReadImageFolder(const std::string& path,
                                        const ImageFolderOptions& options) {
  RETURN_IF_ERROR(CheckResize(options.resize));
  ASSIGN_OR_RETURN(const Plan plan, PlanReading(path, options.test_fraction));
  Reader reader(plan, options);
  ASSIGN_OR_RETURN(ImageSet train, reader.Read(plan.train, "training"));
  ASSIGN_OR_RETURN(ImageSet test, reader.Read(plan.test, "test"));
  absl::StatusOr<Dataset> dataset = Dataset::Create({.image_shape = reader.image_shape(),
                                                     .class_names = plan.class_names,
                                                     .train = std::move(train),
                                                     .test = std::move(test)});
  if (!dataset.ok()) return base::Annotate(dataset.status(), path);
  return dataset;
}

}  // namespace graft::data
