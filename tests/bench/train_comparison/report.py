"""Recomputes the table and the plot from the lines that train_vs_pytorch appended."""
import json
import statistics
import sys

import networks
import schedules
from markdown import table

COLOURS = {1: "#1f77b4", 2: "#ff7f0e"}  # by threads


def lines_of(path):
    """The records of a file, with their day; none if there is no file."""
    if not path.exists():
        return []
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for record in records:
        record["day"] = record["date"][:10]
    return records


def load(path, *further):
    """The last record of each setting, in the networks' order; a setting is what `further` keys say,
    besides network, batch and threads."""
    order = list(networks.NETWORKS)
    records = {}
    for record in lines_of(path):
        key = (order.index(record["network"]), record["batch"], record["threads"],
               *(record[key] for key in further))
        records[key] = record
    return [records[key] for key in sorted(records)]


def percent(share):
    return f"{100 * share:.0f} %"


def comparison_row(record):
    low, high = record["ratio_quartiles"]
    return (record["network"], f"{record['parameters']:,}", str(record["batch"]), str(record["threads"]),
            f"{record['ratio_median']:.2f} ({low:.2f} to {high:.2f})", f"{record['pytorch_ceiling']:.2f}",
            f"{1e3 * record['step_seconds']:.2f}", f"{1e3 * record['step_seconds_pytorch']:.2f}",
            record["pytorch_variant"], percent(record["primitive_share"]),
            percent(record["pytorch_primitive_share"]), f"{record['bound_ratio']:.2f}",
            f"{record['peak_bytes'] / 1e6:.0f}", f"{record['peak_bytes_pytorch'] / 1e6:.0f}")


COMPARISON_HEADER = (
    "network", "parameters", "batch", "threads", "PyTorch / Graft (quartiles)", "ceiling", "Graft, ms",
    "PyTorch, ms", "PyTorch's form", "Graft in primitives", "PyTorch in primitives",
    "Graft / its primitives", "Graft, MB", "PyTorch, MB")


def share_row(record):
    """By operator, forward and backward together, the largest first."""
    shares = {}
    for name, share in record["shares"].items():
        name = name.removesuffix(" backward")
        shares[name] = shares.get(name, 0) + share
    largest = sorted(shares.items(), key=lambda item: -item[1])
    text = ", ".join(f"{name} {percent(share)}" for name, share in largest if share >= 0.01)
    return record["network"], str(record["batch"]), str(record["threads"]), text


def free_running_cells(record):
    def within(key):
        return f"{record[key]} of {record['steps']}"
    return (str(record["batch"]), record["data"], percent(record["fall"]),
            f"{record['largest_difference']:.1e}", within("steps_within_bound"),
            f"{record['largest_difference_nudged']:.1e}", within("steps_within_bound_nudged"))


FREE_RUNNING_HEADER = ("batch", "images", "fall of the loss", "largest difference", "steps below 1e-3",
                       "PyTorch's, a bit away", "its steps below 1e-3")


def optimizer_text(recipe):
    """Of a graft.v1.Recipe: the optimiser and its rate."""
    (kind, options), = ((key, value) for key, value in recipe.items()
                        if isinstance(value, dict) and "learning_rate" in value)
    return f"{kind} {options['learning_rate']:.3g}"


def curve_row(record):
    return (record["network"], record["form"], optimizer_text(json.loads(record["recipe"])),
            *free_running_cells(record),
            f"{record['largest_difference_pytorch']:.1e}")


CURVE_HEADER = ("network", "form", "rate", *FREE_RUNNING_HEADER, "PyTorch's layouts")

CURVE_TEXT = """## Losses

Equal weights, images and order, and a published recipe, constant learning rate; both engines run
freely. *Largest difference*: of a step's loss, Graft's to PyTorch's, relative. *PyTorch's, a bit away*:
of PyTorch to itself when each weight at the start is moved by its last bit. *PyTorch's layouts*: of its
plain layout to its channels-last one, whose batch norm is less exact.

Two trainings in float32 part once the last bit decides on which side of zero a ReLU's operand is, or
which element of a window is the maximum, since the gradient jumps there. Rounding by a part e of their
size moves about M e of M such operands across; each changes about 1 / sqrt(M) of the gradient's norm,
together sqrt(e), however large the network is: 1e-3 for an e of 1e-6, in one step. At the start of a
training and at the full rate, that grows from step to step. So PyTorch parts from itself, and about as
early. The *smooth* form of a network, with SiLU and average pooling in their place, has no jumps; there
the difference is what the engines' rounding does to the training."""


