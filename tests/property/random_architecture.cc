#include "tests/property/random_architecture.h"

#include <string>
#include <utility>
#include <vector>

#include "common/arch/expand.h"
#include "common/base/check.h"

namespace graft::testing {
namespace {

using arch::Attributes;
using arch::LayerDef;

constexpr int kMaxNesting = 2;

// A value of the graph under construction.
struct Value {
  std::string layer;
  std::int64_t channels = 0;
  std::int64_t height = 0;  // 0: a vector of `channels` features
  std::int64_t width = 0;
};

class Generator {
 public:
  Generator(base::Rng& rng, const RandomArchitectureOptions& options)
      : rng_(rng), options_(options) {}

  arch::Architecture Generate() {
    const tensor::Shape& shape = options_.input_shape;
    layers_.push_back(
        {"input",
         "input",
         {{"shape", std::vector<std::int64_t>(shape.dims().begin(), shape.dims().end())}},
         {}});
    Value value = ConvolutionBlock({"input", shape.dim(0), shape.dim(1), shape.dim(2)}, Width());
    const std::int64_t pieces = Between(0, options_.max_pieces);
    for (std::int64_t i = 0; i < pieces; ++i) value = Piece(value, /*nesting=*/0);
    value = Head(value);
    value.layer = Add("linear", {value.layer}, {{"units", options_.classes}});
    absl::StatusOr<arch::Architecture> architecture =
        arch::Expand(std::move(layers_), {{"logits", value.layer}}, {});
    GRAFT_CHECK_OK(architecture.status());
    return *std::move(architecture);
  }

 private:
  bool Chance(float probability) { return rng_.Uniform() < probability; }
  std::int64_t Between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(rng_.UniformInt(high - low + 1));
  }
  std::int64_t Width() { return Between(2, options_.max_width); }

  std::string Add(const std::string& op, std::vector<std::string> operands,
                  Attributes attributes = {}) {
    std::string id = op + "_" + std::to_string(layers_.size());
    layers_.push_back({id, op, std::move(attributes), std::move(operands)});
    return id;
  }

  // Any change of the value; the size of the picture may shrink at nesting 0 only.
  Value Piece(const Value& in, int nesting) {
    if (options_.mobile && Chance(0.6F)) return MobilePiece(in);
    switch (rng_.UniformInt(8)) {
      case 0:
      case 1:
        if (options_.branches && nesting < kMaxNesting) return Residual(in, nesting);
        break;
      case 2:
      case 3:
        if (options_.branches && nesting < kMaxNesting) return Concatenation(in, nesting);
        break;
      case 4:
        if (options_.pooling && nesting == 0 && in.height >= 2 && in.width >= 2) return Pool(in);
        break;
      case 5:
        if (options_.pooling) return SizeKeepingPool(in);
        break;
      case 6:
        if (nesting == 0 && in.height >= 2 && in.width >= 2) return StridedConvolution(in);
        break;
    }
    return ConvolutionBlock(in, Width());
  }

  Value MobilePiece(const Value& in) {
    switch (rng_.UniformInt(4)) {
      case 0:
        return Gate(in);
      case 1:
        return LearntScale(in);
      case 2:
        return TokenBlock(in);
    }
    return DepthwiseBlock(in);
  }

  Value DepthwiseBlock(const Value& in) {
    Value out = in;
    out.layer = Add("convolution", {in.layer},
                    {{"filters", in.channels},
                     {"kernel", 2 * Between(0, 2) + 1},
                     {"groups", in.channels},
                     {"dilation", Between(1, 2)},
                     {"bias", Chance(0.5f)}});
    return Activated(out);
  }

  // Squeeze and excitation.
  Value Gate(const Value& in) {
    Value out = in;
    const std::string squeezed = Add("global_average_pool", {in.layer});
    const std::string gate = Add("linear", {squeezed}, {{"units", in.channels}});
    out.layer = Add("multiply", {in.layer, Add("sigmoid", {gate})});
    return out;
  }

  Value LearntScale(const Value& in) {
    Value out = in;
    const std::string scale = Add("parameter", {},
                                  {{"name", std::string("gamma")},
                                   {"shape", std::vector<std::int64_t>{in.channels}},
                                   {"initializer", std::string("ones")}});
    out.layer = Add(Chance(0.5f) ? "multiply" : "add", {in.layer, scale});
    return out;
  }

  Value TokenBlock(const Value& in) {
    Value out = in;
    out.channels = Width();
    const std::string mixed = Add("linear", {Add("tokens", {in.layer})}, {{"units", out.channels}});
    out.layer = Add("feature_map", {mixed}, {{"height", in.height}, {"width", in.width}});
    return Activated(out);
  }

  Value Activated(Value value) {
    constexpr const char* kSmooth[] = {"gelu", "silu", "tanh", "sigmoid"};
    value.layer = Add(kSmooth[rng_.UniformInt(4)], {value.layer});
    return value;
  }

