#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/config/yaml.h"
#include "common/config/yaml_template.h"
#include "proto/graft/v1/search.pb.h"
#include "services/cli/commands/commands.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

// What the written file sets; everything else stands in it as a comment.
constexpr char kExample[] = R"yaml(
display_name: my-search
task: {image_classification: {dataset: fashion_mnist, train_images: 10000, validation_images: 2000}}
space: {plain: {max_macs: 4000000}}
policy: {eas: {widen_actions: 4, deepen_actions: 5}, episode_start: grow_on}
start_recipe: {epochs: 10}
recipe: {epochs: 3}
budget: {episodes: 4, children_per_episode: 8}
seed: 1
)yaml";

struct InitOptions {
  std::string file;
  bool force = false;
};

absl::Status Init(const InitOptions& options) {
  v1::SearchSpec example;
  RETURN_IF_ERROR(config::ParseYaml(kExample, "example", &example).status());
  const std::string yaml = config::WriteCommentedYaml(example);
  if (options.file.empty() || options.file == "-") {
    std::cout << yaml;
    return absl::OkStatus();
  }
  if (!options.force && std::filesystem::exists(options.file)) {
    return absl::AlreadyExistsError(
        absl::StrCat(options.file, " exists; --force overwrites it, another name keeps it"));
  }
  RETURN_IF_ERROR(base::WriteFileDurably(options.file, yaml));
  std::cout << "wrote " << options.file << "; edit it, then `graft submit " << options.file
            << " --wait`\n";
  return absl::OkStatus();
}

}  // namespace

void AddInitCommand(CLI::App& app, Session& session) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* verb = app.add_subcommand("init", "Writes a commented search file");
  verb->add_option("file", options->file, "File to write; left out: standard output");
  verb->add_flag("--force", options->force, "Overwrite the file");
  verb->callback([&session, options] { session.action = [options] { return Init(*options); }; });
}

}  // namespace graft::cli
