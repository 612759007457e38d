// What a fuzz target is made of. A target is one file that defines DecodeAndCheck and Seeds;
// libFuzzer runs it in the preset `fuzz`, and seeds_test.cc with the seeds and damaged copies of
// them in all others.
#ifndef GRAFT_TESTS_FUZZ_FUZZ_TARGET_H_
#define GRAFT_TESTS_FUZZ_FUZZ_TARGET_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace graft::fuzz {

// Decodes any bytes and checks a property of what comes out, for example that encoding gives the
// input again; crashes if it does not hold. Returns whether the decoder accepted the input.
bool DecodeAndCheck(std::string_view input);

// Inputs from which others are made. One or more are accepted.
std::vector<std::string> Seeds();

// The contents of the files of a folder, below the repository's root where programs run, whose
// names end in one of `suffixes`; in order of their names.
std::vector<std::string> ReadFiles(const std::string& folder,
                                   std::initializer_list<std::string_view> suffixes);

// For decoders of files: writes `bytes` to a file of a folder that lasts as long as the process,
// and returns the folder's path. A file with the same name is replaced.
std::string WriteScratchFile(const std::string& name, std::string_view bytes);

}  // namespace graft::fuzz

#endif  // GRAFT_TESTS_FUZZ_FUZZ_TARGET_H_
