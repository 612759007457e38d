// The values that the scripts of this folder wrote.
#ifndef GRAFT_TESTS_GOLDEN_PYTORCH_GOLDEN_FILE_H_
#define GRAFT_TESTS_GOLDEN_PYTORCH_GOLDEN_FILE_H_

#include <map>
#include <string>
#include <vector>

namespace graft::engine {

// The tensors of `<name>.txt` by name. A test that runs in another folder than the repository's
// root fails.
std::map<std::string, std::vector<float>> ReadGolden(const std::string& name);

}  // namespace graft::engine

#endif  // GRAFT_TESTS_GOLDEN_PYTORCH_GOLDEN_FILE_H_
