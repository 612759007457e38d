#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/child_process.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "proto/graft/v1/replay.pb.h"
#include "services/cli/commands/commands.h"
#include "services/cli/resource_name.h"
#include "services/cli/session.h"

namespace graft::cli {
namespace {

struct ReplayOptions {
  std::string search;
  std::string recording;  // file to write; empty: a temporary one
};

absl::StatusOr<v1::SearchRecording> Record(ClusterClient& client, const std::string& name) {
  v1::SearchRecording recording;
  ASSIGN_OR_RETURN(*recording.mutable_search(), client.GetSearch(name));
  const v1::SearchSpec& spec = recording.search().spec();
  ASSIGN_OR_RETURN(*recording.mutable_dataset(),
                   client.GetDataset(DatasetName(spec.task().image_classification().dataset())));
  if (!spec.start_network().empty()) {
    ASSIGN_OR_RETURN(*recording.mutable_start_network(), client.GetNetwork(spec.start_network()));
  }
  // Trials last: an episode that is listed has all its trials.
  ASSIGN_OR_RETURN(const std::vector<v1::Episode> episodes, client.ListEpisodes(name));
  recording.mutable_episodes()->Add(episodes.begin(), episodes.end());
  ASSIGN_OR_RETURN(const std::vector<v1::Trial> trials, client.ListTrials(name));
  recording.mutable_trials()->Add(trials.begin(), trials.end());
  return recording;
}

absl::Status Replay(const Session& session, const ReplayOptions& options) {
  ASSIGN_OR_RETURN(const auto client, session.Connect());
  ASSIGN_OR_RETURN(const v1::SearchRecording recording,
                   Record(*client, SearchName(options.search)));
  ASSIGN_OR_RETURN(const base::TempDir folder, base::TempDir::Create());
  const std::string path =
      options.recording.empty() ? folder.Join("recording.json") : options.recording;
  RETURN_IF_ERROR(base::WriteFileDurably(path, ToJson(recording)));
  ASSIGN_OR_RETURN(const std::string programs, base::ProgramFolder());
  ASSIGN_OR_RETURN(base::ChildProcess replay,
                   base::ChildProcess::Start(
                       {.arguments = {absl::StrCat(programs, "/graft-controller"), "replay", path,
                                      "--output", session.json() ? "json" : "table"},
                        .ends_with_parent = true}));
  const std::string end = *replay.AwaitEnd(absl::InfiniteDuration());
  if (end == "exited with status 0") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the replay of search ", options.search,
                                          " does not arrive where the search did (it ", end, ")"));
}

}  // namespace

void AddReplayCommand(CLI::App& app, Session& session) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* verb = app.add_subcommand(
      "replay",
      "Repeats a search's decisions from its seed and measurements, in a process of its own that "
      "trains nothing, and compares the policy after every episode");
  verb->add_option("search", options->search, "search name or id")->required();
  verb->add_option("--recording", options->recording,
                   "File to keep what was replayed in (JSON); `graft-controller replay FILE` "
                   "repeats it anywhere");
  verb->callback([&session, options] {
    session.action = [&session, options] { return Replay(session, *options); };
  });
}

}  // namespace graft::cli
