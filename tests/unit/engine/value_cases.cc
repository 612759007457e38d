// Cases of operators that join values and move their elements.
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/unit/engine/case_families.h"
#include "tests/unit/engine/testing.h"

namespace graft::engine::testing {
namespace {

using Variants = std::vector<std::pair<std::string, arch::Attributes>>;

// Of a picture, tokens or features, batched; attributes by the shape.
Cases Moves(const std::string& op, const Variants& picture, const Variants& tokens,
            const Variants& features) {
  Cases cases;
  for (const auto& [name, attributes] : picture) {
    cases.emplace_back("Picture" + name, Around({2, 4, 5}, {Stem(3), Layer(op, attributes)}));
    cases.emplace_back("PictureUsedTwice" + name,
                       Around({2, 4, 5}, {Stem(3), Layer(op, attributes, {"convolution_1"}, "a"),
                                          Layer(op, attributes, {"convolution_1"}, "b"),
                                          Layer("add", {}, {"a", "b"})}));
  }
  for (const auto& [name, attributes] : tokens) {
    cases.emplace_back("Tokens" + name, Around({4, 3}, {TokenStem(6), Layer(op, attributes)}));
  }
  for (const auto& [name, attributes] : features) {
    cases.emplace_back(
        "Features" + name,
        Around({4}, {Layer("linear", {{"units", std::int64_t{7}}}), Layer(op, attributes)}));
  }
  return cases;
}

}  // namespace

Cases Flattens() {
  Cases cases;
  for (const std::int64_t channels : kChannels) {
    cases.emplace_back(absl::StrCat("Channels", channels), Around({2, 3, 4}, {Stem(channels)}));
  }
  cases.emplace_back("OperandUsedTwice",
                     Around({2, 3, 4}, {Stem(4), Layer("flatten", {}, {"convolution_1"}, "a"),
                                        Layer("flatten", {}, {"convolution_1"}, "b"),
                                        Layer("concat", {}, {"a", "b"})}));
  return cases;
}

Cases Joins(const std::string& op) {
  const auto branch = [](std::string id, std::int64_t channels) {
    return Layer("convolution", {{"filters", channels}, {"kernel", Ints{3, 3}}, {"bias", false}},
                 {"input"}, std::move(id));
  };
  Cases cases;
  for (const std::int64_t channels : kChannels) {
    const std::int64_t other = op == "concat" ? channels + 2 : channels;
    cases.emplace_back(
        absl::StrCat("Channels", channels),
        Around({2, 4, 5}, {branch("a", channels), branch("b", other), Layer(op, {}, {"a", "b"})}));
  }
  cases.emplace_back("Three", Around({2, 4, 5}, {branch("a", 3), branch("b", 3), branch("c", 3),
                                                 Layer(op, {}, {"a", "b", "c"})}));
  cases.emplace_back("OneOperandTwice", Around({2, 4, 5}, {branch("a", 3), branch("b", 3),
                                                           Layer(op, {}, {"a", "b", "a"})}));
  cases.emplace_back("Features",
                     Around({6}, {Layer("linear", {{"units", std::int64_t{5}}}, {"input"}, "a"),
                                  Layer("linear", {{"units", std::int64_t{5}}}, {"input"}, "b"),
                                  Layer(op, {}, {"a", "b"})}));
  return cases;
}

// Operands that are repeated, and operands that are not batched.
Cases Elementwise(const std::string& op) {
  const auto parameter = [](std::string id, Ints shape) {
    return Layer("parameter",
                 {{"name", std::string("gamma")},
                  {"shape", std::move(shape)},
                  {"initializer", std::string("ones")}},
                 {}, std::move(id));
  };
  const auto stem = [] { return Conv(3, {1, 1}); };
  Cases cases = Joins(op);
  cases.emplace_back("Gate",
                     Around({2, 4, 5}, {stem(), Layer("global_average_pool", {}, {}, "mean"),
                                        Layer("linear", {{"units", std::int64_t{3}}}, {}, "gate"),
                                        Layer(op, {}, {"convolution_1", "gate"})}));
  cases.emplace_back("OneElement",
                     Around({2, 4, 5}, {stem(), Layer("global_average_pool", {}, {}, "mean"),
                                        Layer("linear", {{"units", std::int64_t{1}}}, {}, "gate"),
                                        Layer(op, {}, {"convolution_1", "gate"})}));
  cases.emplace_back(
      "ChannelParameter",
      Around({2, 4, 5}, {stem(), parameter("p", {3}), Layer(op, {}, {"convolution_1", "p"})}));
  cases.emplace_back("PictureParameter",
                     Around({2, 4, 5}, {stem(), parameter("p", {3, 4, 5}),
                                        Layer(op, {}, {"convolution_1", "p"})}));
  cases.emplace_back(
      "ScalarParameter",
      Around({2, 4, 5}, {stem(), parameter("p", {1}), Layer(op, {}, {"convolution_1", "p", "p"})}));
  cases.emplace_back("TokenParameters",
                     Around({4, 3}, {TokenStem(5), parameter("p", {4, 5}), parameter("q", {5}),
                                     Layer(op, {}, {"linear_1", "p", "q"})}));
  return cases;
}

Cases Slices() {
  const auto slice = [](std::int64_t axis, std::int64_t start, std::int64_t length) {
    return arch::Attributes{{"axis", axis}, {"start", start}, {"length", length}};
  };
  return Moves(
      "slice",
      {{"Channels", slice(0, 1, 2)}, {"Rows", slice(1, 1, 2)}, {"Columns", slice(2, 2, 3)}},
      {{"First", slice(0, 0, 1)}, {"Features", slice(1, 2, 3)}}, {{"", slice(0, 3, 2)}});
}

Cases Pads() {
  const auto pad = [](Ints before, Ints after) {
    return arch::Attributes{{"before", std::move(before)}, {"after", std::move(after)}};
  };
  return Moves("pad", {{"All", pad({1, 0, 2}, {0, 1, 3})}, {"Channels", pad({0, 0, 0}, {2, 0, 0})}},
               {{"", pad({1, 0}, {0, 2})}}, {{"", pad({2}, {1})}});
}

Cases Transposes() {
  const auto transpose = [](Ints permutation) {
    return arch::Attributes{{"permutation", std::move(permutation)}};
  };
  return Moves(
      "transpose",
      {{"201", transpose({2, 0, 1})}, {"021", transpose({0, 2, 1})}, {"210", transpose({2, 1, 0})}},
      {{"10", transpose({1, 0})}}, {});
}

Cases Upsamples() {
  Variants variants;
  for (const std::string mode : {"nearest", "bilinear"}) {
    for (const Ints& factors : {Ints{2, 2}, Ints{3, 1}}) {
      variants.push_back({absl::StrCat(mode, factors[0]), {{"factors", factors}, {"mode", mode}}});
    }
  }
  return Moves("upsample", variants, {}, {});
}

}  // namespace graft::engine::testing