  Value ConvolutionBlock(const Value& in, std::int64_t filters) {
    std::vector<std::int64_t> kernel(2, 2 * Between(0, 2) + 1);
    if (Chance(0.2f)) kernel[1] = Between(1, 4);  // oblong or even
    Value out = in;
    out.channels = filters;
    out.layer = Add("convolution", {in.layer},
                    {{"filters", filters}, {"kernel", kernel}, {"bias", Chance(0.3f)}});
    return Finish(out);
  }

  // Without padding where it fits, stride 2.
  Value StridedConvolution(const Value& in) {
    Value out = in;
    out.channels = Width();
    out.height = (in.height - 2) / 2 + 1;
    out.width = (in.width - 2) / 2 + 1;
    out.layer = Add("convolution", {in.layer},
                    {{"filters", out.channels},
                     {"kernel", std::int64_t{2}},
                     {"strides", std::int64_t{2}},
                     {"padding", std::int64_t{0}}});
    return Finish(out);
  }

  Value Pool(const Value& in) {
    Value out = in;
    out.height = in.height / 2;
    out.width = in.width / 2;
    out.layer =
        Add(Chance(0.5f) ? "max_pool" : "average_pool", {in.layer}, {{"kernel", std::int64_t{2}}});
    return out;
  }

  // Kernel 3, stride 1, padding 1.
  Value SizeKeepingPool(const Value& in) {
    Value out = in;
    out.layer = Add(
        Chance(0.5f) ? "max_pool" : "average_pool", {in.layer},
        {{"kernel", std::int64_t{3}}, {"strides", std::int64_t{1}}, {"padding", std::int64_t{1}}});
    return out;
  }

  // A chain of pieces that keep the picture's size.
  Value Branch(const Value& in, int nesting) {
    Value value = in;
    const std::int64_t length = Between(1, 2);
    for (std::int64_t i = 0; i < length; ++i) value = Piece(value, nesting + 1);
    return value;
  }

  Value Residual(const Value& in, int nesting) {
    std::vector<std::string> operands;
    if (Chance(0.7f)) operands.push_back(in.layer);
    while (operands.size() < 2 || Chance(0.2f)) {
      operands.push_back(ConvolutionBlock(Branch(in, nesting), in.channels).layer);
    }
    Value out = in;
    out.layer = Add("add", operands);
    if (Chance(0.5f)) out.layer = Add("relu", {out.layer});
    return out;
  }

  Value Concatenation(const Value& in, int nesting) {
    Value out = in;
    out.channels = 0;
    std::vector<std::string> operands;
    if (Chance(0.5f)) {
      operands.push_back(in.layer);
      out.channels += in.channels;
    }
    while (operands.size() < 2 || Chance(0.2f)) {
      const Value branch = Branch(in, nesting);
      operands.push_back(branch.layer);
      out.channels += branch.channels;
    }
    out.layer = Add("concat", operands);
    return out;
  }

  // [C, H, W] -> [F], then hidden layers.
  Value Head(Value value) {
    if (value.channels * value.height * value.width <= 64 && Chance(0.5f)) {
      value.layer = Add("flatten", {value.layer});
      value.channels *= value.height * value.width;
    } else {
      value.layer = Add(Chance(0.7f) ? "global_average_pool" : "global_max_pool", {value.layer});
    }
    value.height = value.width = 0;
    const std::int64_t hidden = Between(0, 2);
    for (std::int64_t i = 0; i < hidden; ++i) {
      const Value next = LinearBlock(value, Width());
      if (options_.branches && Chance(0.2f)) {
        value.layer = Add("concat", {next.layer, value.layer});
        value.channels += next.channels;
      } else if (options_.branches && Chance(0.2f)) {
        value = next;
        value.layer = Add("add", {next.layer, LinearBlock(next, next.channels).layer});
      } else {
        value = next;
      }
    }
    return value;
  }

  Value LinearBlock(const Value& in, std::int64_t units) {
    Value out = in;
    out.channels = units;
    out.layer = Add("linear", {in.layer}, {{"units", units}, {"bias", Chance(0.5f)}});
    return Finish(out);
  }

  // Batch norm, ReLU and dropout, each sometimes.
  Value Finish(Value value) {
    if (options_.batch_norm && Chance(0.6f)) value.layer = Add("batch_norm", {value.layer});
    if (Chance(0.8f)) value.layer = Add("relu", {value.layer});
    if (options_.dropout && Chance(0.1f)) {
      value.layer = Add("dropout", {value.layer}, {{"rate", 0.25}});
    }
    return value;
  }

  base::Rng& rng_;
  const RandomArchitectureOptions& options_;
  std::vector<LayerDef> layers_;
};

}  // namespace

arch::Architecture RandomArchitecture(base::Rng& rng, const RandomArchitectureOptions& options) {
  return Generator(rng, options).Generate();
}

}  // namespace graft::testing
