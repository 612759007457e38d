#!/usr/bin/env python3
"""Prints the placements of tests/unit/data/augmentation_test.cc, drawn independently of the C++ code.

Follows the comment of common/data/augmentation.h with the generator of derived_weights.py.

    python3 tests/golden/augmentation.py
"""

from derived_weights import Rng

AUGMENT = int.from_bytes(b"augment", "big")
SEED, PAD_CROP = 5, 4


def placement(epoch, image):
    rng = Rng(SEED, AUGMENT).fork(epoch).fork(image)
    mirrored = rng.u32() >> 31
    row = rng.integer(2 * PAD_CROP + 1)
    column = rng.integer(2 * PAD_CROP + 1)
    return f"{{.row = {row}, .column = {column}, .mirrored = {'true' if mirrored else 'false'}}}"


def main():
    for epoch, image in ((1, 0), (1, 1), (1, 2), (2, 0), (2, 49999), (1000, 7)):
        print(f"{{{epoch}, {image}, {placement(epoch, image)}}},")


if __name__ == "__main__":
    main()
