"""Recomputes the table and the plot from the lines that train_vs_pytorch appended."""
import json
import sys

import networks

COLOURS = {1: "#1f77b4", 2: "#ff7f0e"}  # by threads


def load(path):
    """The last record of each setting, by (kind, network, batch, threads)."""
    if not path.exists():
        sys.exit(f"train_vs_pytorch: there is no {path}; a run with --results makes it")
    records = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        record["day"] = record["date"][:10]
        records[record["kind"], record["network"], record["batch"], record["threads"]] = record
    order = list(networks.NETWORKS)
    return [records[key] for key in sorted(records, key=lambda key: (order.index(key[1]), *key[2:]))]


def table(header, rows):
    return ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)] + \
        ["| " + " | ".join(row) + " |" for row in rows]


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


def loss_row(record):
    return (record["network"], str(record["batch"]), record["data"], percent(record["fall"]),
            f"{record['largest_difference']:.1e}", str(record["steps_within_bound"]),
            f"{record['largest_difference_pytorch']:.1e}",
            f"{record['loss_difference_at_equal_weights']:.1e}",
            f"{record['gradient_difference_at_equal_weights']:.1e}")


LOSS_HEADER = ("network", "batch", "images", "fall of the loss", "largest difference", "steps below 1e-3",
               "PyTorch's layouts", "loss at equal weights", "gradients at equal weights")


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


def write(results, path):
    records = load(results)
    missing = [record for record in records if "unsupported" in record]
    records = [record for record in records if "unsupported" not in record]
    compared = [record for record in records if record["kind"] == "comparison"]
    curves = [record for record in records if record["kind"] == "loss_curves"]
    text = ["# The CPU engine and PyTorch", "",
            f"Made by `tests/bench/train_vs_pytorch report` from `{results.name}`. Both engines train "
            "in float32 on the same cores; measurements alternate. A ratio above 1 says that Graft is "
            "faster. *Primitives* are convolutions, matrix products and attention, whichever library "
            "they are from; the *ceiling* is PyTorch's step to its own primitives: the ratio of an "
            "engine that had those and took no time for the rest. *Graft / its primitives* is Graft's "
            "step to the sum of its primitives timed alone. Memory is the peak above the idle "
            "process.", ""]
    if compared:
        plot(compared, path.with_suffix(".svg"))
        text += [*table(COMPARISON_HEADER, map(comparison_row, compared)), "",
                 f"![Ratios]({path.stem}.svg)", "", "## Where Graft's step goes", "",
                 *table(("network", "batch", "threads", "share of the step"), map(share_row, compared)),
                 ""]
    if curves:
        text += ["## Losses", "",
                 "Equal weights, images and recipe. Two trainings in float32 drift apart once a ReLU or "
                 "a maximum decides the other way; PyTorch's plain and channels-last layouts show how "
                 "far. At equal weights: at each of Graft's steps, against what PyTorch computes from "
                 "the weights that Graft has then; the largest difference of a loss, the median of gradients' "
                 "(by their norms: where a ReLU decides otherwise, a gradient is another).", "",
                 *table(LOSS_HEADER, map(loss_row, curves)), ""]
    if missing:
        text += ["## Not supported by the build that was measured", "",
                 *table(("network", "reason"), unsupported_rows(missing)), ""]
    text += [". ".join(f"{title}: {', '.join(sorted({record[key] for record in [*records, *missing]}))}"
                       for key, title in (("machine", "Machine"), ("revision", "Revision"),
                                          ("day", "Measured"))) + "."]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
