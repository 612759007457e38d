#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "common/base/status_macros.h"
#include "services/cli/commands/commands.h"
#include "services/cli/dataset_upload.h"
#include "services/cli/search_view.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

struct AddOptions {
  std::string name;
  std::string path;
};

absl::Status Add(const Session& session, const AddOptions& options) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const v1::Dataset dataset, UploadDataset(*client, options.name, options.path));
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

}  // namespace

void AddDatasetCommand(CLI::App& app, Session& session) {
  CLI::App* group = app.add_subcommand("dataset", "Data sets of the cluster");
  group->require_subcommand(1);
  group->fallthrough();

  auto options = std::make_shared<AddOptions>();
  CLI::App* add = group->add_subcommand("add", "Uploads a data set and gives it a name");
  add->fallthrough();
  add->add_option("name", options->name, "Name that searches use")->required();
  add->add_option("path", options->path,
                  "Folder with IDX files, train-* and t10k-*, plain or gzip-compressed")
      ->required();
  add->callback([&session, options] {
    session.action = [&session, options] { return Add(session, *options); };
  });

  CLI::App* list = group->add_subcommand("list", "Lists the data sets");
  list->fallthrough();
  list->callback([&session] { session.action = [&session] { return List(session); }; });
}

}  // namespace graft::cli