def agreeing(records, key=""):
    """The networks of which all records agree throughout."""
    apart = {record["network"] for record in records
             if record["steps_within_bound" + key] < record["steps"]}
    return {record["network"] for record in records} - apart


def curve_summary(curves, scheduled):
    """How many networks agree, in each way in which they are compared."""
    forms = {form: [record for record in curves if record["form"] == form]
             for form in ("published", "smooth")}
    published = forms["published"]
    lines = [f"Of {len({record['network'] for record in published})} networks, losses at equal weights "
             f"differ by at most {max(record['loss_difference_at_equal_weights'] for record in published):.1e} "
             "at each step"]
    if forms["smooth"]:
        largest = max(record["largest_difference"] for record in forms["smooth"])
        lines.append(f"the smooth forms' curves by at most {largest:.1e}")
    lines.append(f"the published ones' by less than 1e-3 throughout on {len(agreeing(published))}, PyTorch's "
                 f"to its own on {len(agreeing(published, '_nudged'))}")
    if scheduled:
        close = [record for record in scheduled if record["steps_within_bound"] == record["steps"]]
        falling = [record for record in close if record["fall"] >= FALL]
        lines.append("with the recipe's schedule, by less than 1e-3 throughout in "
                     f"{len(close)} of {len(scheduled)} trainings, in {len(falling)} of them while the "
                     f"loss falls by {percent(FALL)} at least, of "
                     f"{len({record['network'] for record in falling})} networks")
    return "; ".join(lines) + "."


CHOSEN_ON = 3  # seeds up to it, of recipes' curves
FALL = 0.2  # of a loss, over the steps that are compared


def by_seed(records, key):
    return ", ".join(f"{record[key]:.1e}" for record in records)


def schedule_text(name, recipe):
    options, epochs = recipe.get("schedule_options", {}), recipe["epochs"]
    if recipe["schedule"] == "step":
        places = ", ".join(f"{place * epochs:.3g}" for place in options["milestones"])
        text = f"times {options['factor']} after {places} of {epochs} epochs"
    else:
        warm_up = f", {options['warmup_epochs']} of them warm-up" if "warmup_epochs" in options else ""
        text = f"cosine over {epochs} epochs{warm_up}"
    published = networks.NETWORKS[name].schedule["epochs"]
    return text + (f" (published: {published})" if epochs != published else "")


def rates(record):
    """Of the first step that is compared and of the last, as parts of the peak."""
    factor = schedules.factor(json.loads(record["recipe"]), record["batches"])
    first = record["first_step"]
    return f"{factor(first):.2g} to {factor(first + record['steps'] - 1):.2g}"


def recipe_row(records):
    """Of one setting, by seed."""
    first = records[0]
    recipe = json.loads(first["recipe"])
    return (first["network"], f"{optimizer_text(recipe)}, {schedule_text(first['network'], recipe)}",
            f"{first['batches'] * first['batch']} of {first['data']}", str(first["first_step"]),
            rates(first),
            ", ".join(f"{record['start_loss']:.2g} to {record['end_loss']:.2g}" for record in records),
            ", ".join(percent(record["fall"]) for record in records),
            by_seed(records, "largest_difference"), by_seed(records, "largest_difference_nudged"))


RECIPE_HEADER = ("network", "rate and schedule", "images", "first step", "rate / peak", "loss, by seed", "fall",
                 "largest difference", "PyTorch's, a bit away")

RECIPE_TEXT = """The recipe with its schedule, on few images in batches of {batch}: Graft trains up to *first
step*; from its weights both engines go on for {steps} steps at the rates that the schedule has there
(*rate / peak*: of the first of them and the last), with optimisers that have seen nothing. Schedules are
as published, some brought to fewer or more epochs in proportion; EAS start is trained as EAS trains
children, and networks with a warm-up are compared in it. Images, epochs and first steps were chosen by
trying some on seeds up to {seeds} (EAS start: 5), so that losses fall and stay together, with a look at
PyTorch's from itself, too; further seeds had no part in that. *Loss*: the mean over the batches that the
first steps and the last ones share; *fall*: from one to the other. Seeds are of the weights that Graft
begins with."""


def recipe_parts(scheduled):
    if not scheduled:
        return []
    settings = {}
    for record in scheduled:
        setting = tuple(record[key] for key in ("network", "recipe", "batch", "threads", "data",
                                                "first_step"))
        settings.setdefault(setting, []).append(record)
    first = scheduled[0]
    text = RECIPE_TEXT.format(batch=first["batch"], steps=first["steps"], seeds=CHOSEN_ON)
    return ["", text, "", *table(RECIPE_HEADER, map(recipe_row, settings.values()))]


