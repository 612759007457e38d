// What an Architecture holds. Internal to common/arch.
#ifndef GRAFT_COMMON_ARCH_ARCHITECTURE_GRAPH_H_
#define GRAFT_COMMON_ARCH_ARCHITECTURE_GRAPH_H_

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "common/arch/architecture.h"

namespace graft::arch {

using NodesById = std::map<std::string, NodeIndex, std::less<>>;

struct Architecture::Graph {
  // From checked nodes in canonical order.
  Graph(std::vector<Node> canonical_nodes, std::vector<Output> ordered_outputs);

  const std::vector<Node> nodes;
  const std::vector<Output> outputs;
  const digest::Fingerprint fingerprint;
  std::vector<NodeIndex> inputs;
  std::vector<NodeIndex> parameters;
  // The users of node i are user_list[user_begin[i]] up to user_list[user_begin[i + 1]].
  std::vector<int> user_begin;
  std::vector<NodeIndex> user_list;
  NodesById by_id;
  Cost cost;

 private:
  void IndexUsers();
  void AddUpCost();
};

// The bytes of architecture_encoding.h.
std::string EncodeGraph(std::span<const Node> nodes, std::span<const Output> outputs);

}  // namespace graft::arch

#endif  // GRAFT_COMMON_ARCH_ARCHITECTURE_GRAPH_H_
