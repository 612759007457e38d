// Hands a target's functions to libFuzzer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

// Writes the seeds to the folder that GRAFT_FUZZ_SEEDS names; libFuzzer reads it afterwards.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* folder = std::getenv("GRAFT_FUZZ_SEEDS");
  if (folder == nullptr) return 0;
  const std::vector<std::string> seeds = graft::fuzz::Seeds();
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    const std::string name = "seed_" + std::to_string(i);
    std::ofstream(std::filesystem::path(folder) / name, std::ios::binary) << seeds[i];
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  graft::fuzz::DecodeAndCheck({reinterpret_cast<const char*>(data), size});
  return 0;
}
