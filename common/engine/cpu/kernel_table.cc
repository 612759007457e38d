#include "common/engine/cpu/kernel_table.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/strings.h"
#include "common/digest/sha256.h"

namespace graft::engine::cpu {
namespace {

constexpr char kHeading[] = "graft kernel table 1";
constexpr char kWinograd = 'w';
constexpr char kDirect = 'd';

// By `graft tune` on an AMD EPYC (Zen 4), one thread.
constexpr char kDefault[] =
#include "common/engine/cpu/kernel_table_default.inc"
    ;

std::string_view NameOf(ConvolutionPass pass) {
  switch (pass) {
    case ConvolutionPass::kForward:
      return "forward";
    case ConvolutionPass::kDataGradient:
      return "data gradient";
    case ConvolutionPass::kWeightGradient:
      return "weight gradient";
  }
  return "";
}

// The last width that is not above `width`.
std::size_t IndexOf(std::int64_t width) {
  const auto after = std::ranges::upper_bound(KernelTable::kWidths, width);
  GRAFT_CHECK(after != KernelTable::kWidths.begin()) << width;
  return after - KernelTable::kWidths.begin() - 1;
}

// Takes lines one by one.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : lines_(absl::StrSplit(base::ToAbsl(text), '\n')) {}

  std::string_view Next() {
    if (next_ == lines_.size()) return "";
    return lines_[next_++];
  }
  absl::Status Unexpected(std::string_view expected) const {
    return absl::InvalidArgumentError(
        absl::StrCat("line ", next_, " of a kernel table: expected ", base::ToAbsl(expected)));
  }

 private:
  const std::vector<std::string> lines_;
  std::size_t next_ = 0;
};

}  // namespace

const KernelTable& KernelTable::Default() {
  static const KernelTable& table = *new KernelTable([] {
    absl::StatusOr<KernelTable> parsed = Parse(kDefault);
    GRAFT_CHECK_OK(parsed.status());
    return *parsed;
  }());
  return table;
}

absl::StatusOr<KernelTable> KernelTable::Parse(std::string_view text) {
  LineReader lines(text);
  if (lines.Next() != kHeading) return lines.Unexpected(absl::StrCat("`", kHeading, "`"));
  KernelTable table;
  for (const ConvolutionPass pass : kConvolutionPasses) {
    if (lines.Next() != NameOf(pass)) {
      return lines.Unexpected(absl::StrCat("`", base::ToAbsl(NameOf(pass)), "`"));
    }
    for (std::size_t c = 0; c < kWidths.size(); ++c) {
      const std::string_view line = lines.Next();
      const bool letters = std::ranges::all_of(
          line, [](char letter) { return letter == kWinograd || letter == kDirect; });
      if (line.size() != kWidths.size() || !letters) {
        return lines.Unexpected(absl::StrCat(kWidths.size(), " letters `w` or `d`"));
      }
      for (std::size_t f = 0; f < kWidths.size(); ++f) {
        table.SetWinograd(pass, static_cast<int>(c), static_cast<int>(f), line[f] == kWinograd);
      }
    }
  }
  if (!lines.Next().empty()) return lines.Unexpected("the end");
  return table;
}

std::string KernelTable::ToText() const {
  std::string text = absl::StrCat(kHeading, "\n");
  for (const ConvolutionPass pass : kConvolutionPasses) {
    absl::StrAppend(&text, base::ToAbsl(NameOf(pass)), "\n");
    for (const auto& row : winograd_[static_cast<std::size_t>(pass)]) {
      for (std::size_t f = 0; f < kWidths.size(); ++f) text += row[f] ? kWinograd : kDirect;
      text += '\n';
    }
  }
  return text;
}

std::string KernelTable::Digest() const { return digest::Sha256(ToText()).ToHex().substr(0, 8); }

bool KernelTable::PrefersWinograd(ConvolutionPass pass, std::int64_t channels,
                                  std::int64_t filters) const {
  return winograd_[static_cast<std::size_t>(pass)][IndexOf(channels)][IndexOf(filters)];
}

void KernelTable::SetWinograd(ConvolutionPass pass, int channels_index, int filters_index,
                              bool preferred) {
  winograd_[static_cast<std::size_t>(pass)][channels_index][filters_index] = preferred;
}

}  // namespace graft::engine::cpu
