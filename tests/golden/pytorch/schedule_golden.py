#!/usr/bin/env python3
"""Writes PyTorch's learning rates: the values that learning_rate_golden_test.cc replays.

    python3 tests/golden/pytorch/schedule_golden.py        (Debian: python3-torch)

Six epochs of five steps at a peak of 0.2. `schedules.txt` has the format of pytorch_golden.py; each
tensor holds the rates of all 30 steps, `losses` the losses of the plateau's epochs.
"""
import os

import torch
from torch.optim import lr_scheduler

from pytorch_golden import write_tensor

HERE = os.path.dirname(os.path.abspath(__file__))
PEAK = 0.2
EPOCHS = 6
STEPS = 5
LOSSES = [1.0, 0.9, 0.95, 0.8999999, 0.91, 0.5]


def rates(make, per_step, losses=None):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=PEAK)
    scheduler = make(optimizer)
    result = []
    for epoch in range(EPOCHS):
        for _ in range(STEPS):
            result.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if per_step:
                scheduler.step()
        if losses:
            scheduler.step(losses[epoch])
        elif not per_step:
            scheduler.step()
    return torch.tensor(result)


def main():
    total = EPOCHS * STEPS
    warmup = 2 * STEPS
    cases = {
        "cosine_epoch": rates(lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS), False),
        "cosine_step": rates(lambda o: lr_scheduler.CosineAnnealingLR(o, total, eta_min=0.02), True),
        "step": rates(lambda o: lr_scheduler.MultiStepLR(o, [total // 2, total * 2 // 3], gamma=0.1),
                      True),
        "triangular": rates(
            lambda o: lr_scheduler.CyclicLR(o, 0.05, PEAK, step_size_up=5, cycle_momentum=False),
            True),
        "plateau": rates(
            lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=1, threshold=1e-4),
            False, LOSSES),
        # Two epochs up from a tenth, as 1 / warmup is the first factor, then the constant rate.
        "warmup": rates(
            lambda o: lr_scheduler.LinearLR(o, start_factor=1 / warmup, total_iters=warmup - 1), True),
    }
    with open(os.path.join(HERE, "schedules.txt"), "w", encoding="utf-8") as file:
        for name, values in cases.items():
            write_tensor(file, name, values)
        write_tensor(file, "losses", torch.tensor(LOSSES))


if __name__ == "__main__":
    main()
