#!/usr/bin/env python3
"""Writes where optimisers move parameters: the values that optimizer_golden_test.cc replays.

    python3 tests/golden/pytorch/optimizer_golden.py        (Debian: python3-torch)

Three tensors (a tall matrix, a wide one, a vector) take five steps along gradients that are given.
SGD, Adam, AdamW and Adadelta are PyTorch's; LAMB and Muon, which it lacks, are written from their
papers in float64. `optimizers.txt` has the format of pytorch_golden.py, names `p.<tensor>` (before),
`g<step>.<tensor>` and `<optimiser>.<tensor>` (after).
"""
import math
import os

import torch

from pytorch_golden import noise, write_tensor

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPES = {"tall": (6, 4), "wide": (3, 10), "vector": (7,)}
STEPS = 5
RATE = 0.03


def tensor(shape, seed, scale):
    return (torch.tensor(noise(math.prod(shape), seed)).reshape(shape) * scale).float().double()


def lamb(parameters, gradients, beta1=0.9, beta2=0.999, epsilon=1e-6, decay=0.01):
    m = [torch.zeros_like(p) for p in parameters]
    v = [torch.zeros_like(p) for p in parameters]
    for t, step in enumerate(gradients, 1):
        for i, (p, g) in enumerate(zip(parameters, step)):
            m[i] = beta1 * m[i] + (1 - beta1) * g
            v[i] = beta2 * v[i] + (1 - beta2) * g ** 2
            direction = (m[i] / (1 - beta1 ** t)) / ((v[i] / (1 - beta2 ** t)).sqrt() + epsilon)
            direction = direction + decay * p
            p -= RATE * (p.norm() / direction.norm()) * direction


def orthogonalize(x, iterations=5):
    """By the quintic's action on the singular values: u q^5(s) v^T."""
    u, s, vt = torch.linalg.svd(x / (x.norm() + 1e-7), full_matrices=False)
    for _ in range(iterations):
        s = 3.4445 * s - 4.7750 * s ** 3 + 2.0315 * s ** 5
    return u @ torch.diag(s) @ vt


def muon(parameters, gradients, momentum=0.95, decay=0.02):
    matrices = [i for i, p in enumerate(parameters) if p.dim() == 2]
    vectors = [i for i, p in enumerate(parameters) if p.dim() == 1]
    buffers = [torch.zeros_like(p) for p in parameters]
    adam = torch.optim.AdamW([parameters[i] for i in vectors], lr=RATE * 0.05, weight_decay=0)
    for step in gradients:
        for i in matrices:
            p, g = parameters[i], step[i]
            buffers[i] = momentum * buffers[i] + g
            update = orthogonalize(g + momentum * buffers[i])
            p *= 1 - RATE * decay
            p -= RATE * max(1, p.shape[0] / p.shape[1]) ** 0.5 * update
        for i in vectors:
            parameters[i].grad = step[i].clone()
        adam.step()


def pytorch(make):
    def run(parameters, gradients):
        optimiser = make(parameters)
        for step in gradients:
            for p, g in zip(parameters, step):
                p.grad = g.clone()
            optimiser.step()
    return run


OPTIMISERS = {
    "sgd_nesterov": pytorch(lambda p: torch.optim.SGD(p, RATE, 0.9, weight_decay=0.01,
                                                      nesterov=True)),
    "sgd_classical": pytorch(lambda p: torch.optim.SGD(p, RATE, 0.8, weight_decay=0)),
    "adam": pytorch(lambda p: torch.optim.Adam(p, RATE, weight_decay=0.1)),
    "adamw": pytorch(lambda p: torch.optim.AdamW(p, RATE, (0.8, 0.95), weight_decay=0.1)),
    "ada_delta": pytorch(lambda p: torch.optim.Adadelta(p, 1.0, 0.9, 1e-6, weight_decay=0.01)),
    "lamb": lamb,
    "muon": muon,
}


def main():
    start = {name: tensor(shape, 11 + i, 0.5) for i, (name, shape) in enumerate(SHAPES.items())}
    gradients = [[tensor(shape, 100 + 10 * step + i, 0.1 * (step + 1))
                  for i, shape in enumerate(SHAPES.values())] for step in range(STEPS)]
    with open(os.path.join(HERE, "optimizers.txt"), "w") as out:
        for name, value in start.items():
            write_tensor(out, "p." + name, value)
        for step, tensors in enumerate(gradients):
            for name, value in zip(SHAPES, tensors):
                write_tensor(out, f"g{step}.{name}", value)
        for optimiser, run in OPTIMISERS.items():
            parameters = [value.clone() for value in start.values()]
            with torch.no_grad():
                run(parameters, gradients)
            for name, value in zip(SHAPES, parameters):
                write_tensor(out, f"{optimiser}.{name}", value)


if __name__ == "__main__":
    main()
