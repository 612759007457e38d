#include "services/controller/policy/bilstm_encoder.h"

#include <utility>

#include "common/base/check.h"
#include "services/controller/policy/float_math.h"

namespace graft::policy {
namespace {

std::vector<float> Concatenate(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> both = a;
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

}  // namespace

EncodingGradient::EncodingGradient(const Encoding& encoding)
    : outputs(encoding.tokens.size(), std::vector<float>(encoding.final.h.size())),
      final(static_cast<int>(encoding.final.h.size())) {}

BilstmEncoder::BilstmEncoder(int vocabulary, int embedding_size, int units, Parameters& parameters)
    : embedding_("encoder.embedding", vocabulary, embedding_size, parameters),
      forward_("encoder.forward", embedding_size, units, parameters),
      backward_("encoder.backward", embedding_size, units, parameters) {}

void BilstmEncoder::Initialize(std::span<float> values, base::Rng& rng) const {
  embedding_.Initialize(values, rng);
  forward_.Initialize(values, rng);
  backward_.Initialize(values, rng);
}

Encoding BilstmEncoder::Forward(std::span<const float> values, std::vector<int> tokens) const {
  GRAFT_CHECK(!tokens.empty());
  const int length = static_cast<int>(tokens.size());
  Encoding encoding;
  encoding.tokens = std::move(tokens);
  encoding.forward.resize(length);
  encoding.backward.resize(length);

  const LstmState zero(forward_.units());
  for (int t = 0; t < length; ++t) {
    encoding.forward[t] = forward_.Forward(values, embedding_.Row(values, encoding.tokens[t]),
                                           t == 0 ? zero : encoding.forward[t - 1].after);
  }
  for (int t = length - 1; t >= 0; --t) {
    encoding.backward[t] =
        backward_.Forward(values, embedding_.Row(values, encoding.tokens[t]),
                          t == length - 1 ? zero : encoding.backward[t + 1].after);
  }

  for (int t = 0; t < length; ++t) {
    encoding.outputs.push_back(
        Concatenate(encoding.forward[t].after.h, encoding.backward[t].after.h));
  }
  const LstmState& last = encoding.forward.back().after;
  const LstmState& first = encoding.backward.front().after;
  encoding.final.c = Concatenate(last.c, first.c);
  encoding.final.h = Concatenate(last.h, first.h);
  return encoding;
}

void BilstmEncoder::Backward(std::span<const float> values, const Encoding& encoding,
                             const EncodingGradient& d, std::span<float> gradient) const {
  const int length = static_cast<int>(encoding.tokens.size());
  const int units = forward_.units();
  const auto step_back = [&](const Lstm& lstm, const LstmStep& step, int t, int first,
                             LstmState& state) {
    AddScaled(1.0F, std::span(d.outputs[t]).subspan(first, units), state.h);
    lstm.Backward(values, step, state, gradient, embedding_.Row(gradient, encoding.tokens[t]));
  };

  LstmState state(units);
  state.c.assign(d.final.c.begin(), d.final.c.begin() + units);
  state.h.assign(d.final.h.begin(), d.final.h.begin() + units);
  for (int t = length - 1; t >= 0; --t) step_back(forward_, encoding.forward[t], t, 0, state);

  state.c.assign(d.final.c.begin() + units, d.final.c.end());
  state.h.assign(d.final.h.begin() + units, d.final.h.end());
  for (int t = 0; t < length; ++t) step_back(backward_, encoding.backward[t], t, units, state);
}

}  // namespace graft::policy
