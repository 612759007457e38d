// The verbs of `graft`, a file each. Each function declares its verb's arguments and, when the verb
// is chosen, sets Session::action.
#ifndef GRAFT_SERVICES_CLI_COMMANDS_COMMANDS_H_
#define GRAFT_SERVICES_CLI_COMMANDS_COMMANDS_H_

namespace CLI {
class App;
}

namespace graft::cli {

struct Session;

void AddLocalCommand(CLI::App& app, Session& session);
void AddInitCommand(CLI::App& app, Session& session);
void AddSubmitCommand(CLI::App& app, Session& session);
void AddWatchCommand(CLI::App& app, Session& session);
void AddListCommand(CLI::App& app, Session& session);
void AddShowCommand(CLI::App& app, Session& session);
void AddTrialsCommand(CLI::App& app, Session& session);
void AddNetworksCommand(CLI::App& app, Session& session);
void AddLineageCommand(CLI::App& app, Session& session);
void AddWorkersCommand(CLI::App& app, Session& session);
void AddLifecycleCommands(CLI::App& app, Session& session);
void AddDoctorCommand(CLI::App& app, Session& session);
void AddReplayCommand(CLI::App& app, Session& session);
void AddImportCommand(CLI::App& app, Session& session);
void AddCompareCommand(CLI::App& app, Session& session);
void AddDatasetCommand(CLI::App& app, Session& session);
void AddEvaluateCommand(CLI::App& app, Session& session);
void AddLogsCommand(CLI::App& app, Session& session);
void AddExportCommand(CLI::App& app, Session& session);
void AddTuneCommand(CLI::App& app, Session& session);

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_COMMANDS_COMMANDS_H_
