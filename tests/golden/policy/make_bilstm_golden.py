#!/usr/bin/python3
"""Writes bilstm_golden.h: a bidirectional LSTM, its gradients and steps of Adam, by PyTorch.

Run from this folder with Debian's python3-torch:  ./make_bilstm_golden.py > bilstm_golden.h

Weights are written in Graft's layout: [inputs + units, 4 units], gates i, f, g, o (PyTorch's order),
one bias, which is the sum of PyTorch's two.
"""
import torch

VOCABULARY, EMBEDDING, UNITS = 5, 3, 2
TOKENS = [3, 1, 4, 1]
ADAM_STEPS = 3

torch.manual_seed(20240229)
torch.set_default_dtype(torch.float64)


def emit(name, tensor):
    values = [f"{value:.9g}" for value in tensor.detach().flatten().tolist()]
    rows = [", ".join(values[i:i + 6]) for i in range(0, len(values), 6)]
    print(f"inline const std::vector<float> {name} = {{")
    print(",\n".join("    " + row for row in rows) + "};")


def direction(values, suffix):
    """Weight and bias of one direction in Graft's layout, of values or of gradients."""
    weight = torch.cat([values("weight_ih_l0" + suffix).T, values("weight_hh_l0" + suffix).T])
    return weight, values("bias_ih_l0" + suffix)


def main():
    table = (torch.rand(VOCABULARY, EMBEDDING) * 2 - 1).requires_grad_()
    lstm = torch.nn.LSTM(EMBEDDING, UNITS, bidirectional=True)
    with torch.no_grad():
        for name, parameter in lstm.named_parameters():
            parameter.copy_(torch.randn(parameter.shape))
            if name.startswith("bias_hh"):
                parameter.zero_()

    outputs, (h, c) = lstm(table[TOKENS])  # [T, 2 units]; [2, units]
    output_weights = torch.randn(outputs.shape)
    c_weights, h_weights = torch.randn(c.shape), torch.randn(h.shape)
    loss = (outputs * output_weights).sum() + (c * c_weights).sum() + (h * h_weights).sum()
    loss.backward()

    parameter = dict(lstm.named_parameters())
    print("// Written by make_bilstm_golden.py with PyTorch", torch.__version__ + "; do not edit.")
    print("#ifndef GRAFT_TESTS_GOLDEN_POLICY_BILSTM_GOLDEN_H_")
    print("#define GRAFT_TESTS_GOLDEN_POLICY_BILSTM_GOLDEN_H_\n")
    print("#include <vector>\n")
    print("namespace graft::policy::golden {\n")
    print(f"inline constexpr int kVocabulary = {VOCABULARY};")
    print(f"inline constexpr int kEmbedding = {EMBEDDING};")
    print(f"inline constexpr int kUnits = {UNITS};")
    print(f"inline const std::vector<int> kTokens = {{{', '.join(map(str, TOKENS))}}};")
    emit("kTable", table)
    for suffix, name in (("", "Forward"), ("_reverse", "Backward")):
        weight, bias = direction(lambda key: parameter[key], suffix)
        emit(f"k{name}Weight", weight)
        emit(f"k{name}Bias", bias)
    print("\n// Results: [T, 2 units], [2 units], [2 units].")
    emit("kOutputs", outputs)
    emit("kFinalC", c)
    emit("kFinalH", h)
    print("\n// Gradients of the sum of the results, weighted.")
    emit("kOutputWeights", output_weights)
    emit("kFinalCWeights", c_weights)
    emit("kFinalHWeights", h_weights)
    emit("kTableGradient", table.grad)
    for suffix, name in (("", "Forward"), ("_reverse", "Backward")):
        weight, bias = direction(lambda key: parameter[key].grad, suffix)
        emit(f"k{name}WeightGradient", weight)
        emit(f"k{name}BiasGradient", bias)

    print("\n// The table after steps of Adam with a learning rate of 2e-3 along gradients g, g / 2, g / 3.")
    gradient = table.grad.clone()
    adam = torch.optim.Adam([table], lr=2e-3)
    for step in range(ADAM_STEPS):
        table.grad = gradient / (step + 1)
        adam.step()
    emit("kTableAfterAdam", table)
    print("\n}  // namespace graft::policy::golden\n")
    print("#endif  // GRAFT_TESTS_GOLDEN_POLICY_BILSTM_GOLDEN_H_")


if __name__ == "__main__":
    main()
