#!/usr/bin/env python3
"""Writes what PyTorch computes for whole networks: the values that pytorch_golden_test.cc replays.

    python3 tests/golden/pytorch/pytorch_golden.py        (Debian: python3-torch)

Each network is a program over named values; weights and inputs come from an integer hash that the test
does not need to know, because they are written out, too. One file a network, `<name>.txt`:

    tensor <name> <dim>,<dim>,...
    <hexadecimal float32 bits, 8 digits each, 16 to a line>

Names: `x`, `labels` (as floats), `p.<layer>.<parameter>` (before), `s.<layer>.<statistic>` (after one
forward in training), `logits_eval`, `logits_train`, `loss_eval`, `loss_train`,
`g.<layer>.<parameter>` (gradient), `losses` (of five steps of SGD with Nesterov momentum 0.9, weight
decay 1e-4, rate 0.05, on the same batch).
"""
import os
import struct

import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))


def noise(count, seed):
    """Values in [-1, 1) from a 32-bit mix; the same everywhere."""
    values = []
    for i in range(count):
        h = (i * 2654435761 + seed * 40503 + 12345) & 0xFFFFFFFF
        for multiplier in (0x85EBCA6B, 0xC2B2AE35):
            h ^= h >> 16
            h = (h * multiplier) & 0xFFFFFFFF
        h ^= h >> 13
        values.append(h / 2**31 - 1.0)
    return values


class Network:
    """Layers by name; parameters are made at first use, in float64 from `noise`."""

    def __init__(self):
        self.parameters = {}
        self.statistics = {}
        self.training = False
        self.seed = 0

    def parameter(self, name, shape, scale, offset=0.0):
        if name not in self.parameters:
            self.seed += 1
            count = 1
            for dim in shape:
                count *= dim
            value = torch.tensor(noise(count, self.seed)).reshape(shape) * scale + offset
            self.parameters[name] = value.float().requires_grad_()
        return self.parameters[name]

    def statistic(self, name, size, start):
        if name not in self.statistics:
            self.statistics[name] = torch.full((size,), start)
        return self.statistics[name]

    def conv(self, name, x, filters, kernel, stride=1, padding=None, bias=False):
        channels = x.shape[1]
        scale = (6.0 / (channels * kernel * kernel)) ** 0.5
        weight = self.parameter(name + ".weight", (filters, channels, kernel, kernel), scale)
        offset = self.parameter(name + ".bias", (filters,), 0.2) if bias else None
        if padding is None:
            padding = ((kernel - 1) // 2,) * 4
        top, left, bottom, right = padding
        return F.conv2d(F.pad(x, (left, right, top, bottom)), weight, offset, stride)

    def norm(self, name, x):
        size = x.shape[1]
        scale = self.parameter(name + ".scale", (size,), 0.3, 1.0)
        shift = self.parameter(name + ".shift", (size,), 0.3)
        mean = self.statistic(name + ".mean", size, 0.0)
        variance = self.statistic(name + ".variance", size, 1.0)
        return F.batch_norm(x, mean, variance, scale, shift, self.training, 0.1, 1e-5)

    def linear(self, name, x, units, bias=True):
        weight = self.parameter(name + ".weight", (units, x.shape[1]), (3.0 / x.shape[1]) ** 0.5)
        return F.linear(x, weight, self.parameter(name + ".bias", (units,), 0.2) if bias else None)


def demo(net, x):
    """The start network of EAS's demo space: 638 parameters on [1, 28, 28]."""
    for block in range(1, 5):
        x = F.relu(net.norm(f"norm{block}", net.conv(f"conv{block}", x, 4, 3)))
        x = F.max_pool2d(x, 2) if block < 4 else F.avg_pool2d(x, 3)
    x = F.relu(net.norm("norm5", net.linear("hidden", x.flatten(1), 8, bias=False)))
    return net.linear("last", x, 10)


def branched(net, x):
    """Add, concat, average pooling with padding, dropout switched off (rate 0), global maximum."""
    x = F.relu(net.norm("norm1", net.conv("conv1", x, 6, 3)))
    a = net.conv("a", x, 5, 1, bias=True)
    b = net.conv("b", x, 5, 5)
    joined = torch.cat([F.relu(a + b), x], 1)
    pooled = F.avg_pool2d(joined, 3, 2, 1, count_include_pad=False)
    y = F.relu(net.norm("norm2", net.conv("conv2", pooled, 12, 3)))
    y = torch.amax(y, (2, 3))
    return net.linear("last", y, 7)


def strided(net, x):
    """Strides, asymmetric padding, a bias before ReLU, global average."""
    x = F.relu(net.conv("conv1", x, 9, 3, 2, (0, 1, 1, 0), bias=True))
    x = F.relu(net.norm("norm1", net.conv("conv2", x, 17, 4, 1, (2, 1, 1, 2))))
    x = F.max_pool2d(x, 3, 2, 1)
    x = net.conv("conv3", x, 20, 1, 2, (0, 0, 0, 0))
    return net.linear("last", x.mean((2, 3)), 5)


def write_tensor(out, name, tensor):
    flat = tensor.detach().float().flatten().tolist()
    shape = ",".join(str(dim) for dim in tensor.shape) or "1"
    out.write(f"tensor {name} {shape}\n")
    words = ["%08x" % struct.unpack("<I", struct.pack("<f", value))[0] for value in flat]
    for start in range(0, len(words), 16):
        out.write(" ".join(words[start : start + 16]) + "\n")


def record(name, program, shape, classes, smoothing):
    count = shape[0]
    size = shape[0] * shape[1] * shape[2] * shape[3]
    x = torch.tensor(noise(size, 99)).reshape(shape).float() * 1.7
    labels = torch.tensor([(5 * n + 3) % classes for n in range(count)])
    net = Network()

    def loss_of(logits):
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)

    eval_logits = program(net, x)
    with open(os.path.join(HERE, name + ".txt"), "w") as out:
        write_tensor(out, "x", x)
        write_tensor(out, "labels", labels)
        for key, value in net.parameters.items():
            write_tensor(out, "p." + key, value)
        write_tensor(out, "logits_eval", eval_logits)
        write_tensor(out, "loss_eval", loss_of(eval_logits))
        net.training = True
        optimiser = torch.optim.SGD(
            net.parameters.values(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-4
        )
        losses = []
        for step in range(5):
            logits = program(net, x)
            loss = loss_of(logits)
            losses.append(loss.detach())
            optimiser.zero_grad()
            loss.backward()
            if step == 0:
                write_tensor(out, "logits_train", logits)
                write_tensor(out, "loss_train", loss)
                for key, value in net.statistics.items():
                    write_tensor(out, "s." + key, value)
                for key, value in net.parameters.items():
                    write_tensor(out, "g." + key, value.grad)
            optimiser.step()
        write_tensor(out, "losses", torch.stack(losses))


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    record("demo", demo, (6, 1, 28, 28), 10, 0.0)
    record("branched", branched, (4, 3, 11, 10), 7, 0.0)
    record("strided", strided, (4, 3, 15, 14), 5, 0.1)


if __name__ == "__main__":
    main()