def equal_weights_row(record):
    return (record["network"], record["form"],
            *(f"{record[key]:.1e}" for key in (
                "loss_difference_at_equal_weights", "gradient_difference_at_equal_weights",
                "gradient_error", "gradient_error_direct")),
            *(f"{value:.1e}" for value in record["gradient_errors_pytorch"]))


EQUAL_WEIGHTS_HEADER = ("network", "form", "loss", "gradients", "Graft's gradients to float64's",
                        "by direct convolutions", "PyTorch's", "PyTorch's, channels-last")

EQUAL_WEIGHTS_TEXT = """At each of Graft's steps, against what PyTorch computes from the weights that Graft
has then: the largest difference of a loss, the median of gradients' (by their norms). *To float64's*: the
median error of the gradients of the first steps, against PyTorch's in float64; *by direct convolutions*:
Graft's by oneDNN's convolutions alone."""


def curve_parts(curves, scheduled):
    if not any(record["form"] == "published" for record in curves):
        return []
    return [CURVE_TEXT, "", curve_summary(curves, scheduled), "",
            *table(CURVE_HEADER, map(curve_row, curves)), *recipe_parts(scheduled), "",
            EQUAL_WEIGHTS_TEXT, "", *table(EQUAL_WEIGHTS_HEADER, map(equal_weights_row, curves)), "",
            *origin(curves + scheduled), ""]


def accuracy_cell(values):
    """Of percentages by seed."""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


def accuracy_row(arm, found, reference):
    """`found` and `reference`: percentages by seed, of the arm and of PyTorch's."""
    shared = sorted(found.keys() & reference.keys())
    difference = "-"
    if shared and arm != REFERENCE:
        pairs = [found[seed] - reference[seed] for seed in shared]
        difference = f"{statistics.mean(pairs):+.2f}"
    return (arm, ", ".join(f"{found[seed]:.2f}" for seed in sorted(found)),
            accuracy_cell(list(found.values())), difference)


REFERENCE = "pytorch"


def accuracy_parts(records):
    """A table a network, batch and number of epochs."""
    groups = {}
    for record in records:
        key = record["network"], record["batch"], record["epochs"], record["data"]
        arm = groups.setdefault(key, {}).setdefault(record["arm"], {})
        arm[record["seed"]] = 100 * record["accuracy"]
    if not groups:
        return []
    parts = ["## Accuracies", "",
             "Trained from equal weights in the same order by the network's recipe, with a cosine over "
             "all steps; per cent of the test images after the last epoch, mean ± standard deviation over "
             "seeds. *Difference*: the mean over the seeds that both have.", ""]
    for (network, batch, epochs, data), arms in groups.items():
        rows = [accuracy_row(arm, arms[arm], arms.get(REFERENCE, {})) for arm in sorted(arms)]
        parts += [f"{network}, {data}, {epochs} epochs, batch {batch}:", "",
                  *table(("arm", "by seed", "mean", "difference to PyTorch, points"), rows), ""]
    return [*parts, *origin(records), ""]


def quickstart_row(build, records):
    seconds = [record["seconds"] for record in records]
    work = [record["macs"] for record in records]
    return (build, records[-1]["revision"], ", ".join(f"{value:.1f}" for value in seconds),
            f"{statistics.median(seconds):.1f}",
            ", ".join(f"{100 * record['best_accuracy']:.2f}" for record in records),
            f"{1e9 * statistics.median(s / w for s, w in zip(seconds, work)):.1f}")


QUICKSTART_TEXT = """## The quickstart's search

Made by `tests/bench/quickstart_factor/run` on a local cluster, from submission to end.
`fashion_mnist.yaml` is the quickstart's search; its policy learns from accuracies, so that two engines
lead to other networks. `fixed_list.yaml` draws networks without a look at accuracies, so that both train
the same ones. The last column is the search's time to what it trained: a network's multiply-adds an image
times its epochs, summed."""


def quickstart_parts(records):
    """Of quickstart_factor/run: for each search the last revision of each build."""
    if not records:
        return []
    parts = [QUICKSTART_TEXT, ""]
    for search in dict.fromkeys(record["search"] for record in records):
        parts += search_parts(search, [record for record in records if record["search"] == search])
    return [*parts, *origin(records), ""]


