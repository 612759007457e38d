#include "services/controller/core/search_validation.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "services/controller/core/seeds.h"

namespace graft::controller {
namespace {

constexpr std::size_t kMaxTextBytes = 128;  // of names, labels' keys and values, metrics
constexpr std::size_t kMaxLabels = 64;
constexpr std::size_t kMaxNumericsClassBytes = 1024;
constexpr std::int64_t kMaxEpisodes = 100'000;
constexpr std::int64_t kMaxChildren = 1'000;
constexpr std::int64_t kMaxPriority = 1'000;
// An action costs about a millisecond, and the controller does nothing else meanwhile.
constexpr std::int64_t kMaxEpisodeActions = 100'000;
constexpr std::size_t kMaxDatasetNameBytes = 63;

constexpr std::string_view kTaskField = "task.image_classification";

// Collects what is wrong, so that a user sees all of it at once.
class Problems {
 public:
  void Add(std::string_view field, std::string description) {
    violations_.push_back({.field = std::string(field), .description = std::move(description)});
  }

  void CheckRange(std::string_view field, std::int64_t value, std::int64_t low, std::int64_t high) {
    if (value >= low && value <= high) return;
    Add(field, absl::StrCat("is ", value, ", expected ", low, " to ", high));
  }

  void CheckText(std::string_view field, std::string_view text, std::size_t max_bytes) {
    if (text.size() <= max_bytes && base::IsValidUtf8(text)) return;
    Add(field, absl::StrCat("expected at most ", max_bytes, " bytes of UTF-8"));
  }

  // The violations of `status` as they are; without any, its message about `field`.
  void Add(std::string_view field, const absl::Status& status) {
    const std::vector<base::FieldViolation> violations = base::FieldViolations(status);
    violations_.insert(violations_.end(), violations.begin(), violations.end());
    if (violations.empty()) Add(field, std::string(status.message()));
  }

  absl::Status ToStatus() const {
    return violations_.empty() ? absl::OkStatus() : base::InvalidFieldsError(violations_);
  }

