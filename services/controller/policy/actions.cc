#include "services/controller/policy/actions.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::policy {
namespace {

constexpr std::string_view kWidenPrefix = "w:";
constexpr std::string_view kDeepenPrefix = "d:";
constexpr std::string_view kNothing = "-";
constexpr int kMaxIndex = 9999;

std::string WidenText(const WidenAction& bits) {
  std::string text(kWidenPrefix);
  for (const bool bit : bits) text += bit ? '1' : '0';
  return text;
}

std::string DeepenText(const std::optional<DeepenAction>& action) {
  std::string text(kDeepenPrefix);
  if (!action) return text.append(kNothing);
  absl::StrAppend(&text, action->block, ",", action->position, ",");
  return text.append(action->kernel ? std::to_string(*action->kernel) : std::string(kNothing));
}

// Digits without leading zeros, up to kMaxIndex.
std::optional<int> ParseIndex(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value > kMaxIndex || std::to_string(value) != text) return std::nullopt;
  return value;
}

std::optional<WidenAction> ParseWiden(std::string_view body) {
  WidenAction bits;
  for (const char bit : body) {
    if (bit != '0' && bit != '1') return std::nullopt;
    bits.push_back(bit == '1');
  }
  return bits;
}

std::optional<DeepenAction> ParseInsertion(std::string_view body) {
  const std::vector<std::string> parts = absl::StrSplit(base::ToAbsl(body), ',');
  if (parts.size() != 3) return std::nullopt;
  const std::optional<int> block = ParseIndex(parts[0]);
  const std::optional<int> position = ParseIndex(parts[1]);
  const std::optional<int> kernel = ParseIndex(parts[2]);
  if (!block || *block < 0 || !position || *position < 0) return std::nullopt;
  if (parts[2] != kNothing && (!kernel || *kernel < 0)) return std::nullopt;
  return DeepenAction{.block = *block, .position = *position, .kernel = kernel};
}

absl::Status StepError(std::size_t index, std::string_view step, std::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat("step ", index, " of the actions is `",
                                                 base::ToAbsl(step), "`: expected ",
                                                 base::ToAbsl(expected)));
}

absl::Status ParseStep(std::size_t index, std::string_view step, Actions& actions) {
  if (step.starts_with(kWidenPrefix)) {
    const auto bits = ParseWiden(step.substr(kWidenPrefix.size()));
    if (!bits) return StepError(index, step, "one bit, 0 or 1, a layer");
    if (!actions.deepen.empty()) return StepError(index, step, "no widening after an insertion");
    actions.widen.push_back(*bits);
    return absl::OkStatus();
  }
  if (!step.starts_with(kDeepenPrefix)) return StepError(index, step, "`w:` or `d:`");
  const std::string_view body = step.substr(kDeepenPrefix.size());
  if (body == kNothing) {
    actions.deepen.push_back(std::nullopt);
    return absl::OkStatus();
  }
  const auto insertion = ParseInsertion(body);
  if (!insertion) return StepError(index, step, "`block,position,kernel`, a kernel may be `-`");
  actions.deepen.push_back(insertion);
  return absl::OkStatus();
}

}  // namespace

std::string ToText(const Actions& actions) {
  std::vector<std::string> steps;
  for (const WidenAction& bits : actions.widen) steps.push_back(WidenText(bits));
  for (const auto& action : actions.deepen) steps.push_back(DeepenText(action));
  return absl::StrJoin(steps, "|");
}

absl::StatusOr<Actions> ParseActions(std::string_view text) {
  Actions actions;
  if (text.empty()) return actions;
  const std::vector<std::string> steps = absl::StrSplit(base::ToAbsl(text), '|');
  for (std::size_t i = 0; i < steps.size(); ++i) RETURN_IF_ERROR(ParseStep(i, steps[i], actions));
  return actions;
}

}  // namespace graft::policy
