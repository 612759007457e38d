#include "tests/unit/controller/fakes.h"

#include <bit>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/arch/expand.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/digest/sha256.h"
#include "common/trial/trial_key.h"
#include "services/controller/core/seeds.h"

namespace graft::controller {
namespace {

constexpr char kLayer[] = "convolution_1";

}  // namespace

absl::Status FakeEventLog::Append(std::span<const Record> records, const PolicySnapshot* snapshot) {
  if (full_) return absl::ResourceExhaustedError("full");
  return MemoryEventLog::Append(records, snapshot);
}

absl::Status MortalEventLog::Append(std::span<const Record> records,
                                    const PolicySnapshot* snapshot) {
  const std::int64_t number = appends_++;
  if (number < death_) return log_->Append(records, snapshot);
  if (number == death_ && written_) RETURN_IF_ERROR(log_->Append(records, snapshot));
  return absl::UnavailableError("the process is dead");
}

void FakePolicy::Mix(double value) {
  state_ = (state_ ^ std::bit_cast<std::uint64_t>(value)) * 0x9e3779b97f4a7c15u + 1;
}

std::uint64_t FakePolicy::Next() {
  state_ = state_ * 6364136223846793005u + 1442695040888963407u;
  return state_ >> 33;
}

absl::StatusOr<policy::Proposal> FakePolicy::Propose(const arch::Architecture& parent) {
  const auto node = parent.FindNode(kLayer);
  if (!node.has_value()) return absl::InternalError("no convolution");
  const std::int64_t width = parent.node(*node).type.shape.dim(0);
  const auto wider = width + 1 + static_cast<std::int64_t>(Next() % 8);
  policy::Proposal proposal;
  proposal.edits.push_back(
      {.transformation = "widen_layer",
       .attributes = {{"layer", std::string(kLayer)}, {"width", std::int64_t{wider}}}});
  proposal.actions = absl::StrCat("widen to ", wider);
  return proposal;
}

absl::Status FakePolicy::Observe(std::span<const policy::Observation> episode) {
  for (const policy::Observation& child : episode) Mix(child.value.value_or(-1));
  return absl::OkStatus();
}

std::string FakePolicy::SaveState() const { return absl::StrCat(state_); }

absl::Status FakePolicy::RestoreState(std::string_view state) {
  if (absl::SimpleAtoi(base::ToAbsl(state), &state_)) return absl::OkStatus();
  return absl::InvalidArgumentError("not a state");
}

arch::Architecture FakeStart() {
  std::vector<arch::LayerDef> layers(4);
  layers[0] = {.id = kLayer,
               .op = "convolution",
               .attributes = {{"filters", std::int64_t{4}}, {"kernel", std::int64_t{3}}}};
  layers[1].op = "relu";
  layers[2].op = "flatten";
  layers[3] = {.op = "linear", .attributes = {{"units", std::int64_t{10}}}};
  absl::StatusOr<arch::Architecture> start = arch::Expand(layers, {}, {.input_shape = {1, 4, 4}});
  GRAFT_CHECK_OK(start.status());
  return *start;
}

ExplorerFactory FakeExplorers(std::uint64_t quirk) {
  return [quirk](const SearchSpec& spec, const Dataset&) -> absl::StatusOr<Explorer> {
    return Explorer{
        .start = FakeStart(),
        .space_options = spec.space,
        .policy = std::make_unique<FakePolicy>(DeriveSeed(spec.seed, kPolicySeed), quirk)};
  };
}

Dataset FakeDataset() {
  return {.name = kDatasetName,
          .digest = digest::BlobDigest::Of("digits"),
          .train_images = 100,
          .test_images = 20,
          .image_shape = {1, 4, 4},
          .class_names = std::vector<std::string>(10, "digit")};
}

SearchSpec FakeSpec() {
  SearchSpec spec;
  spec.display_name = "fake";
  std::get<trial::ImageClassification>(spec.task).dataset = kDatasetName;
  spec.start_recipe.epochs = 2;
  spec.recipe.epochs = 1;
  spec.parents = 2;
  spec.episodes = 2;
  spec.children_per_episode = 4;
  return spec;
}

trial::TrialResult FakeResult(const trial::TrialSpec& spec) {
  const digest::TrialKey key = trial::KeyOf(spec, kFakeClass);
  const double value = 0.5 + key.sha256().bytes()[0] / 1024.0;
  trial::TrialResult result{.weights =
                                digest::WeightsDigest(digest::BlobDigest::Of(key.ToString()))};
  result.measurement.metrics = {{"accuracy", value}, {"loss", 1 - value}};
  result.measurement.cost.wall_time = absl::Seconds(10);
  result.measurement.preservation_error = 1e-6;
  return result;
}

absl::StatusOr<std::vector<LeaseView>> FakeWorker::Lease(std::int64_t slots) {
  return controller_->LeaseTrials({.worker = info_, .slots = slots});
}

absl::Status FakeWorker::Complete(const LeaseView& lease) {
  return controller_->ReportTrial(info_.name, lease.attempt, FakeResult(*lease.spec));
}

absl::Status FakeWorker::Fail(const LeaseView& lease, trial::FailureReason reason) {
  return controller_->ReportTrial(info_.name, lease.attempt,
                                  trial::Failure{.reason = reason, .message = "as told"});
}

absl::StatusOr<Directive> FakeWorker::Heartbeat(const LeaseView& lease, std::int64_t epochs_done) {
  ASSIGN_OR_RETURN(const std::vector<Directive> directives,
                   controller_->Heartbeat(info_, {{.attempt = lease.attempt,
                                                   .progress = {.epochs_done = epochs_done}}}));
  return directives.at(0);
}

absl::Status FakeWorker::Work(const std::function<bool()>& stop) {
  while (stop == nullptr || !stop()) {
    ASSIGN_OR_RETURN(const std::vector<LeaseView> leases, Lease(2));
    if (leases.empty()) return absl::OkStatus();
    for (const LeaseView& lease : leases) RETURN_IF_ERROR(Complete(lease));
  }
  return absl::OkStatus();
}

}  // namespace graft::controller
