// No field, enum value or method of the protos is removed, renamed, renumbered or retyped.
#include "tests/golden/protos/proto_snapshot.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_join.h"

namespace graft::golden {
namespace {

using ::google::protobuf::FileDescriptorSet;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ProtosTest, NothingRecordedIsMissingOrDiffers) {
  std::ifstream input(GRAFT_DESCRIPTORS, std::ios::binary);
  FileDescriptorSet files;
  ASSERT_TRUE(files.ParseFromIstream(&input)) << GRAFT_DESCRIPTORS;
  std::ifstream recorded(std::string(std::getenv("GRAFT_SOURCE_DIR")) +
                         "/tests/golden/protos/protos.txt");
  const std::string text(std::istreambuf_iterator<char>(recorded), {});
  const std::vector<std::string> lines = ParseSnapshot(text);
  ASSERT_GT(lines.size(), 100u);

  const Differences differences = Compare(lines, Snapshot(files));
  EXPECT_THAT(differences.broken, IsEmpty())
      << "clients and stored data rely on these; tests/golden/protos/protos.txt says what to do";
  EXPECT_THAT(differences.added, IsEmpty())
      << "record what was added: tests/golden/protos/refresh.sh";
}

TEST(SnapshotTest, HasALineForEachFieldValueAndMethodInOrderOfNumber) {
  FileDescriptorSet files;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"pb(
        file {
          name: "proto/p.proto"
          package: "p"
          message_type {
            name: "M"
            field { name: "b" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL }
            field { name: "a" number: 1 type: TYPE_INT64 label: LABEL_OPTIONAL }
            field {
              name: "c"
              number: 3
              type: TYPE_MESSAGE
              type_name: ".p.M.Inner"
              label: LABEL_REPEATED
            }
            field {
              name: "d"
              number: 4
              type: TYPE_DOUBLE
              label: LABEL_OPTIONAL
              oneof_index: 1
              proto3_optional: true
            }
            field {
              name: "e"
              number: 5
              type: TYPE_MESSAGE
              type_name: ".p.M.EEntry"
              label: LABEL_REPEATED
            }
            field { name: "f" number: 6 type: TYPE_BOOL label: LABEL_OPTIONAL oneof_index: 0 }
            nested_type {
              name: "EEntry"
              field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
              field {
                name: "value"
                number: 2
                type: TYPE_ENUM
                type_name: ".p.E"
                label: LABEL_OPTIONAL
              }
              options { map_entry: true }
            }
            nested_type {
              name: "Inner"
              field { name: "g" number: 1 type: TYPE_ENUM type_name: ".p.E" label: LABEL_OPTIONAL }
            }
            oneof_decl { name: "kind" }
            oneof_decl { name: "_d" }
          }
          enum_type {
            name: "E"
            value { name: "E_ONE" number: 1 }
            value { name: "E_UNSPECIFIED" number: 0 }
          }
          service {
            name: "S"
            method { name: "Get" input_type: ".p.M" output_type: ".p.M.Inner" }
            method {
              name: "Talk"
              input_type: ".p.M"
              output_type: ".p.M.Inner"
              client_streaming: true
              server_streaming: true
            }
          }
        })pb",
      &files));
  EXPECT_THAT(Snapshot(files),
              ElementsAre("rpc p.S.Get p.M returns p.M.Inner",
                          "rpc p.S.Talk stream p.M returns stream p.M.Inner",
                          "value p.E.E_UNSPECIFIED 0", "value p.E.E_ONE 1", "field p.M.a 1 int64",
                          "field p.M.b 2 string", "field p.M.c 3 repeated p.M.Inner",
                          "field p.M.d 4 optional double", "field p.M.e 5 map<string, p.E>",
                          "field p.M.f 6 bool in kind", "field p.M.Inner.g 1 p.E"));
}

TEST(SnapshotTest, LeavesOutFilesOfOthers) {
  FileDescriptorSet files;
  files.add_file()->set_name("google/protobuf/struct.proto");
  files.mutable_file(0)->add_message_type()->add_field()->set_name("f");
  EXPECT_THAT(Snapshot(files), IsEmpty());
}

TEST(SnapshotTest, FileIsReadWithoutCommentsAndEmptyLines) {
  EXPECT_THAT(ParseSnapshot("# head\n\nvalue p.E.A 0\n"), ElementsAre("value p.E.A 0"));
}

struct Change {
  std::string name;
  std::vector<std::string> before;
  std::vector<std::string> after;
  std::string broken;  // the only sentence; empty: none
  int added = 0;
};

class ChangeTest : public ::testing::TestWithParam<Change> {};

TEST_P(ChangeTest, IsBrokenOrAdded) {
  const Differences differences = Compare(GetParam().before, GetParam().after);
  if (GetParam().broken.empty()) {
    EXPECT_THAT(differences.broken, IsEmpty());
  } else {
    EXPECT_THAT(differences.broken, ElementsAre(GetParam().broken));
  }
  EXPECT_EQ(static_cast<int>(differences.added.size()), GetParam().added)
      << absl::StrJoin(differences.added, "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Changes, ChangeTest,
    ::testing::Values(Change{"None", {"field p.M.a 1 string"}, {"field p.M.a 1 string"}, ""},
                      Change{"Order",
                             {"field p.M.a 1 bool", "field p.N.a 1 bool"},
                             {"field p.N.a 1 bool", "field p.M.a 1 bool"},
                             ""},
                      Change{"AddedField",
                             {"field p.M.a 1 string"},
                             {"field p.M.a 1 string", "field p.M.b 2 bool"},
                             "",
                             1},
                      Change{"AddedMethod", {}, {"rpc p.S.A p.X returns p.Y"}, "", 1},
                      Change{"RemovedField",
                             {"field p.M.a 1 string", "field p.M.b 2 bool"},
                             {"field p.M.a 1 string"},
                             "field p.M.b was removed"},
                      Change{"MovedField",
                             {"field p.M.a 1 string"},
                             {"field p.N.a 1 string"},
                             "field p.M.a was removed",
                             1},
                      Change{"RenamedField",
                             {"field p.M.a 1 string"},
                             {"field p.M.b 1 string"},
                             "field p.M.a was renamed to field p.M.b",
                             1},
                      Change{"RenumberedField",
                             {"field p.M.a 1 string"},
                             {"field p.M.a 2 string"},
                             "field p.M.a was `1 string` and is `2 string`"},
                      Change{"RetypedField",
                             {"field p.M.a 1 int64"},
                             {"field p.M.a 1 optional int64"},
                             "field p.M.a was `1 int64` and is `1 optional int64`"},
                      Change{
                          "RetypedMapValue",
                          {"field p.M.a 1 map<string, int64>"},
                          {"field p.M.a 1 map<string, string>"},
                          "field p.M.a was `1 map<string, int64>` and is `1 map<string, string>`"},
                      Change{"RemovedValue", {"value p.E.A 0"}, {}, "value p.E.A was removed"},
                      Change{"RenumberedValue",
                             {"value p.E.A 1"},
                             {"value p.E.A 2"},
                             "value p.E.A was `1` and is `2`"},
                      Change{"RemovedMethod",
                             {"rpc p.S.A p.X returns p.Y"},
                             {"rpc p.S.B p.X returns p.Y"},
                             "rpc p.S.A was removed",
                             1},
                      Change{"MethodThatStreams",
                             {"rpc p.S.A p.X returns p.Y"},
                             {"rpc p.S.A p.X returns stream p.Y"},
                             "rpc p.S.A was `p.X returns p.Y` and is `p.X returns stream p.Y`"}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace graft::golden
