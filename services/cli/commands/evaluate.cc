#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "common/base/status_macros.h"
#include "services/cli/commands/commands.h"
#include "services/cli/output.h"
#include "services/cli/prediction.h"
#include "services/cli/resource_name.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

absl::Status Evaluate(const Session& session, PredictionOptions options) {
  options.network = NetworkName(options.network);
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const v1::PredictionReport report, Predict(*client, options));
  std::cout << (session.json() ? ToJson(report) : PredictionTable(report)) << std::flush;
  return absl::OkStatus();
}

}  // namespace

void AddEvaluateCommand(CLI::App& app, Session& session) {
  auto options = std::make_shared<PredictionOptions>();
  CLI::App* verb = app.add_subcommand(
      "evaluate",
      "Predicts the classes of images; tells the accuracy where they lie in folders "
      "named by class");
  verb->add_option("network", options->network, "network name or digest")->required();
  verb->add_option("images", options->images,
                   "PNG or JPEG files, and folders of them; colours are brought to the data set's")
      ->required();
  verb->add_option("--dataset", options->dataset,
                   "Data set that the network learned, which has the class names (default: that of "
                   "its trial)");
  verb->add_flag("--resize", options->resize, "Bring images of another size to the network's");
  verb->add_option("--top", options->top, "Classes told for each image (default: 3)")
      ->check(CLI::PositiveNumber);
  verb->callback([&session, options] {
    session.action = [&session, options] { return Evaluate(session, *options); };
  });
}

}  // namespace graft::cli
