#ifndef GRAFT_SERVICES_CONTROLLER_REPLAY_MAIN_H_
#define GRAFT_SERVICES_CONTROLLER_REPLAY_MAIN_H_

namespace graft::controller {

// `graft-controller replay FILE [--output table|json]`: replays a graft.v1.SearchRecording in JSON.
// Returns the exit code: 0 if the search went the same way, 1 if not, 2 for bad usage.
int ReplayMain(int argc, char** argv);

}  // namespace graft::controller

#endif  // GRAFT_SERVICES_CONTROLLER_REPLAY_MAIN_H_
