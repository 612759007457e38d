#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "common/base/fd.h"
#include "common/blob/blob_io.h"
#include "common/blob/memory_blob_store.h"
#include "common/metrics/endpoint.h"
#include "common/metrics/metered_blob_store.h"
#include "common/metrics/registry.h"

namespace graft::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The answer to a GET of /metrics.
std::string Fetch(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer.sin_addr);
  const base::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof(peer)), 0);
  EXPECT_TRUE(
      base::WriteFully(fd.get(), "GET /metrics HTTP/1.0\r\nConnection: close\r\n\r\n", "GET").ok());
  std::string answer;
  char buffer[4096];
  while (true) {
    const ssize_t count = read(fd.get(), buffer, sizeof(buffer));
    if (count <= 0) return answer;
    answer.append(buffer, static_cast<size_t>(count));
  }
}

TEST(RegistryTest, RendersTheThreeKinds) {
  Registry registry;
  registry.AddCounter("graft_a_total", "A counter.", {{"kind", "x"}}).Increment(2);
  registry.AddGauge("graft_b", "A gauge.").Set(-1.5);
  registry.AddHistogram("graft_c_seconds", "A histogram.", {1, 10}).Observe(5);
  const std::string text = registry.Render();
  EXPECT_THAT(text, HasSubstr("# HELP graft_a_total A counter.\n# TYPE graft_a_total counter\n"));
  EXPECT_THAT(text, HasSubstr("graft_a_total{kind=\"x\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("graft_b -1.5\n"));
  EXPECT_THAT(text, HasSubstr("graft_c_seconds_bucket{le=\"1\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("graft_c_seconds_bucket{le=\"10\"} 1\n"));
}

TEST(RegistryTest, SameNameAndLabelsAreTheSameMetric) {
  Registry registry;
  registry.AddCounter("graft_a_total", "A.", {{"kind", "x"}}).Increment();
  registry.AddCounter("graft_a_total", "A.", {{"kind", "y"}}).Increment();
  EXPECT_EQ(registry.AddCounter("graft_a_total", "A.", {{"kind", "x"}}).Value(), 1);
}

TEST(RegistryTest, GaugesAreUpdatedWhenRead) {
  Registry registry;
  Gauge gauge = registry.AddGauge("graft_now", "Now.");
  int reads = 0;
  registry.OnCollect([&] { gauge.Set(++reads); });
  EXPECT_THAT(registry.Render(), HasSubstr("graft_now 1\n"));
  EXPECT_THAT(registry.Render(), HasSubstr("graft_now 2\n"));
}

TEST(RegistryTest, RemovedGaugesAreGoneAndOthersStay) {
  Registry registry;
  for (const char* search : {"1", "2"}) {
    registry.AddGauge("graft_entropy", "Entropy.", {{"search", search}}).Set(1);
    registry.AddGauge("graft_baseline", "Baseline.", {{"search", search}}).Set(1);
  }
  registry.RemoveGauges({{"search", "1"}});
  EXPECT_THAT(registry.Render(), Not(HasSubstr("search=\"1\"")));
  EXPECT_THAT(registry.Render(), HasSubstr("graft_entropy{search=\"2\"} 1"));
  registry.AddGauge("graft_entropy", "Entropy.", {{"search", "1"}}).Set(3);
  EXPECT_THAT(registry.Render(), HasSubstr("graft_entropy{search=\"1\"} 3"));
}

TEST(RegistryDeathTest, OneNameForTwoKindsIsABrokenInvariant) {
  Registry registry;
  registry.AddCounter("graft_a", "A.");
  EXPECT_DEATH(registry.AddGauge("graft_a", "A."), "graft_a");
}

TEST(EndpointTest, ServesTheRegistryOnAPickedPort) {
  Registry registry;
  registry.AddCounter("graft_a_total", "A.").Increment();
  const auto endpoint = Endpoint::Start("127.0.0.1:0", registry);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_THAT(Fetch((*endpoint)->address()), HasSubstr("graft_a_total 1\n"));
}

TEST(EndpointTest, AddressInUseIsUnavailable) {
  Registry registry;
  const auto first = Endpoint::Start("127.0.0.1:0", registry);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(absl::IsUnavailable(Endpoint::Start((*first)->address(), registry).status()));
}

TEST(EndpointTest, MalformedAddressIsInvalid) {
  Registry registry;
  EXPECT_TRUE(absl::IsInvalidArgument(Endpoint::Start("9090", registry).status()));
}

TEST(MeteredBlobStoreTest, CountsBytesHitsMissesAndCommits) {
  Registry registry;
  blob::MemoryBlobStore memory;
  MeteredBlobStore store(&memory, &registry);
  const digest::BlobDigest digest = *blob::PutBytes(&store, "twelve bytes");
  ASSERT_TRUE(blob::ReadBlob(&store, digest, 100).ok());
  ASSERT_TRUE(blob::ReadBlob(&store, digest, 100).ok());
  ASSERT_FALSE(blob::ReadBlob(&store, digest::BlobDigest::Of("other"), 100).ok());
  const std::string text = registry.Render();
  EXPECT_THAT(text, HasSubstr("graft_store_written_bytes_total 12\n"));
  EXPECT_THAT(text, HasSubstr("graft_store_read_bytes_total 24\n"));
  EXPECT_THAT(text, HasSubstr("graft_store_reads_total{outcome=\"hit\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("graft_store_reads_total{outcome=\"miss\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("graft_store_writes_total{outcome=\"committed\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("graft_store_writes_total{outcome=\"error\"} 0\n"));
}

TEST(MeteredBlobStoreTest, CountsRefusedWritesAsErrors) {
  Registry registry;
  blob::MemoryBlobStore memory;
  MeteredBlobStore store(&memory, &registry);
  const auto writer = store.OpenWriter({.expected = digest::BlobDigest::Of("good")});
  ASSERT_TRUE((*writer)->Append("evil").ok());
  EXPECT_FALSE((*writer)->Commit().ok());
  EXPECT_THAT(registry.Render(), HasSubstr("graft_store_writes_total{outcome=\"error\"} 1\n"));
}

}  // namespace
}  // namespace graft::metrics
