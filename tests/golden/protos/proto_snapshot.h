// What clients and stored data rely on in the protos, as lines of text, and what a change breaks.
#ifndef GRAFT_TESTS_GOLDEN_PROTOS_PROTO_SNAPSHOT_H_
#define GRAFT_TESTS_GOLDEN_PROTOS_PROTO_SNAPSHOT_H_

#include <string>
#include <string_view>
#include <vector>

namespace google::protobuf {
class FileDescriptorSet;
}

namespace graft::golden {

// One line each, those of a message or an enum in order of number, for all files below proto/:
//
//   field graft.v1.Search.state 3 graft.v1.SearchState
//   field graft.v1.SearchProgress.best_value 9 optional double
//   field graft.v1.SearchSpec.labels 2 map<string, string>
//   field graft.v1.Policy.random 1 graft.v1.RandomPolicy in kind
//   value graft.v1.SearchState.SEARCH_STATE_RUNNING 2
//   rpc graft.v1.SearchService.WatchSearch graft.v1.WatchSearchRequest returns stream ...
//
// Kind and full name identify a line.
std::vector<std::string> Snapshot(const google::protobuf::FileDescriptorSet& files);

// The lines of a snapshot file, without comments (`#`) and empty lines.
std::vector<std::string> ParseSnapshot(std::string_view text);

struct Differences {
  // Sentences: what was removed, renamed or given another number or type.
  std::vector<std::string> broken;
  // Lines that `recorded` lacks.
  std::vector<std::string> added;
};
Differences Compare(const std::vector<std::string>& recorded,
                    const std::vector<std::string>& current);

}  // namespace graft::golden

#endif  // GRAFT_TESTS_GOLDEN_PROTOS_PROTO_SNAPSHOT_H_
