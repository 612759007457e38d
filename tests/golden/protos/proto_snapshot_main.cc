// Records the protos in protos.txt: see refresh.sh.
//
// usage: proto_snapshot DESCRIPTORS SNAPSHOT [--incompatible]
#include <google/protobuf/descriptor.pb.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "tests/golden/protos/proto_snapshot.h"

namespace graft::golden {
namespace {

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The comment that a snapshot file begins with.
std::string Head(const std::string& text) {
  size_t end = 0;
  while (end < text.size() && text[end] == '#') end = text.find('\n', end) + 1;
  return text.substr(0, end);
}

int Main(const std::string& descriptors, const std::string& path, bool incompatible) {
  std::ifstream input(descriptors, std::ios::binary);
  google::protobuf::FileDescriptorSet files;
  if (!files.ParseFromIstream(&input)) {
    std::cerr << "proto_snapshot: cannot read " << descriptors << "\n";
    return 1;
  }
  const std::string text = ReadText(path);
  const std::vector<std::string> current = Snapshot(files);
  const Differences differences = Compare(ParseSnapshot(text), current);
  for (const std::string& sentence : differences.broken) std::cerr << sentence << "\n";
  if (!differences.broken.empty() && !incompatible) {
    std::cerr << "proto_snapshot: not recorded; see " << path << "\n";
    return 1;
  }
  std::ofstream file(path);
  file << Head(text);
  for (const std::string& line : current) file << line << "\n";
  for (const std::string& line : differences.added) std::cout << "recorded " << line << "\n";
  return file.flush().good() ? 0 : 1;
}

}  // namespace
}  // namespace graft::golden

int main(int argc, char** argv) {
  const bool incompatible = argc == 4 && std::string(argv[3]) == "--incompatible";
  if (argc != 3 && !incompatible) {
    std::cerr << "usage: proto_snapshot DESCRIPTORS SNAPSHOT [--incompatible]\n";
    return 2;
  }
  return graft::golden::Main(argv[1], argv[2], incompatible);
}
