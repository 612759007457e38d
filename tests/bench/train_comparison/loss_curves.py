"""Whether Graft and PyTorch learn the same from the same weights, images and recipe.

Two trainings in float32 drift apart: a difference in the last bit decides in the end which side of
zero a ReLU's operand is on, and from there it grows. So there are three comparisons:
  - of the losses of two trainings that run freely;
  - of PyTorch's with those of PyTorch in its other layout, for scale;
  - at each of Graft's steps, of loss and gradients that PyTorch has at the weights that Graft has then.
"""
import statistics
import sys
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import safetensors_reader  # noqa: E402

# The loss at the end is the mean of so many steps.
LAST = 5
BOUND = 1e-3


def relative(value, expected):
    """Of numbers, or of tensors by their norms."""
    return float(numpy.linalg.norm(numpy.subtract(value, expected)) / numpy.linalg.norm(expected))


def differences(losses, expected):
    return [relative(a, b) for a, b in zip(losses, expected)]


def read_tensors(path):
    tensors, _ = safetensors_reader.read(path.read_bytes())
    return {name: numpy.frombuffer(data, dtype=numpy.float32) for name, (_, _, data) in tensors.items()}


def at_equal_weights(graft, torch, directory, step):
    """Relative differences of loss, logits and all gradients together, on batch `step`."""
    weights, own, other = (directory / name for name in ("step.weights", "step.graft", "step.npz"))
    graft.ask("save", weights)
    torch.ask("load", weights)
    losses = [graft.ask("gradients", own, step)["loss"], torch.ask("gradients", other, step)["loss"]]
    gradients, expected = read_tensors(own), numpy.load(other)
    names = sorted(set(expected.files) - {"logits"})
    if set(gradients) != {"logits", *names}:
        raise ValueError(f"gradients of other parameters: {set(gradients) ^ set(expected.files)}")
    flat, flat_expected = (numpy.concatenate([values[name].ravel() for name in names])
                           for values in (gradients, expected))
    return (relative(*losses), relative(gradients["logits"], expected["logits"].ravel()),
            relative(flat, flat_expected))


def free_running(setting, steps):
    """The losses of Graft, of PyTorch and of PyTorch in its other layout."""
    with setting.start_graft() as graft, setting.start_torch() as torch, \
            setting.start_torch(layout="channels_last") as other:
        return [engine.ask("losses", steps)["losses"] for engine in (graft, torch, other)]


def along_the_way(setting, steps):
    """Differences at equal weights, of each step of Graft's training: losses, logits, gradients."""
    found = []
    with setting.start_graft() as graft, setting.start_torch() as torch:
        for step in range(steps):
            found.append(at_equal_weights(graft, torch, setting.weights_file.parent, step))
            graft.ask("losses", 1)
    return list(zip(*found))


def compare(setting, steps):
    """The record of one network."""
    losses, expected, other = free_running(setting, steps)
    found = differences(losses, expected)
    loss, logits, gradients = along_the_way(setting, steps)
    return {"network": setting.name, "recipe": setting.recipe, "steps": steps,
            "fall": 1 - statistics.mean(losses[-LAST:]) / losses[0],
            "largest_difference": max(found),
            "steps_within_bound": next((i for i, value in enumerate(found) if value > BOUND), steps),
            "largest_difference_pytorch": max(differences(other, expected)),
            "loss_difference_at_equal_weights": max(loss),
            "logits_difference_at_equal_weights": max(logits),
            "gradient_difference_at_equal_weights": statistics.median(gradients),
            "largest_gradient_difference_at_equal_weights": max(gradients),
            "losses": losses, "losses_pytorch": expected}


def text(record):
    return (f"over {record['steps']} steps the loss falls by {100 * record['fall']:.0f} %; running "
            f"freely, losses differ by at most {record['largest_difference']:.1e} (PyTorch's two "
            f"layouts: {record['largest_difference_pytorch']:.1e}), by less than {BOUND:.0e} in the "
            f"first {record['steps_within_bound']}; at equal weights the loss differs by at most "
            f"{record['loss_difference_at_equal_weights']:.1e}, the median step's "
            f"gradients by {record['gradient_difference_at_equal_weights']:.1e}")
