#include "tests/integration/search_file.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/file.h"

namespace graft::testing {

std::string WriteSearchFile(const std::string& folder, const SmallSearch& search) {
  const std::string path = absl::StrCat(folder, "/", search.name, ".yaml");
  const std::string text = absl::StrFormat(
      R"(display_name: %s
task:
  image_classification:
    {dataset: fashion_mnist, train_images: %d, validation_images: %d, split_seed: 1}
space: {plain: {max_macs: 1000000}}
policy: {%s}
start_recipe: {epochs: %d, sgd: {learning_rate: 0.05}}
recipe: {epochs: %d, sgd: {learning_rate: 0.05}}
budget: {episodes: %d, children_per_episode: %d}
seed: %d
)",
      search.name, search.train_images, search.validation_images, search.policy,
      search.start_epochs, search.epochs, search.episodes, search.children, search.seed);
  GRAFT_CHECK_OK(base::WriteFileDurably(path, text));
  return path;
}

absl::StatusOr<std::map<std::string, std::string>> ParseFlatJson(const std::string& json) {
  google::protobuf::Struct object;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &object);
  if (!status.ok()) return absl::InvalidArgumentError(absl::StrCat("not a JSON object: ", json));
  std::map<std::string, std::string> values;
  for (const auto& [key, value] : object.fields()) {
    if (value.has_number_value()) values[key] = absl::StrFormat("%.17g", value.number_value());
    if (value.has_string_value()) values[key] = value.string_value();
  }
  return values;
}

double NumberOf(const std::map<std::string, std::string>& object, const std::string& key) {
  const auto found = object.find(key);
  GRAFT_CHECK(found != object.end()) << "no number " << key;
  return std::strtod(found->second.c_str(), nullptr);
}

}  // namespace graft::testing
