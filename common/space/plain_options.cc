#include "common/space/plain_options.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/arch/expand.h"
#include "common/base/field_error.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"

namespace graft::space {
namespace {

constexpr std::int64_t kMaxWidth = 1 << 16;
constexpr std::int64_t kMaxKernel = 63;
constexpr std::int64_t kMaxLayers = 1000;
// A weight costs at least one multiply-accumulate, and so does an element of a value: below this
// no network exceeds arch::Limits.
constexpr std::int64_t kMaxMacs = std::int64_t{1} << 32;
constexpr size_t kMaxLadder = 256;

std::vector<std::int64_t> Ladder(std::int64_t step, std::int64_t last) {
  std::vector<std::int64_t> ladder;
  for (std::int64_t width = step; width <= last; width += step) ladder.push_back(width);
  return ladder;
}

absl::Status CheckLadder(std::string_view field, const std::vector<std::int64_t>& ladder,
                         std::int64_t maximum) {
  if (ladder.size() > kMaxLadder) {
    return base::InvalidFieldError(
        field, absl::StrCat("must have at most ", kMaxLadder, " entries, got ", ladder.size()));
  }
  for (size_t i = 0; i < ladder.size(); ++i) {
    const std::string entry = absl::StrCat(base::ToAbsl(field), "[", i, "]");
    if (ladder[i] < 1 || ladder[i] > maximum) {
      return base::InvalidFieldError(
          entry, absl::StrCat("must be between 1 and ", maximum, ", got ", ladder[i]));
    }
    if (i > 0 && ladder[i] <= ladder[i - 1]) {
      return base::InvalidFieldError(entry, absl::StrCat("must be above the entry before it, ",
                                                         ladder[i - 1], ", got ", ladder[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckOdd(std::string_view field, const std::vector<std::int64_t>& kernels) {
  for (size_t i = 0; i < kernels.size(); ++i) {
    if (kernels[i] % 2 == 1) continue;
    return base::InvalidFieldError(absl::StrCat(base::ToAbsl(field), "[", i, "]"),
                                   absl::StrCat("must be odd, got ", kernels[i]));
  }
  return absl::OkStatus();
}

// Index of the layer with this id among those that the user wrote; absent if it is made by
// expansion. A layer that was written without an id is found by its place: in a chain, the layers
// but for parameters stand in one order only.
std::optional<size_t> WrittenIndex(const StartNetwork& written, const arch::Architecture& start,
                                   std::string_view id) {
  std::vector<size_t> places;
  bool has_input = false;
  for (size_t i = 0; i < written.layers.size(); ++i) {
    if (written.layers[i].id == id) return i;
    if (written.layers[i].op != "parameter") places.push_back(i);
    has_input = has_input || written.layers[i].op == "input";
  }
  size_t place = 0;
  for (const arch::Node& node : start.nodes()) {
    if (node.op->name == "parameter" || (node.op->name == "input" && !has_input)) continue;
    if (node.id == id) break;
    ++place;
  }
  if (place >= places.size()) return std::nullopt;
  return places[place];
}

std::string_view Message(const absl::Status& status) { return base::ToStd(status.message()); }

}  // namespace

absl::StatusOr<PlainSpaceOptions> CompleteOptions(PlainSpaceOptions options) {
  if (options.filters.empty()) options.filters = Ladder(4, 40);
  if (options.units.empty()) options.units = Ladder(8, 80);
  if (options.kernels.empty()) options.kernels = {1, 3, 5};
  if (options.max_macs == 0) options.max_macs = kMaxMacs;
  if (options.max_layers == 0) options.max_layers = 50;
  RETURN_IF_ERROR(CheckLadder("filters", options.filters, kMaxWidth));
  RETURN_IF_ERROR(CheckLadder("units", options.units, kMaxWidth));
  RETURN_IF_ERROR(CheckLadder("kernels", options.kernels, kMaxKernel));
  RETURN_IF_ERROR(CheckOdd("kernels", options.kernels));
  if (options.max_macs < 0 || options.max_macs > kMaxMacs) {
    return base::InvalidFieldError(
        "max_macs", absl::StrCat("must be between 1 and ", kMaxMacs, ", got ", options.max_macs));
  }
  if (options.max_layers < 0 || options.max_layers > kMaxLayers) {
    return base::InvalidFieldError("max_layers", absl::StrCat("must be between 1 and ", kMaxLayers,
                                                              ", got ", options.max_layers));
  }
  return options;
}

absl::StatusOr<arch::Architecture> ExpandStart(const PlainSpaceOptions& options,
                                               const tensor::Shape& input_shape,
                                               std::int64_t num_classes) {
  const StartNetwork written = options.start.has_value() ? *options.start : DemoStart(num_classes);
  absl::StatusOr<arch::Architecture> start =
      arch::Expand(written.layers, written.outputs, {.input_shape = input_shape});
  if (start.ok()) return start;
  if (options.start.has_value() && !base::FieldViolations(start.status()).empty()) {
    return base::PrefixFieldViolations("start", start.status());
  }
  return base::InvalidFieldError(
      "start", absl::StrCat("the start network does not fit images of shape ",
                            input_shape.ToString(), ": ", start.status().message()));
}

absl::Status AtStartLayer(const PlainSpaceOptions& options, const arch::Architecture& start,
                          const absl::Status& status) {
  const std::vector<base::FieldViolation> violations = base::FieldViolations(status);
  if (violations.empty()) return status;
  if (!options.start.has_value()) {
    return base::InvalidFieldError("start",
                                   absl::StrCat("the default start network is not of this space: ",
                                                base::ToAbsl(Message(status))));
  }
  const std::optional<size_t> index = WrittenIndex(*options.start, start, violations.front().field);
  const std::string field =
      index.has_value() ? absl::StrCat("start.layers[", *index, "]") : "start";
  return base::InvalidFieldError(field, Message(status));
}

}  // namespace graft::space
