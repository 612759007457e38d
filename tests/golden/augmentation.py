#!/usr/bin/env python3
"""Prints the random draws of tests/unit/data, drawn independently of the C++ code.

Follows the comments of common/data/augmentation.h, rand_augment.h, mixing.h and beta.h with the generator
of derived_weights.py.

    python3 tests/golden/augmentation.py
"""

import math

from derived_weights import Rng

SEED, PAD_CROP = 5, 4
HEIGHT, WIDTH = 5, 7
DRAWS = ((1, 0), (1, 1), (1, 2), (2, 0), (2, 49999), (1000, 7))


def stream(name, epoch, number):
    return Rng(SEED, int.from_bytes(name, "big")).fork(epoch).fork(number)


def boolean(value):
    return "true" if value else "false"


def placement(epoch, image):
    rng = stream(b"augment", epoch, image)
    mirrored = rng.u32() >> 31
    row = rng.integer(2 * PAD_CROP + 1)
    column = rng.integer(2 * PAD_CROP + 1)
    hole = f".hole_row = {rng.integer(HEIGHT)}, .hole_column = {rng.integer(WIDTH)}"
    return f"{{.row = {row}, .column = {column}, .mirrored = {boolean(mirrored)}}}", hole


def steps(epoch, image):
    rng = stream(b"randaug", epoch, image)
    drawn = ((rng.integer(14), boolean(rng.u32() >> 31)) for _ in range(2))
    return "{" + ", ".join(f"{{{operation}, {negative}}}" for operation, negative in drawn) + "}"


def unit(rng):
    return ((rng.u64() >> 11) + 1) * 2.0**-53


def beta(rng, alpha):
    while alpha < 1:
        x, y = unit(rng)**(1 / alpha), unit(rng)**(1 / alpha)
        if x + y <= 1:
            return x / (x + y)
    while True:
        x, y = 2 * unit(rng) - 1, 2 * unit(rng) - 1
        s = x * x + y * y
        if 0 < s <= 1:
            return 0.5 + x / (2 * math.sqrt(s)) * math.sqrt(1 - s**(2 / (2 * alpha - 1)))


def permutation(rng, n):
    order = list(range(n))
    for i in range(n, 1, -1):
        j = rng.integer(i)
        order[i - 1], order[j] = order[j], order[i - 1]
    return order


def mix(epoch, batch):
    """Of a batch of four with mixup's alpha 0.4 and CutMix's 1."""
    rng = stream(b"mixing", epoch, batch)
    cut = rng.u32() >> 31
    y, x = rng.integer(HEIGHT), rng.integer(WIDTH)
    partners = permutation(rng, 4)
    weight = beta(rng, 1 if cut else 0.4)
    box = [0, 0, 0, 0]
    if cut:
        half_height, half_width = (int(extent * math.sqrt(1 - weight)) // 2 for extent in (HEIGHT, WIDTH))
        box = [max(y - half_height, 0), min(y + half_height, HEIGHT),
               max(x - half_width, 0), min(x + half_width, WIDTH)]
        weight = 1 - (box[1] - box[0]) * (box[3] - box[2]) / (HEIGHT * WIDTH)
    members = ", ".join(map(str, partners))
    return f"{{{weight!r}, {{{members}}}, {boolean(cut)}, {', '.join(map(str, box))}}}"


def main():
    print("placements, without and with cutout")
    for epoch, image in DRAWS:
        without, hole = placement(epoch, image)
        print(f"{{{epoch}, {image}, {without}}},   {hole}")
    print("steps of RandAugment")
    for epoch, image in DRAWS:
        print(f"{{{epoch}, {image}, {steps(epoch, image)}}},")
    print("mixes")
    for epoch, batch in DRAWS:
        print(f"{{{epoch}, {batch}, {mix(epoch, batch)}}},")
    print("Beta")
    for alpha in (0.01, 0.2, 0.4, 0.999, 1, 1.5, 8, 1000):
        rng = Rng(SEED)
        print(f"{{{alpha}, {beta(rng, alpha)!r}, {beta(rng, alpha)!r}}},")


if __name__ == "__main__":
    main()
