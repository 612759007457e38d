// deploy/quickstart.sh, with programs that are built already and a small search.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/child_process.h"
#include "common/base/fd.h"
#include "common/base/file.h"
#include "tests/integration/process_cluster.h"
#include "tests/integration/search_file.h"

namespace graft::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

// Turns a hang into a failure.
constexpr absl::Duration kPatience = absl::Minutes(5);
constexpr int kDefaultPort = 7070;

int CountOf(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

class QuickstartTest : public ::testing::Test {
 protected:
  absl::StatusOr<base::ChildProcess> Start(const std::vector<std::string>& options) {
    std::filesystem::remove(Output());
    const std::string programs = std::filesystem::path(Program("graft")).parent_path().string();
    std::vector<std::string> arguments = {SourcePath("deploy/quickstart.sh"), "--programs",
                                          programs, "--dir", State()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return base::ChildProcess::Start({.arguments = arguments,
                                      .environment = {Mark()},
                                      .log_path = Output(),
                                      .ends_with_parent = true});
  }
  std::string Run(const std::vector<std::string>& options) {
    auto script = Start(options);
    return script.ok() ? script->AwaitEnd(kPatience).value_or("hangs") : script.status().ToString();
  }

  // Marks what the script has started.
  std::string Mark() const { return "GRAFT_QUICKSTART_TEST=" + folder_.path(); }
  std::string State() const { return folder_.Join("state"); }
  std::string Output() const { return folder_.Join("output"); }
  std::string OutputText() const { return base::ReadFile(Output()).value_or(""); }
  std::string WorkerLog() const {
    return base::ReadFile(State() + "/logs/worker.log").value_or("");
  }

  const base::TempDir folder_ = base::TempDir::Create("graft-quickstart-").value();
};

// Listens on the port that the script would take by itself, unless somebody else does.
base::UniqueFd TakeDefaultPort() {
  base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kDefaultPort);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    listen(socket.get(), 1);
  }
  return socket;
}

TEST_F(QuickstartTest, GrowsAndExportsANetworkAndShowsItWhenRunAgain) {
  if (!HasFashionMnist()) GTEST_SKIP() << kNoFashionMnist;
  const base::UniqueFd taken = TakeDefaultPort();
  const std::vector<std::string> options = {"--search", SourcePath("deploy/examples/smoke.yaml")};
  ASSERT_EQ(Run(options), "exited with status 0") << OutputText();
  const std::string first = OutputText();
  EXPECT_THAT(first, AllOf(HasSubstr("127.0.0.1:7070 is in use"), HasSubstr("Best networks"),
                           HasSubstr("Lineage of the best child")));
  for (const char* file : {"weights.safetensors", "architecture.json", "network.json"}) {
    EXPECT_TRUE(std::filesystem::exists(absl::StrCat(State(), "/best/", file))) << file;
  }
  EXPECT_THAT(ProcessesWithVariable(Mark()), IsEmpty());

  const int trials = CountOf(WorkerLog(), "trial started");
  EXPECT_GE(trials, 8);
  std::filesystem::remove_all(State() + "/best");
  ASSERT_EQ(Run(options), "exited with status 0") << OutputText();
  // The same tables, and nothing trained for them.
  EXPECT_THAT(OutputText(), HasSubstr(first.substr(first.find("Best networks"))));
  EXPECT_EQ(CountOf(WorkerLog(), "trial started"), trials);
  EXPECT_TRUE(std::filesystem::exists(State() + "/best/weights.safetensors"));
}

std::string BigEndian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

// Images and labels of one set of ten classes, 28 x 28 pixels that tell the class.
void WriteIdxPair(const std::string& prefix, int count, int shift) {
  std::string images = BigEndian(0x803) + BigEndian(count) + BigEndian(28) + BigEndian(28);
  std::string labels = BigEndian(0x801) + BigEndian(count);
  for (int image = 0; image < count; ++image) {
    labels.push_back(static_cast<char>(image % 10));
    for (int i = 0; i < 28 * 28; ++i) {
      images.push_back(static_cast<char>((i % 28 < 2 * (image % 10) ? 200 : 20) + shift));
    }
  }
  ASSERT_TRUE(base::WriteFileDurably(prefix + "-images-idx3-ubyte", images).ok());
  ASSERT_TRUE(base::WriteFileDurably(prefix + "-labels-idx1-ubyte", labels).ok());
}

void WriteSmallFashionMnist(const std::string& folder, int shift) {
  ASSERT_TRUE(base::CreateDirectories(folder).ok());
  WriteIdxPair(folder + "/train", 200, shift);
  WriteIdxPair(folder + "/t10k", 50, shift);
}

