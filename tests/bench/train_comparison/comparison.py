"""Measures training steps of both engines in alternation."""
import statistics

from engines import FORMS, LAYOUTS

# Seconds of one measurement.
SLICE = 0.7
PRIMITIVES = ("convolution", "linear", "matmul", "attention")


def steps_for(seconds_per_step, seconds=SLICE):
    return max(1, round(seconds / seconds_per_step))


def warm_up(engine):
    """Seconds of a step, after those in which an engine still prepares: PyTorch rewrites a scripted
    network at its second step."""
    engine.ask("measure", 2)
    seconds = engine.seconds_per_step(1)
    return seconds if seconds > SLICE else engine.seconds_per_step(2)


def trial(setting, form, layout):
    """Seconds of a step in one of PyTorch's forms: the best of two measurements."""
    with setting.start_torch(form, layout) as engine:
        seconds = warm_up(engine)
        steps = steps_for(seconds)
        again = [engine.seconds_per_step(steps) for _ in range(2 if steps > 1 else 1)]
        return min(again + ([seconds] if steps == 1 else []))


def pairs_of(graft, torch, pairs):
    """(Graft's, PyTorch's) seconds of a step, one after the other and the other way round by turns."""
    steps = {engine: steps_for(warm_up(engine)) for engine in (graft, torch)}
    for pair in range(pairs):
        order = (graft, torch) if pair % 2 == 0 else (torch, graft)
        seconds = {engine: engine.seconds_per_step(steps[engine]) for engine in order}
        yield seconds[graft], seconds[torch]


def quartiles(values):
    return statistics.quantiles(values, n=4, method="inclusive")[::2] if len(values) > 1 else values * 2


def peak_above_idle(engine):
    memory = engine.ask("memory")
    return memory["peak_bytes"] - memory["idle_bytes"]


def is_primitive(kernel):
    return kernel.split()[0] in PRIMITIVES


def graft_profile(engine, seconds_per_step):
    """Where a step goes: shares of it by operator, and how far it is above its primitives."""
    profile = engine.ask("profile", max(5, steps_for(seconds_per_step)))
    kernels, step = profile["kernels"], profile["seconds"]
    primitives = {name: times for name, times in kernels.items() if is_primitive(name)}
    shares = {name: times["seconds"] / step for name, times in kernels.items()}
    others = {name: [times["seconds"], times["bytes"]] for name, times in kernels.items()
              if name not in primitives and times["seconds"] > 0.01 * step}
    shares["optimiser and rest"] = 1 - sum(shares.values())
    return {"primitive_share": sum(times["seconds"] for times in primitives.values()) / step,
            "bound_ratio": profile["median_seconds"] / sum(times["alone_seconds"]
                                                           for times in primitives.values()),
            "others": others, "copy_bytes_per_second": profile["copy_bytes_per_second"],
            "shares": {name: round(share, 4) for name, share in shares.items()}}


def torch_profile(engine, seconds_per_step):
    """The ratio that an engine would reach that had PyTorch's primitives and nothing else."""
    steps = max(2, steps_for(seconds_per_step, SLICE / 2))
    shares = []
    for _ in range(3):
        # Of a step without the profiler, which costs most where there is little to do.
        step = engine.seconds_per_step(steps)
        profile = engine.ask("profile", steps)
        shares.append(profile["primitive_seconds"] / step)
    share = statistics.median(shares)
    return {"pytorch_primitive_share": share, "pytorch_ceiling": 1 / share,
            "pytorch_shares": {name: round(seconds / profile["seconds"], 4)
                               for name, seconds in profile["kernels"].items()
                               if seconds > 0.01 * profile["seconds"]}}


def compare(setting, pairs):
    """The record of one setting."""
    with setting.start_graft() as graft:
        trials = {(form, layout): trial(setting, form, layout) for form in FORMS for layout in LAYOUTS}
        best = min(trials, key=trials.get)
        with setting.start_torch(*best) as torch:
            measured = list(pairs_of(graft, torch, pairs))
            ratios = [torch_seconds / graft_seconds for graft_seconds, torch_seconds in measured]
            graft_seconds, torch_seconds = map(statistics.median, zip(*measured))
            return {
                "network": setting.name, "parameters": setting.description["parameters"],
                "macs": int(setting.description["macs"]), "batch": setting.batch,
                "threads": setting.threads, "pairs": pairs,
                "ratio_median": statistics.median(ratios), "ratio_quartiles": quartiles(ratios),
                "ratio_range": [min(ratios), max(ratios)],
                "step_seconds": graft_seconds, "step_seconds_pytorch": torch_seconds,
                "pytorch_variant": " ".join(best),
                "pytorch_trials": {" ".join(key): seconds for key, seconds in trials.items()},
                "peak_bytes": peak_above_idle(graft), "peak_bytes_pytorch": peak_above_idle(torch),
                **graft_profile(graft, graft_seconds), **torch_profile(torch, torch_seconds)}


def text(record):
    low, high = record["ratio_quartiles"]
    return (f"batch {record['batch']}, {record['threads']} threads: PyTorch "
            f"({record['pytorch_variant']}) takes {record['ratio_median']:.2f} times as long "
            f"(quartiles {low:.2f} to {high:.2f}, ceiling {record['pytorch_ceiling']:.2f}); primitives "
            f"are {100 * record['primitive_share']:.0f} % of Graft's step, which takes "
            f"{record['bound_ratio']:.2f} times as long as they alone; peaks "
            f"{record['peak_bytes'] / 1e6:.0f} and {record['peak_bytes_pytorch'] / 1e6:.0f} MB")
