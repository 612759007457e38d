#include "common/engine/cpu/kernel_table.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/digest/sha256.h"

namespace graft::engine::cpu {
namespace {

constexpr char kHeading[] = "graft kernel table 3";
constexpr char kLetters[] = "dwpb";  // by Method

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

std::string_view NameOf(ConvolutionKind kind) {
  switch (kind) {
    case ConvolutionKind::kTiled3:
      return "3x3";
    case ConvolutionKind::kTiled5:
      return "5x5";
    case ConvolutionKind::kPointwise:
      return "1x1";
    case ConvolutionKind::kOther:
      return "strided 3x3";
    case ConvolutionKind::kGrouped:
      return "grouped 3x3";
    case ConvolutionKind::kDepthwise:
      return "depthwise";
  }
  return "";
}

std::string NameOf(const Contest& contest, ConvolutionPass pass) {
  return absl::StrCat(base::ToAbsl(recipe::NameOf(contest.precision)), " ",
                      base::ToAbsl(NameOf(contest.kind)), " ", base::ToAbsl(NameOf(pass)));
}

char LetterOf(Method method) { return kLetters[static_cast<std::size_t>(method)]; }

std::string LettersOf(const Contest& contest) {
  std::string letters;
  for (const Method method : contest.methods) letters += LetterOf(method);
  return letters;
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

// Reads the name of a contest and pass, and its grid.
absl::Status ReadPass(std::size_t contest, ConvolutionPass pass, LineReader& lines,
                      KernelTable& table) {
  constexpr std::size_t kCount = KernelTable::kWidths.size();
  const std::string name = NameOf(Contests()[contest], pass);
  const std::string letters = LettersOf(Contests()[contest]);
  if (lines.Next() != name) return lines.Unexpected(absl::StrCat("`", name, "`"));
  for (std::size_t c = 0; c < kCount; ++c) {
    const std::string_view line = lines.Next();
    if (line.size() != kCount || line.find_first_not_of(letters) != std::string_view::npos) {
      return lines.Unexpected(absl::StrCat(kCount, " letters, each one of `", letters, "`"));
    }
    for (std::size_t f = 0; f < kCount; ++f) {
      const std::size_t letter = std::string_view(kLetters).find(line[f]);
      table.Set(contest, pass, c, f, static_cast<Method>(letter));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::span<const Contest> Contests() {
  using enum Method;
  constexpr recipe::Precision kF32 = recipe::Precision::kFloat32;
  constexpr recipe::Precision kBf16 = recipe::Precision::kBfloat16;
  static constexpr std::array kTiled = {kDirect, kWinograd};
  static constexpr std::array kOneTap = {kDirect, kPointwise};
  static constexpr std::array kBf16Tiled = {kDirect, kWinograd, kBfloat16};
  static constexpr std::array kBf16OneTap = {kDirect, kPointwise, kBfloat16};
  static constexpr std::array kBf16Other = {kDirect, kBfloat16};
  static constexpr std::array kContests = {
      Contest{kF32, ConvolutionKind::kTiled3, kTiled},
      Contest{kF32, ConvolutionKind::kTiled5, kTiled},
      Contest{kF32, ConvolutionKind::kPointwise, kOneTap},
      Contest{kBf16, ConvolutionKind::kTiled3, kBf16Tiled},
      Contest{kBf16, ConvolutionKind::kTiled5, kBf16Tiled},
      Contest{kBf16, ConvolutionKind::kPointwise, kBf16OneTap},
      Contest{kBf16, ConvolutionKind::kOther, kBf16Other},
      Contest{kBf16, ConvolutionKind::kGrouped, kBf16Other},
  };
  return kContests;
}

KernelTable::KernelTable() : contests_(Contests().size()) {}

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
  for (std::size_t contest = 0; contest < Contests().size(); ++contest) {
    for (const ConvolutionPass pass : kConvolutionPasses) {
      RETURN_IF_ERROR(ReadPass(contest, pass, lines, table));
    }
  }
  if (!lines.Next().empty()) return lines.Unexpected("the end");
  return table;
}

std::string KernelTable::ToText() const {
  std::string text = absl::StrCat(kHeading, "\n");
  for (std::size_t contest = 0; contest < Contests().size(); ++contest) {
    for (const ConvolutionPass pass : kConvolutionPasses) {
      absl::StrAppend(&text, NameOf(Contests()[contest], pass), "\n");
      for (const auto& row : contests_[contest][static_cast<std::size_t>(pass)]) {
        for (const Method method : row) text += LetterOf(method);
        text += '\n';
      }
    }
  }
  return text;
}

std::string KernelTable::Digest() const { return digest::Sha256(ToText()).ToHex().substr(0, 8); }

Method KernelTable::Fastest(recipe::Precision precision, ConvolutionKind kind, ConvolutionPass pass,
                            std::int64_t channels, std::int64_t filters) const {
  const auto contest = std::ranges::find_if(Contests(), [&](const Contest& one) {
    return one.precision == precision && one.kind == kind;
  });
  if (contest == Contests().end()) return Method::kDirect;
  const Passes& passes = contests_[contest - Contests().begin()];
  return passes[static_cast<std::size_t>(pass)][IndexOf(channels)][IndexOf(filters)];
}

void KernelTable::Set(std::size_t contest, ConvolutionPass pass, std::size_t channels_index,
                      std::size_t filters_index, Method method) {
  contests_[contest][static_cast<std::size_t>(pass)][channels_index][filters_index] = method;
}

}  // namespace graft::engine::cpu