TEST_F(QuickstartTest, TakesFashionMnistFromTheFolderGiven) {
  const std::string data = folder_.Join("data");
  ASSERT_NO_FATAL_FAILURE(WriteSmallFashionMnist(data, 0));
  const std::string search = WriteSearchFile(folder_.path(), {.name = "elsewhere",
                                                              .episodes = 1,
                                                              .children = 1,
                                                              .train_images = 100,
                                                              .validation_images = 50});
  const std::vector<std::string> options = {"--search", search, "--listen", "127.0.0.1:0"};
  const auto with_data = [&](const std::string& folder) {
    std::vector<std::string> all = options;
    all.insert(all.end(), {"--data", folder});
    return all;
  };
  ASSERT_EQ(Run(with_data(data)), "exited with status 0") << OutputText();
  EXPECT_THAT(base::ReadFile(State() + "/local.log").value_or(""),
              HasSubstr("data set fashion_mnist registered from " + data));
  EXPECT_EQ(Run(with_data(data)), "exited with status 0") << OutputText();
  EXPECT_EQ(Run(options), "exited with status 0") << OutputText();

  // The name stands for the first one.
  const std::string other = folder_.Join("other");
  ASSERT_NO_FATAL_FAILURE(WriteSmallFashionMnist(other, 1));
  EXPECT_EQ(Run(with_data(other)), "exited with status 1");
  EXPECT_THAT(OutputText(), AllOf(HasSubstr("--data " + other),
                                  HasSubstr("`fashion_mnist` stands for another digest")));
  EXPECT_THAT(ProcessesWithVariable(Mark()), IsEmpty());
}

TEST_F(QuickstartTest, TakesDataToTheClusterThatRuns) {
  const std::string data = folder_.Join("data");
  const std::string other = folder_.Join("other");
  ASSERT_NO_FATAL_FAILURE(WriteSmallFashionMnist(data, 0));
  ASSERT_NO_FATAL_FAILURE(WriteSmallFashionMnist(other, 1));
  auto cluster =
      base::ChildProcess::Start({.arguments = {Program("graft"), "local", "--dir", State(),
                                               "--data", data, "--listen", "127.0.0.1:0"},
                                 .log_path = Output(),
                                 .ends_with_parent = true});
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  const absl::Time deadline = absl::Now() + kPatience;
  while (OutputText().find("\nready") == std::string::npos) {
    ASSERT_EQ(cluster->Ended(), std::nullopt) << OutputText();
    ASSERT_LT(absl::Now(), deadline) << OutputText();
    absl::SleepFor(absl::Milliseconds(20));
  }
  const std::string search = WriteSearchFile(folder_.path(), {.name = "running",
                                                              .episodes = 1,
                                                              .children = 1,
                                                              .train_images = 100,
                                                              .validation_images = 50});
  EXPECT_EQ(Run({"--search", search, "--data", data}), "exited with status 0") << OutputText();
  EXPECT_THAT(OutputText(), HasSubstr("Using the cluster that runs in"));
  EXPECT_EQ(Run({"--search", search, "--data", other}), "exited with status 1");
  EXPECT_THAT(OutputText(), HasSubstr("`fashion_mnist` stands for another digest"));
  EXPECT_EQ(cluster->Stop(kPatience), "exited with status 0");
}

TEST_F(QuickstartTest, InterruptedScriptLeavesNoProcess) {
  if (!HasFashionMnist()) GTEST_SKIP() << kNoFashionMnist;
  const std::string search = WriteSearchFile(
      folder_.path(), {.name = "interrupted", .episodes = 50, .train_images = 20000});
  auto script = Start({"--search", search, "--listen", "127.0.0.1:0"});
  ASSERT_TRUE(script.ok()) << script.status();
  const absl::Time deadline = absl::Now() + kPatience;
  while (WorkerLog().find("trial started") == std::string::npos) {
    ASSERT_EQ(script->Ended(), std::nullopt) << OutputText();
    ASSERT_LT(absl::Now(), deadline) << OutputText();
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_THAT(ProcessesWithVariable(Mark()), Not(IsEmpty()));
  script->Signal(SIGINT);
  EXPECT_EQ(script->AwaitEnd(kPatience), "exited with status 130") << OutputText();
  EXPECT_THAT(ProcessesWithVariable(Mark()), IsEmpty());
  EXPECT_THAT(OutputText(), HasSubstr("Run this again to go on from there"));
}

TEST_F(QuickstartTest, WrongArgumentsAreRefusedBeforeAnythingStarts) {
  EXPECT_EQ(Run({"--seach", "x"}), "exited with status 2");
  EXPECT_THAT(OutputText(), StartsWith("quickstart.sh: unknown argument '--seach'"));
  EXPECT_EQ(Run({"--search", "/no/such/file"}), "exited with status 2");
  EXPECT_THAT(OutputText(), HasSubstr("/no/such/file"));
  EXPECT_EQ(Run({"--programs", "/no/such/folder"}), "exited with status 2");
  EXPECT_THAT(OutputText(), HasSubstr("/no/such/folder/graft"));
  const std::string data = folder_.Join("data");
  ASSERT_NO_FATAL_FAILURE(WriteSmallFashionMnist(data, 0));
  std::filesystem::remove(data + "/t10k-labels-idx1-ubyte");
  EXPECT_EQ(Run({"--data", data}), "exited with status 2");
  EXPECT_THAT(OutputText(), HasSubstr(absl::StrCat("expected Fashion-MNIST's files in ", data,
                                                   ", found no t10k-labels-idx1-ubyte or "
                                                   "t10k-labels-idx1-ubyte.gz")));
  EXPECT_FALSE(std::filesystem::exists(State()));
}

}  // namespace
}  // namespace graft::testing
