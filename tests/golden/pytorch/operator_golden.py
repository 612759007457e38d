#!/usr/bin/env python3
"""Writes what PyTorch computes for single operators: the values that operator_golden_test.cc replays.

    python3 tests/golden/pytorch/operator_golden.py        (Debian: python3-torch)

Everything is computed in float64 from float32 values. `operators.txt` has the format of
pytorch_golden.py; the names of a case `<case>`: `<case>.x0`, `.x1`, ... (inputs in order, integers as
floats), `.p.<parameter>` (before), `.y` (the result), `.loss` (the mean squared difference of y to the
last input, or y itself if it is a loss) and `.g.<parameter>` (gradients of the loss).

The first input is multiplied by a parameter `gamma`, one element a channel, so that gradients through
the operator show.
"""
import math
import os

import torch
import torch.nn.functional as F

from pytorch_golden import noise, write_tensor

HERE = os.path.dirname(os.path.abspath(__file__))
BATCH = 2
CASES = {}


def case(shapes, loss=None, scale=1.0, integers=None):
    """Registers f(p, s, *more): p(name, shape) is a parameter, s the scaled first input."""
    def register(f):
        CASES[f.__name__] = (f, shapes, loss, scale, integers)
        return f
    return register


def float32(values, shape, scale):
    return (torch.tensor(values).reshape(shape) * scale).float().double()


PICTURE = (4, 5, 4)
TOKENS = (5, 6)


@case([PICTURE])
def depthwise(p, s):
    return F.conv2d(s, p("y.weight", (4, 1, 3, 3)), p("y.bias", (4,)), (2, 1), 1, groups=4)


@case([PICTURE])
def grouped(p, s):
    return F.conv2d(s, p("y.weight", (6, 2, 3, 3)), None, 1, 1, groups=2)


@case([PICTURE])
def dilated(p, s):
    return F.conv2d(s, p("y.weight", (3, 4, 3, 2)), None, 1, (2, 1), (2, 3))


@case([PICTURE])
def masked_weight(p, s):
    return F.conv2d(s, p("latent", (3, 4, 1, 1)) * p("mask", (3, 4, 1, 1)))


@case([PICTURE])
def sliced_weight(p, s):
    return F.conv2d(s, p("latent", (5, 4, 3, 3))[1:4], None, 1, 1)


@case([TOKENS])
def linear_tokens(p, s):
    return F.linear(s, p("y.weight", (7, 6)), p("y.bias", (7,)))


@case([TOKENS, (6, 4)])
def matmul(p, s, b):
    return s @ b


@case([TOKENS, (4, 6)])
def matmul_transposed(p, s, b):
    return s @ b.transpose(-1, -2)


def attend(q, k, v, heads, scale=None, causal=False):
    def split(x):
        return x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)
    q, k, v = split(q), split(k), split(v)
    scores = q @ k.transpose(-1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1).bool(), -math.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


@case([TOKENS, (5, 6), (5, 8)])
def attention(p, s, k, v):
    return attend(s, k, v, 2)


@case([TOKENS, (5, 6), (5, 8)])
def attention_causal(p, s, k, v):
    return attend(s, k, v, 2, causal=True)


@case([TOKENS, (3, 6), (3, 4)])
def attention_reduced(p, s, k, v):
    return attend(s, k, v, 1, scale=0.7)


@case([TOKENS], scale=2.0)
def attention_of_one(p, s):
    return attend(s, s, s, 3)


@case([(7,)], integers=9)
def embedding(p, s):
    return F.embedding(s, p("y.table", (9, 4)))


@case([TOKENS])
def layer_norm(p, s):
    return F.layer_norm(s, (6,), p("y.scale", (6,)), p("y.shift", (6,)), 1e-5)


@case([PICTURE])
def layer_norm_picture(p, s):
    y = F.layer_norm(s.permute(0, 2, 3, 1), (4,), p("y.scale", (4,)), p("y.shift", (4,)), 1e-5)
    return y.permute(0, 3, 1, 2)