def search_parts(search, records):
    last = {record["build"]: (record["revision"], record["episodes"]) for record in records}
    builds = {build: [record for record in records if record["build"] == build
                      and (record["revision"], record["episodes"]) == last[build]]
              for build in ("before", "after") if build in last}
    parts = [f"`{search}`:", "",
             *table(("build", "revision", "seconds", "median", "best accuracy, %", "seconds a 10^9"),
                    [quickstart_row(build, found) for build, found in builds.items()]), ""]
    if len(builds) == 2:
        before, after = (statistics.median(record["seconds"] for record in found)
                         for found in builds.values())
        parts += [f"It is {before / after:.2f} times as fast as before.", ""]
    return parts


def origin(records):
    """Where and when records were measured."""
    return [". ".join(f"{title}: {', '.join(sorted({record[key] for record in records}))}"
                      for key, title in (("machine", "Machine"), ("revision", "Revision"),
                                         ("day", "Measured"))) + "."]


def unsupported_rows(records):
    return sorted({(record["network"], record["unsupported"]) for record in records})


def plot(records, path):
    """A bar a setting: the median ratio with its quartiles, and a tick at PyTorch's ceiling."""
    bar, gap, left, right, top = 12, 10, 190, 50, 50
    width = 760
    height = top + sum(bar + 4 for _ in records) + gap * len({record["network"] for record in records}) + 30
    longest = max(max(record["ratio_range"][1], record["pytorch_ceiling"]) for record in records)

    def x(ratio):
        return left + (width - left - right) * ratio / longest

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             '<text x="8" y="18">Training steps a second, Graft to PyTorch: medians of pairs with '
             'quartiles; tick: ceiling</text>']
    for i, threads in enumerate(COLOURS):
        parts.append(f'<text x="{left + 120 * i}" y="36" fill="{COLOURS[threads]}">{threads} '
                     f'thread{"s" if threads > 1 else ""}</text>')
    y, previous = top, None
    for record in records:
        if record["network"] != previous:
            y += gap
            parts.append(f'<text x="8" y="{y + 10}">{record["network"]}</text>')
            previous = record["network"]
        low, high = map(x, record["ratio_quartiles"])
        end, middle = x(record["ratio_median"]), y + bar / 2
        ceiling = x(record["pytorch_ceiling"])
        parts += [f'<text x="{left - 34}" y="{y + 10}" fill="#666">{record["batch"]}</text>',
                  f'<rect x="{left}" y="{y}" width="{end - left:.1f}" height="{bar}" '
                  f'fill="{COLOURS.get(record["threads"], "#888")}"/>',
                  f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}" stroke="black"/>',
                  f'<line x1="{ceiling:.1f}" x2="{ceiling:.1f}" y1="{y - 1}" y2="{y + bar + 1}" '
                  'stroke="#d62728" stroke-width="2"/>',
                  f'<text x="{max(end, high) + 6:.1f}" y="{y + 10}">{record["ratio_median"]:.2f}</text>']
        y += bar + 4
    parts.append(f'<line x1="{x(1):.1f}" x2="{x(1):.1f}" y1="{top}" y2="{y}" stroke="#666" '
                 'stroke-dasharray="3"/>')
    path.write_text("\n".join(parts) + "\n</svg>\n", encoding="utf-8")


def supported(records):
    return [record for record in records if "unsupported" not in record]


BOUND = 1.35  # of a step to its primitives


def memory_row(record):
    """What the rest of a step does to memory: milliseconds, what it has to move, and how fast it does;
    and what the ratio were if it did so as fast as a copy."""
    kernels = sorted(record["others"].items(), key=lambda item: -item[1][0])
    seconds = sum(times for _, (times, _) in kernels)
    size = sum(size for _, (_, size) in kernels)
    text = ", ".join(f"{name} {1e3 * times:.1f} ms, {size / 1e6:.0f} MB"
                     for name, (times, size) in kernels[:4])
    ratio, copy = record["bound_ratio"], record["copy_bytes_per_second"]
    in_step = record["primitive_share"] * ratio
    at_copy = in_step + size / copy / (record["step_seconds"] / ratio)
    return (record["network"], str(record["batch"]), str(record["threads"]), f"{ratio:.2f}",
            f"{1e3 * seconds:.1f}", f"{size / 1e6:.0f}", f"{size / seconds / 1e9:.1f}",
            f"{copy / 1e9:.1f}", f"{in_step:.2f}", f"{at_copy:.2f}", text)


MEMORY_HEADER = ("network", "batch", "threads", "Graft / its primitives", "other kernels, ms", "MB",
                 "GB/s", "a copy, GB/s", "primitives alone", "others at a copy's speed", "the longest")


