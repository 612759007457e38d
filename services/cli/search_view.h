// How searches, trials and networks read in a terminal.
#ifndef GRAFT_SERVICES_CLI_SEARCH_VIEW_H_
#define GRAFT_SERVICES_CLI_SEARCH_VIEW_H_

#include <string>
#include <vector>

#include "proto/graft/v1/search_service.pb.h"

namespace graft::cli {

// One row a search, trial, network, worker or data set.
std::string SearchTable(const std::vector<v1::Search>& searches);
std::string TrialTable(const std::vector<v1::Trial>& trials);
std::string NetworkTable(const std::vector<v1::Network>& networks);
std::string WorkerTable(const std::vector<v1::Worker>& workers);
std::string DatasetTable(const std::vector<v1::Dataset>& datasets);

// Several lines with all that people ask for.
std::string Describe(const v1::Search& search);
std::string Describe(const v1::Trial& trial);
std::string Describe(const v1::Network& network);

// One line: "episode 2/4  trials 14 done, 2 running, 2 queued  best 84.10 % (start 71.35 %)  3 min
// left".
std::string ProgressLine(const v1::Search& search);

// "running", "completed (cached)".
std::string StateLabel(v1::SearchState state);
std::string StateLabel(const v1::Trial& trial);

bool HasEnded(v1::SearchState state);
bool HasEnded(v1::TrialState state);

// "widen_layer(layer=conv1, width=8)", joined by ", "; attributes at their defaults are left out.
std::string EditsLabel(const google::protobuf::RepeatedPtrField<v1::Edit>& edits);

}  // namespace graft::cli

#endif  // GRAFT_SERVICES_CLI_SEARCH_VIEW_H_