@case([TOKENS])
def rms_norm(p, s):
    return s / (s.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * p("y.scale", (6,))


@case([PICTURE])
def group_norm(p, s):
    return F.group_norm(s, 2, p("y.scale", (4,)), p("y.shift", (4,)), 1e-5)


@case([TOKENS], scale=3.0)
def leaky_relu(p, s):
    return F.leaky_relu(s, 0.2)


@case([TOKENS], scale=9.0)
def relu6(p, s):
    return F.relu6(s)


@case([TOKENS], scale=5.0)
def gelu(p, s):
    return F.gelu(s)


@case([TOKENS], scale=5.0)
def gelu_tanh(p, s):
    return F.gelu(s, approximate="tanh")


@case([TOKENS], scale=5.0)
def silu(p, s):
    return F.silu(s)


@case([TOKENS], scale=5.0)
def hard_swish(p, s):
    return F.hardswish(s)


@case([TOKENS], scale=5.0)
def sigmoid(p, s):
    return s.sigmoid()


@case([TOKENS], scale=3.0)
def tanh(p, s):
    return s.tanh()


@case([TOKENS], scale=3.0)
def softmax(p, s):
    return s.softmax(-1)


@case([PICTURE], scale=3.0)
def softmax_picture(p, s):
    return s.softmax(1)


@case([PICTURE])
def max_pool_ceil(p, s):
    return F.max_pool2d(s, 2, (3, 2), (1, 0), ceil_mode=True)


@case([PICTURE])
def average_pool_ceil(p, s):
    return F.avg_pool2d(s, (3, 2), 2, (1, 0), ceil_mode=True, count_include_pad=False)


@case([PICTURE])
def squeeze_excitation(p, s):
    gate = F.linear(s.mean((2, 3)), p("excite.weight", (4, 4)), p("excite.bias", (4,)))
    return s * gate.sigmoid()[:, :, None, None]


@case([PICTURE])
def slice_channels(p, s):
    return s[:, 1:3]


@case([PICTURE])
def slice_rows(p, s):
    return s[:, :, 2:5]


@case([PICTURE])
def pad(p, s):
    return F.pad(s, (0, 3, 2, 0, 1, 1))


@case([PICTURE])
def transpose(p, s):
    return s.permute(0, 3, 1, 2)


@case([PICTURE])
def tokens(p, s):
    return s.flatten(2).transpose(1, 2)


@case([(6, 4)])
def feature_map(p, s):
    return s.transpose(1, 2).reshape(-1, 4, 2, 3)


@case([PICTURE])
def upsample_nearest(p, s):
    return F.interpolate(s, scale_factor=(2, 3), mode="nearest")


@case([PICTURE])
def upsample_bilinear(p, s):
    return F.interpolate(s, scale_factor=(2, 3), mode="bilinear", align_corners=False)


@case([(6,), (6,)], loss="probabilities", scale=3.0)
def soft_label_cross_entropy(p, s, t):
    return F.cross_entropy(s, t)


@case([(6,), (6,)], loss="targets", scale=4.0)
def binary_cross_entropy(p, s, t):
    return F.binary_cross_entropy_with_logits(s, t)


@case([(6,), (6,)], loss="targets", scale=4.0)
def focal_loss(p, s, t):
    """As torchvision's sigmoid_focal_loss."""
    q = s.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(s, t, reduction="none")
    alpha = 0.25 * t + 0.75 * (1 - t)
    return (alpha * entropy * (1 - (q * t + (1 - q) * (1 - t))) ** 2).mean()


@case([PICTURE, PICTURE], loss="plain")
def mean_squared_error(p, s, t):
    return F.mse_loss(s, t)


@case([(6,), (6,)], loss="plain", scale=3.0)
def kl_divergence(p, s, t):
    log_q, log_p = (s / 4).log_softmax(-1), (t / 4).log_softmax(-1)
    return F.kl_div(log_q, log_p, reduction="batchmean", log_target=True) * 16


def target(kind, shape, seed, scale):
    values = float32(noise(math.prod(shape), seed), shape, scale)
    if kind == "targets":
        return (values > 0).double()
    return values.softmax(-1).float().double() if kind == "probabilities" else values


def record(out, name, f, shapes, loss, scale, integers):
    parameters = {}

    def p(key, shape):
        if key not in parameters:
            seed = 1000 * (len(parameters) + 1) + len(name)
            value = float32(noise(math.prod(shape), seed), shape, 1.0)
            parameters[key] = value.requires_grad_()
        return parameters[key]

    inputs = [target(loss if i else None, (BATCH,) + shape, 7 * i + len(name), scale)
              for i, shape in enumerate(shapes)]
    if integers:
        inputs[0] = ((inputs[0] + 1) / 2 * integers).long()
        scaled = inputs[0]
    else:
        axis = -1 if len(shapes[0]) == 2 else 1
        gamma = p("gamma", (inputs[0].shape[axis],))
        scaled = inputs[0] * (gamma[:, None, None] if len(shapes[0]) == 3 else gamma)
    y = f(p, scaled, *inputs[1:])
    value = y
    if not loss:
        inputs.append(float32(noise(y.numel(), 5), y.shape, 1.0))
        value = F.mse_loss(y, inputs[-1])
    value.backward()
    for i, tensor in enumerate(inputs):
        write_tensor(out, f"{name}.x{i}", tensor)
    for key, tensor in parameters.items():
        write_tensor(out, f"{name}.p.{key}", tensor)
    write_tensor(out, f"{name}.y", y)
    write_tensor(out, f"{name}.loss", value)
    for key, tensor in parameters.items():
        write_tensor(out, f"{name}.g.{key}", tensor.grad)


def main():
    with open(os.path.join(HERE, "operators.txt"), "w") as out:
        for name, arguments in CASES.items():
            record(out, name, *arguments)


if __name__ == "__main__":
    main()