 private:
  std::vector<base::FieldViolation> violations_;
};

void CheckTexts(const SearchSpec& spec, Problems& problems) {
  problems.CheckText("display_name", spec.display_name, kMaxTextBytes);
  if (spec.labels.size() > kMaxLabels) {
    problems.Add("labels", absl::StrCat("expected at most ", kMaxLabels));
  }
  for (const auto& [key, value] : spec.labels) {
    problems.CheckText("labels", key, kMaxTextBytes);
    problems.CheckText("labels", value, kMaxTextBytes);
  }
  problems.CheckText("numerics_class", spec.numerics_class, kMaxNumericsClassBytes);
}

void CheckNumbers(const SearchSpec& spec, Problems& problems) {
  if (const absl::Status status = CheckEpisodes("budget.episodes", spec.episodes); !status.ok()) {
    problems.Add("budget.episodes", status);
  }
  problems.CheckRange("priority", spec.priority, -kMaxPriority, kMaxPriority);
  problems.CheckRange("budget.children_per_episode", spec.children_per_episode, 1, kMaxChildren);
  problems.CheckRange("policy.parents", spec.parents, 1, kMaxChildren);
  problems.CheckRange("policy.max_redraws", spec.max_redraws, 0, kMaxChildren);
  const std::int64_t actions = spec.children_per_episode * (1 + spec.max_redraws) *
                               std::max(policy::ActionsPerChild(spec.policy), 1);
  if (actions <= kMaxEpisodeActions) return;
  problems.Add("policy.max_redraws",
               absl::StrCat("is ", spec.max_redraws, ": an episode could draw ", actions,
                            " actions, expected at most ", kMaxEpisodeActions));
}

// Metrics that training and a mere evaluation both measure.
constexpr std::string_view kAccuracy = "accuracy";
constexpr std::string_view kLoss = "loss";

void CheckObjective(const SearchSpec& spec, Problems& problems) {
  const Objective& objective = spec.objective;
  if (objective.metric != kAccuracy && objective.metric != kLoss) {
    problems.Add("objective.metric",
                 absl::StrCat("is `", objective.metric, "`, expected accuracy or loss"));
    return;
  }
  // The reward of EAS is tan(pi/2 accuracy).
  if (!std::holds_alternative<policy::EasOptions>(spec.policy)) return;
  if (objective.metric != kAccuracy) {
    problems.Add("objective.metric",
                 "expected accuracy: the policy `eas` learns from nothing else");
  }
  if (objective.minimize) {
    problems.Add("objective.minimize", "expected false: the policy `eas` learns from accuracy");
  }
}

void CheckRecipe(std::string_view field, const recipe::Recipe& recipe, std::int64_t least_epochs,
                 Problems& problems) {
  if (const absl::Status status = recipe::Validate(recipe); !status.ok()) {
    problems.Add(field, base::PrefixFieldViolations(field, status));
  }
  if (recipe.epochs < least_epochs) {
    problems.Add(absl::StrCat(base::ToAbsl(field), ".epochs"),
                 "is 0, expected at least 1: networks of a search are trained");
  }
}

// The start network's architecture is the space's start.
void CompleteStart(const Network& network, SearchSpec& spec, Problems& problems) {
  const arch::Architecture& architecture = network.ref.architecture;
  space::StartNetwork start{.layers = architecture.ToLayers(), .outputs = architecture.ToOutputs()};
  if (spec.space.start.has_value()) {
    const auto written =
        arch::Architecture::Create(spec.space.start->layers, spec.space.start->outputs);
    if (!written.ok() || written->fingerprint() != architecture.fingerprint()) {
      problems.Add("space.plain.start",
                   "expected nothing: `start_network` says which network the search starts from");
    }
  }
  spec.space.start = std::move(start);
}

// Children are trained where their start network was: a worker gives all its trials the same
// number of threads.
void CheckThreads(const SearchSpec& spec, Problems& problems) {
  if (spec.start_recipe.threads == spec.recipe.threads) return;
  problems.Add("start_recipe.threads",
               absl::StrCat("is ", spec.start_recipe.threads, ", expected ", spec.recipe.threads,
                            " as in `recipe`: all trials of a search run with as many"));
}

// Fills in the numbers of images and checks that the data set has so many.
void CompleteTask(trial::ImageClassification& task, const Dataset& dataset, Problems& problems) {
  if (const absl::Status status = trial::Validate(task); !status.ok()) {
    problems.Add(kTaskField, base::PrefixFieldViolations(kTaskField, status));
    return;
  }
  const std::string field(kTaskField);
  if (task.evaluation_split != trial::Split::kValidation) {
    problems.Add(field + ".evaluation_split",
                 "expected validation: only the final report sees the test images");
  }
  task.dataset_digest = dataset.digest.ToString();
  const std::int64_t available = dataset.train_images;
  if (task.validation_images == 0) {
    task.validation_images = std::max<std::int64_t>(1, available / 10);
  }
  if (task.validation_images >= available) {
    problems.Add(field + ".validation_images",
                 absl::StrCat("is ", task.validation_images, ", but data set `", dataset.name,
                              "` has ", available, " training images to draw them from"));
    return;
  }
  const std::int64_t left = available - task.validation_images;
  if (task.train_images == 0) task.train_images = left;
  if (task.train_images > left) {
    problems.Add(field + ".train_images",
                 absl::StrCat("is ", task.train_images, ", but data set `", dataset.name, "` has ",
                              left, " left beside ", task.validation_images, " for validation"));
  }
}

void CompleteRecipe(recipe::Recipe& recipe, std::uint64_t search_seed) {
  if (recipe.seed == 0) recipe.seed = DeriveSeed(search_seed, kRecipeSeed);
}

absl::Status UnknownDataset(std::string_view name) {
  const std::string field = absl::StrCat(base::ToAbsl(kTaskField), ".dataset");
  if (name.empty()) return base::InvalidFieldError(field, "is missing");
  return base::WithReason(
      base::InvalidFieldError(field,
                              absl::StrCat("no data set is registered as `", base::ToAbsl(name),
                                           "`; register one with `graft dataset add`")),
      "UNKNOWN_DATASET");
}

}  // namespace

absl::StatusOr<SearchSpec> CompleteSearchSpec(SearchSpec spec, const Dataset* dataset,
                                              const Network* start_network,
                                              const ExplorerFactory& factory) {
  auto& task = std::get<trial::ImageClassification>(spec.task);
  if (dataset == nullptr) return UnknownDataset(task.dataset);
  Problems problems;
  CheckTexts(spec, problems);
  CheckNumbers(spec, problems);
  CheckObjective(spec, problems);
  // An inherited start network may be good as it is.
  CheckRecipe("start_recipe", spec.start_recipe, start_network == nullptr ? 1 : 0, problems);
  CheckRecipe("recipe", spec.recipe, 1, problems);
  if (start_network != nullptr) CompleteStart(*start_network, spec, problems);
  CheckThreads(spec, problems);
  CompleteTask(task, *dataset, problems);
  const absl::StatusOr<Explorer> explorer = factory(spec, *dataset);
  if (!explorer.ok()) problems.Add("space", explorer.status());
  RETURN_IF_ERROR(problems.ToStatus());
  spec.space = explorer->space_options;
  CompleteRecipe(spec.start_recipe, spec.seed);
  CompleteRecipe(spec.recipe, spec.seed);
  return spec;
}

absl::Status CheckEpisodes(std::string_view field, std::int64_t episodes, std::int64_t least) {
  if (episodes >= least && episodes <= kMaxEpisodes) return absl::OkStatus();
  return base::InvalidFieldError(
      field, absl::StrCat("is ", episodes, ", expected ", least, " to ", kMaxEpisodes));
}

absl::Status ValidateDatasetName(std::string_view name) {
  const bool fits =
      !name.empty() && name.size() <= kMaxDatasetNameBytes && absl::ascii_islower(name[0]) &&
      std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_' || c == '-';
      });
  if (fits) return absl::OkStatus();
  return base::InvalidFieldError(
      "name", absl::StrCat("expected 1 to ", kMaxDatasetNameBytes,
                           " lower-case letters, digits, `_` or `-`, a letter first"));
}

}  // namespace graft::controller
