// matmul: y = a b. attention: y = softmax(scale q k^T) v, head by head (A. Vaswani et al.,
// "Attention Is All You Need", NeurIPS 2017).
#include <cmath>

#include "common/engine/reference/kernel.h"
#include "common/engine/reference/rows.h"

namespace graft::engine::reference {
namespace {

enum { kA, kB };
enum { kQuery, kKey, kValue };

// Calls f(y, a, b) with the positions of every product.
template <typename F>
void ForEachProduct(const Call& call, F f) {
  const bool transpose = arch::GetBool(call.node.attributes, "transpose_b");
  const std::int64_t rows = call.result->shape.dim(0);
  const std::int64_t columns = call.result->shape.dim(1);
  const std::int64_t inner = call.operands[kA]->shape.dim(1);
  for (std::int64_t n = 0; n < call.result->outer; ++n) {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) {
        for (std::int64_t k = 0; k < inner; ++k) {
          const std::int64_t b = transpose ? j * inner + k : k * columns + j;
          f((n * rows + i) * columns + j, (n * rows + i) * inner + k, n * inner * columns + b);
        }
      }
    }
  }
}

void MatmulForward(const Call& call) {
  std::vector<double>& y = call.result->data;
  y.assign(y.size(), 0.0);
  ForEachProduct(call, [&](std::int64_t out, std::int64_t a, std::int64_t b) {
    y[out] += call.operands[kA]->data[a] * call.operands[kB]->data[b];
  });
}

void MatmulBackward(const Call& call) {
  Value& left = *call.operands[kA];
  Value& right = *call.operands[kB];
  ForEachProduct(call, [&](std::int64_t out, std::int64_t a, std::int64_t b) {
    left.gradient[a] += call.result->gradient[out] * right.data[b];
    right.gradient[b] += call.result->gradient[out] * left.data[a];
  });
}

// One head of one example: its columns of the operands.
struct Head {
  std::int64_t queries, keys;       // tokens
  std::int64_t width, value_width;  // features of a head
  std::int64_t row, value_row;      // features of a token
  std::int64_t query, key, value;   // position of its first element
  double scale;
  bool causal;

  std::int64_t QueryAt(std::int64_t i, std::int64_t d) const { return query + i * row + d; }
  std::int64_t KeyAt(std::int64_t j, std::int64_t d) const { return key + j * row + d; }
  std::int64_t ValueAt(std::int64_t j, std::int64_t d) const { return value + j * value_row + d; }
};

template <typename F>
void ForEachHead(const Call& call, F f) {
  const tensor::Shape& query = call.operands[kQuery]->shape;
  const tensor::Shape& value = call.operands[kValue]->shape;
  const std::int64_t heads = arch::GetInt(call.node.attributes, "heads");
  Head head{.queries = query.dim(0),
            .keys = value.dim(0),
            .width = query.dim(1) / heads,
            .value_width = value.dim(1) / heads,
            .row = query.dim(1),
            .value_row = value.dim(1),
            .query = 0,
            .key = 0,
            .value = 0,
            .scale = arch::GetDouble(call.node.attributes, "scale"),
            .causal = arch::GetBool(call.node.attributes, "causal")};
  for (std::int64_t n = 0; n < call.result->outer; ++n) {
    for (std::int64_t h = 0; h < heads; ++h) {
      head.query = n * query.ElementCount() + h * head.width;
      head.key = n * head.keys * head.row + h * head.width;
      head.value = n * value.ElementCount() + h * head.value_width;
      // The result has the query's tokens and the value's features.
      f(head, n * head.queries * head.value_row + h * head.value_width);
    }
  }
}

// Of query i, over the keys that it may take.
std::vector<double> Probabilities(const Call& call, const Head& head, std::int64_t i) {
  const std::int64_t keys = head.causal ? std::min(i + 1, head.keys) : head.keys;
  std::vector<double> scores(keys);
  for (std::int64_t j = 0; j < keys; ++j) {
    for (std::int64_t d = 0; d < head.width; ++d) {
      scores[j] += head.scale * call.operands[kQuery]->data[head.QueryAt(i, d)] *
                   call.operands[kKey]->data[head.KeyAt(j, d)];
    }
  }
  std::vector<double> probabilities = LogSoftmax(scores, {0, 1, keys});
  for (double& probability : probabilities) probability = std::exp(probability);
  return probabilities;
}

void AttentionForward(const Call& call) {
  std::vector<double>& y = call.result->data;
  y.assign(y.size(), 0.0);
  ForEachHead(call, [&](const Head& head, std::int64_t result) {
    for (std::int64_t i = 0; i < head.queries; ++i) {
      const std::vector<double> probabilities = Probabilities(call, head, i);
      for (std::size_t j = 0; j < probabilities.size(); ++j) {
        for (std::int64_t d = 0; d < head.value_width; ++d) {
          y[result + i * head.value_row + d] +=
              probabilities[j] * call.operands[kValue]->data[head.ValueAt(j, d)];
        }
      }
    }
  });
}

// With p the probabilities of query i and dp_j = dy v_j: ds_j = p_j (dp_j - sum_k p_k dp_k).
void BackwardOfQuery(const Call& call, const Head& head, std::int64_t i, const double* dy) {
  Value& query = *call.operands[kQuery];
  Value& key = *call.operands[kKey];
  Value& value = *call.operands[kValue];
  const std::vector<double> p = Probabilities(call, head, i);
  std::vector<double> dp(p.size());
  double sum = 0;
  for (std::size_t j = 0; j < p.size(); ++j) {
    for (std::int64_t d = 0; d < head.value_width; ++d) {
      dp[j] += dy[d] * value.data[head.ValueAt(j, d)];
      value.gradient[head.ValueAt(j, d)] += p[j] * dy[d];
    }
    sum += p[j] * dp[j];
  }
  for (std::size_t j = 0; j < p.size(); ++j) {
    const double ds = head.scale * p[j] * (dp[j] - sum);
    for (std::int64_t d = 0; d < head.width; ++d) {
      query.gradient[head.QueryAt(i, d)] += ds * key.data[head.KeyAt(j, d)];
      key.gradient[head.KeyAt(j, d)] += ds * query.data[head.QueryAt(i, d)];
    }
  }
}

void AttentionBackward(const Call& call) {
  ForEachHead(call, [&](const Head& head, std::int64_t result) {
    for (std::int64_t i = 0; i < head.queries; ++i) {
      BackwardOfQuery(call, head, i, call.result->gradient.data() + result + i * head.value_row);
    }
  });
}

}  // namespace

const Kernel kMatmul = {MatmulForward, MatmulBackward};
const Kernel kAttention = {AttentionForward, AttentionBackward};

}  // namespace graft::engine::reference
