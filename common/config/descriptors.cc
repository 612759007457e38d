#include "common/config/descriptors.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"

namespace graft::config::internal {
namespace {

using ::google::protobuf::DescriptorPool;
using ::google::protobuf::SourceLocation;

// The descriptors compiled into the program have lost their comments; this pool has them.
const DescriptorPool& CommentedPool() {
  static const DescriptorPool* const pool = [] {
    google::protobuf::FileDescriptorSet files;
    const std::string_view bytes = EmbeddedDescriptorSet();
    GRAFT_CHECK(files.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    auto* built = new DescriptorPool();
    for (const auto& file : files.file()) GRAFT_CHECK(built->BuildFile(file) != nullptr);
    return built;
  }();
  return *pool;
}

template <typename Commented>
std::string LeadingComment(const Commented* commented) {
  SourceLocation location;
  if (commented == nullptr || !commented->GetSourceLocation(&location)) return "";
  const std::vector<std::string> words =
      absl::StrSplit(location.leading_comments, absl::ByAnyChar(" \n\t"), absl::SkipWhitespace());
  return absl::StrJoin(words, " ");
}

}  // namespace

std::string CommentOf(const google::protobuf::FieldDescriptor& field) {
  return LeadingComment(CommentedPool().FindFieldByName(field.full_name()));
}

std::string CommentOf(const google::protobuf::EnumValueDescriptor& value) {
  return LeadingComment(CommentedPool().FindEnumValueByName(value.full_name()));
}

}  // namespace graft::config::internal
