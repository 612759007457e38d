#include "services/controller/replay_main.h"

#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "absl/strings/str_format.h"
#include "common/base/file.h"
#include "common/base/logging.h"
#include "common/base/status_macros.h"
#include "services/controller/wire/recording_wire.h"

namespace graft::controller {
namespace {

constexpr int kExitDifferent = 1;
constexpr int kExitUsage = 2;

absl::StatusOr<v1::SearchRecording> ReadRecording(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  v1::SearchRecording recording;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &recording);
  if (status.ok()) return recording;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", std::string(status.message().data(), status.message().size())));
}

std::string ToJson(const v1::SearchReplay& replay) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string text;
  (void)google::protobuf::util::MessageToJsonString(replay, &text, options);
  return text;
}

std::string ToText(const v1::SearchReplay& replay) {
  std::string text = absl::StrFormat("%8s  %-16s  %-16s\n", "EPISODE", "RECORDED", "REPLAYED");
  const auto shorten = [](const std::string& digest) {
    return digest.empty() ? "-" : digest.substr(0, 16);
  };
  for (const v1::SearchReplay::Episode& episode : replay.episodes()) {
    absl::StrAppendFormat(&text, "%8d  %-16s  %-16s\n", episode.number(),
                          shorten(episode.recorded_policy_digest()),
                          shorten(episode.replayed_policy_digest()));
  }
  if (replay.equal()) {
    absl::StrAppendFormat(&text, "%s: equal, by the outcomes of %d trials\n", replay.search(),
                          replay.trials());
  } else {
    absl::StrAppendFormat(&text, "%s: different: %s\n", replay.search(), replay.difference());
  }
  return text;
}

absl::StatusOr<v1::SearchReplay> Replay(const std::string& path) {
  ASSIGN_OR_RETURN(const v1::SearchRecording recorded, ReadRecording(path));
  absl::StatusOr<SearchRecording> recording = FromProto(recorded);
  if (!recording.ok()) return base::Annotate(recording.status(), path);
  ASSIGN_OR_RETURN(const SearchReplay replay, ReplaySearch(*recording, MakeExplorer));
  v1::SearchReplay proto = ToProto(replay);
  proto.set_search(recorded.search().name());
  return proto;
}

}  // namespace

int ReplayMain(int argc, char** argv) {
  CLI::App app("Replays a recorded search from its seed and measurements",
               "graft-controller replay");
  std::string path;
  std::string output = "table";
  app.add_option("recording", path, "graft.v1.SearchRecording in JSON, as `graft replay` writes it")
      ->required();
  app.add_option("--output", output, "table or json")->check(CLI::IsMember({"table", "json"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  base::ConfigureLogging(
      {.process_name = "graft-controller replay", .minimum_level = base::LogLevel::kError});
  const absl::StatusOr<v1::SearchReplay> replay = Replay(path);
  if (!replay.ok()) {
    std::cerr << "graft-controller replay: " << replay.status().message() << "\n";
    return kExitUsage;
  }
  std::cout << (output == "json" ? ToJson(*replay) : ToText(*replay)) << std::flush;
  return replay->equal() ? 0 : kExitDifferent;
}

}  // namespace graft::controller
