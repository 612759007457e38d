"""Whether Graft and PyTorch learn the same from the same weights, images and recipe.

Two trainings in float32 drift apart: a difference in the last bit decides in the end which side of
zero a ReLU's operand is on, or which element of a window is the maximum; then gradients differ by much
more than the last bit, and from there it grows, at the start of a training and at its full rate. So
there are five comparisons:
  - of the losses of two trainings that run freely;
  - of PyTorch's with its own from weights that differ in the last bit: no other engine can be expected
    to be closer, since it could not be if it rounded but once otherwise;
  - of PyTorch's with those of PyTorch in its other layout;
  - at each of Graft's steps, of loss and gradients that PyTorch has at the weights that Graft has then;
  - at the first of these, of Graft's and PyTorch's gradients with those of PyTorch in float64; also
    of Graft's by oneDNN's direct convolutions alone.
The smooth form of a network (see networks.SMOOTH) has no such jumps: there, what is left is what the
engines' roundings do to the training. Where a recipe's schedule makes steps shorter, differences grow
less from one step to the next.
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
# PyTorch's convolutions in float64 take many times as long as in float32.
EXACT_STEPS = 5
GRAFT_FILE, TORCH_FILE = "step.safetensors", "step.npz"


def relative(value, expected):
    """Of numbers, or of tensors by their norms."""
    return float(numpy.linalg.norm(numpy.subtract(value, expected)) / numpy.linalg.norm(expected))


def differences(losses, expected):
    return [relative(a, b) for a, b in zip(losses, expected)]


def steps_within_bound(found):
    """How many steps there are before the first whose difference is above the bound."""
    return next((i for i, value in enumerate(found) if value > BOUND), len(found))


def read_gradients(path):
    """Those that an engine wrote, flat, in the order of their names; and the logits, flat."""
    if path.suffix == ".npz":
        tensors = dict(numpy.load(path))
    else:
        tensors = {name: numpy.frombuffer(data, dtype=numpy.float32) for name, (_, _, data)
                   in safetensors_reader.read(path.read_bytes())[0].items()}
    logits = tensors.pop("logits").ravel()
    return numpy.concatenate([tensors[name].ravel() for name in sorted(tensors)]), logits


def at_weights(engine, weights, path, step):
    """(loss, logits, gradients) on batch `step`; of `weights`, unless they are None."""
    if weights:
        engine.ask("load", weights)
    loss = engine.ask("gradients", path, step)["loss"]
    gradients, logits = read_gradients(path)
    return loss, logits, gradients


def at_equal_weights(graft, others, directory, step):
    """What Graft and the others compute at Graft's weights. `others`: engines, each with the name of the
    file that it writes gradients to."""
    weights = directory / "step.weights"
    graft.ask("save", weights)
    return [at_weights(graft, None, directory / GRAFT_FILE, step),
            *(at_weights(other, weights, directory / file, step) for other, file in others)]


def free_running(setting, steps, first_step):
    """The losses of Graft, of PyTorch, and of PyTorch from weights one last bit away. All begin with the
    weights that Graft has at `first_step`."""
    with setting.start_graft() as graft, setting.start_torch() as torch, setting.start_torch() as nudged:
        engines = graft, torch, nudged
        if first_step:
            graft.ask("losses", first_step)
            graft.ask("save", setting.weights_file)
            for engine in engines:
                engine.ask("load", setting.weights_file)
                engine.ask("skip", first_step)
        nudged.ask("nudge")
        return [engine.ask("losses", steps)["losses"] for engine in engines]


def compare_free_running(setting, steps, first_step=0, ends=(1, LAST)):
    """`ends`: of how many steps the loss at the start and at the end are the mean."""
    losses, expected, nudged = free_running(setting, steps, first_step)
    found, found_nudged = differences(losses, expected), differences(nudged, expected)
    start, end = statistics.mean(losses[:ends[0]]), statistics.mean(losses[-ends[1]:])
    return {"network": setting.name, "recipe": setting.recipe, "steps": steps,
            "start_loss": start, "end_loss": end, "fall": 1 - end / start,
            "largest_difference": max(found), "steps_within_bound": steps_within_bound(found),
            "largest_difference_nudged": max(found_nudged),
            "steps_within_bound_nudged": steps_within_bound(found_nudged),
            "losses": losses, "losses_pytorch": expected}


def compare_parts(setting, steps, curve):
    """Of a part of a training. Batches repeat, and some are easier than others: the loss falls from those
    that are seen first to the same ones at the end."""
    again = min(curve.batches, steps - curve.batches)
    return compare_free_running(setting, steps, curve.first_step, ends=(again, again))


def along_the_way(setting, steps):
    """Differences at equal weights, of each step of Graft's training: losses, logits, gradients."""
    found = []
    with setting.start_graft() as graft, setting.start_torch() as torch:
        for step in range(steps):
            values = at_equal_weights(graft, [(torch, TORCH_FILE)], setting.weights_file.parent,
                                      step)
            found.append([relative(own, other) for own, other in zip(*values)])
            graft.ask("losses", 1)
    return list(zip(*found))


def errors(setting, steps):
    """The median error of gradients, to float64's, of Graft, of Graft with direct convolutions alone,
    and of PyTorch in both layouts."""
    found = []
    with setting.start_graft() as graft, setting.start_graft(["--exact"]) as direct, \
            setting.start_torch() as torch, \
            setting.start_torch(layout="channels_last") as other, \
            setting.start_torch(dtype="float64") as exact:
        for step in range(steps):
            others = [(direct, GRAFT_FILE), *((one, TORCH_FILE) for one in (torch, other, exact))]
            *values, expected = at_equal_weights(graft, others, setting.weights_file.parent, step)
            found.append([relative(value[-1], expected[-1]) for value in values])
            graft.ask("losses", 1)
    return [statistics.median(column) for column in zip(*found)]


def compare(setting, steps):
    """The record of one network."""
    record = compare_free_running(setting, steps)
    with setting.start_torch(layout="channels_last") as torch:
        other = torch.ask("losses", steps)["losses"]
    loss, logits, gradients = along_the_way(setting, steps)
    error, error_direct, *errors_pytorch = errors(setting, min(steps, EXACT_STEPS))
    return {**record,
            "largest_difference_pytorch": max(differences(other, record["losses_pytorch"])),
            "loss_difference_at_equal_weights": max(loss),
            "logits_difference_at_equal_weights": max(logits),
            "gradient_difference_at_equal_weights": statistics.median(gradients),
            "largest_gradient_difference_at_equal_weights": max(gradients),
            "gradient_error": error, "gradient_error_direct": error_direct,
            "gradient_errors_pytorch": errors_pytorch}


def free_running_text(record):
    return (f"over {record['steps']} steps the loss falls by {100 * record['fall']:.0f} %; running "
            f"freely, losses differ by at most {record['largest_difference']:.1e} (PyTorch's from "
            f"weights one last bit away: {record['largest_difference_nudged']:.1e}), by less than "
            f"{BOUND:.0e} in the first {record['steps_within_bound']} "
            f"({record['steps_within_bound_nudged']})")


def text(record):
    return (f"{free_running_text(record)}; those of PyTorch's two layouts by at most "
            f"{record['largest_difference_pytorch']:.1e}; at equal weights the loss differs by at most "
            f"{record['loss_difference_at_equal_weights']:.1e}, the median step's "
            f"gradients by {record['gradient_difference_at_equal_weights']:.1e}")