def memory_parts(records):
    missed = [record for record in records if record["bound_ratio"] > BOUND
              and "others" in record and "attention" not in record["shares"]]
    if not missed:
        return []
    return [f"## Steps of convolutional networks above {BOUND} times their primitives", "",
            "What is not a primitive there, the bytes of values and gradients that it has to read and "
            "write (each once, but for those that a batch norm in training has to read for its mean or "
            "sum before it uses them), the bytes a second that come of it, and those of a plain copy by "
            "as many threads, read and written, on the same machine. *Primitives alone*: what the ratio "
            "were if all else took no time; it is above 1 since in a step their operands are not in the "
            "caches. *Others at a copy's speed*: what it were if all else moved its bytes as fast as the "
            "copy. PVT, which is attention for the most part, is left out; its ratios are above.", "",
            *table(MEMORY_HEADER, map(memory_row, missed)), ""]


def plan_row(record):
    megabytes = [f"{record[key] / 1e6:.1f}" for key in
                 ("memory_bytes", "arena_bytes", "largest_live_bytes")]
    return (record["network"], str(record["batch"]), *megabytes,
            f"{record['arena_bytes'] / record['largest_live_bytes']:.3f}", str(record["reorders"]))


PLAN_HEADER = ("network", "batch", "plan, MB", "values and gradients, MB", "most that live at once, MB",
               "ratio", "reorders a step")


def plan_parts(records):
    if not records:
        return []
    return ["## Plans", "",
            "What a plan that trains allocates: values and gradients, placed in one arena by their "
            "lifetimes, and scratch. No layout of values and gradients can take less than those that "
            "live at one time. Reorders bring weights of oneDNN's direct convolutions into its layout "
            "and their gradients back; nothing else is reordered but the images, once a step.", "",
            *table(PLAN_HEADER, map(plan_row, records)), "", *origin(records), ""]


def summary(compared):
    """The mean ratio, and the smallest."""
    ratios = [record["ratio_median"] for record in compared]
    without = [record["ratio_median"] for record in compared if record["network"] != "pvt"] or ratios
    least = min(compared, key=lambda record: record["ratio_median"])
    return (f"Geometric mean of the ratios {statistics.geometric_mean(ratios):.2f}, without pvt, where "
            f"this PyTorch has a slow matrix product, {statistics.geometric_mean(without):.2f}; the "
            f"smallest {least['ratio_median']:.2f} ({least['network']}, batch {least['batch']}, threads: "
            f"{least['threads']}).")


def comparison_parts(compared, path):
    plot(compared, path.with_suffix(".svg"))
    return [summary(compared), "", *table(COMPARISON_HEADER, map(comparison_row, compared)), "",
            f"![Ratios]({path.stem}.svg)", "", "## Where Graft's step goes", "",
            *table(("network", "batch", "threads", "share of the step"), map(share_row, compared)), "",
            *memory_parts(compared)]


def write(results, path):
    """From `results`, and the files of the other kinds of records beside it."""
    records = load(results)
    if not records:
        sys.exit(f"train_vs_pytorch: there is no {results}; a run with --results makes it")
    missing = [record for record in records if "unsupported" in record]
    compared = supported(records)
    text = ["# The CPU engine and PyTorch", "",
            f"Made by `tests/bench/train_vs_pytorch report` from `{results.name}`. Both engines train "
            "in float32 on the same cores; measurements alternate. A ratio above 1 says that Graft is "
            "faster. *Primitives* are convolutions, matrix products and attention, whichever library "
            "they are from; the *ceiling* is PyTorch's step to its own primitives: the ratio of an "
            "engine that had those and took no time for the rest. *Graft / its primitives* is Graft's "
            "step to the sum of its primitives timed alone, without the batch norms that convolutions "
            "compute as they load their operands; in the step those count to the primitives. Memory is "
            "the peak above the idle process.", ""]
    text += comparison_parts(compared, path) if compared else []
    if missing:
        text += ["## Not supported by the build that was measured", "",
                 *table(("network", "reason"), unsupported_rows(missing)), ""]
    text += [*origin(records), ""]
    folder = results.parent
    text += plan_parts(supported(load(folder / "plans.jsonl")))
    text += curve_parts(supported(load(folder / "loss_curves.jsonl", "form", "data")),
                        supported(load(folder / "recipe_loss_curves.jsonl", "data", "seed")))
    text += accuracy_parts(supported(load(folder / "accuracy.jsonl", "data", "epochs", "arm", "seed")))
    text += quickstart_parts(lines_of(folder / "quickstart_factor.jsonl"))
    path.write_text("\n".join(text[:-1]) + "\n", encoding="utf-8")
