#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/base/status_macros.h"
#include "common/data/dataset_import.h"
#include "services/cli/argument_checks.h"
#include "services/cli/choice.h"
#include "services/cli/commands/commands.h"
#include "services/cli/dataset_upload.h"
#include "services/cli/search_view.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

struct AddOptions {
  std::string name;
  std::string path;
  std::optional<data::DatasetFormat> format;
  std::string resize;  // empty: not given
  bool grey = false;
  bool colour = false;
  std::optional<double> test_fraction;
};

data::ImportOptions ToImportOptions(const AddOptions& options) {
  data::ImportOptions import{.format = options.format};
  import.images.resize = ParseImageSize(options.resize);
  if (options.grey) import.images.colours = data::ImageColours::kGrey;
  if (options.colour) import.images.colours = data::ImageColours::kColour;
  import.images.test_fraction = options.test_fraction;
  return import;
}

absl::Status Add(const Session& session, const AddOptions& options) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const v1::Dataset dataset,
                   UploadDataset(*client, options.name, options.path, ToImportOptions(options)));
  std::cout << (session.json() ? ToJson(dataset) : DatasetTable({dataset}));
  return absl::OkStatus();
}

absl::Status List(const Session& session) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::Dataset> datasets, client->ListDatasets());
  if (session.json()) {
    v1::ListDatasetsResponse all;
    all.mutable_datasets()->Add(datasets.begin(), datasets.end());
    std::cout << ToJson(all);
  } else {
    std::cout << DatasetTable(datasets);
  }
  return absl::OkStatus();
}

void AddImageFolderOptions(CLI::App& add, AddOptions& options) {
  const std::string group = "Image folders";
  add.add_option("--test-fraction", options.test_fraction,
                 "Part of each class to test on, where there are no folders train and test")
      ->check(CheckFraction)
      ->group(group);
  add.add_option("--resize", options.resize,
                 "Size to bring all images to, HEIGHTxWIDTH; without it, they must have one size")
      ->check(CheckImageSize)
      ->type_name("HxW")
      ->group(group);
  CLI::Option* grey = add.add_flag("--grey", options.grey, "Convert all images to grey");
  CLI::Option* colour = add.add_flag("--colour", options.colour, "Convert all images to colour");
  grey->excludes(colour)->group(group);
  colour->group(group);
}

}  // namespace

void AddDatasetCommand(CLI::App& app, Session& session) {
  CLI::App* group = app.add_subcommand("dataset", "Data sets of the cluster");
  group->require_subcommand(1);
  group->fallthrough();

  auto options = std::make_shared<AddOptions>();
  CLI::App* add = group->add_subcommand("add", "Uploads a data set and gives it a name");
  add->fallthrough();
  add->add_option("name", options->name, "Name that searches use")->required();
  add->add_option(
         "path", options->path,
         "Folder: IDX files, CIFAR-10's binary version, SVHN's cropped digits or images in "
         "a folder for each class")
      ->required();
  std::map<std::string, data::DatasetFormat> formats;
  for (const data::DatasetFormat format : data::kDatasetFormats) {
    formats.emplace(data::NameOf(format), format);
  }
  add->add_option("--format", options->format,
                  "idx, cifar10, svhn or image-folder; default: what the folder holds")
      ->transform(OneOf(formats))
      ->option_text("FORMAT");
  AddImageFolderOptions(*add, *options);
  add->callback([&session, options] {
    session.action = [&session, options] { return Add(session, *options); };
  });

  CLI::App* list = group->add_subcommand("list", "Lists the data sets");
  list->fallthrough();
  list->callback([&session] { session.action = [&session] { return List(session); }; });
}

}  // namespace graft::cli
