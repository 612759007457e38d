#!/usr/bin/env python3
"""Writes the small image and MATLAB files that tests/unit/data reads, and what must be found in them.

    python3 tests/golden/data/make_files.py        (Debian: python3-pil python3-scipy)

Image files come from Pillow, or, where it cannot write the kind, from the PNG specification with
nothing but zlib. `expected.txt` holds the pixels that Graft must make of each, and images in other
sizes, computed with fractions:

    image <name> <C>,<H>,<W>
    <the bytes of [C, H, W] in hexadecimal>

JPEG files are lossy: what Pillow decodes is expected. The arrays in the MATLAB files follow formulas
that svhn_test.cc repeats.
"""
import math
import os
import struct
import zlib
from fractions import Fraction

import numpy as np
import scipy.io
import scipy.sparse
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
HEIGHT, WIDTH = 5, 7


def path(name):
    return os.path.join(HERE, name)


def pattern(channels, height=HEIGHT, width=WIDTH, maximum=255):
    """[H, W, C] of values that differ along every axis and reach from 0 to `maximum`."""
    count = channels * height * width
    values = [i * 37 % count * maximum // (count - 1) for i in range(count)]
    assert min(values) == 0 and max(values) == maximum
    return np.array(values, dtype=np.int64).reshape(height, width, channels)


# --- PNG files by the specification ---


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_rows(samples, depth):
    """Rows of [H, W, C], each after the filter type 0."""
    out = b""
    for row in samples.reshape(samples.shape[0], -1):
        bits = "".join(format(int(value), f"0{depth}b") for value in row)
        bits += "0" * (-len(bits) % 8)
        out += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    return out


ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def write_png(name, samples, depth, colour_type, more=b"", interlaced=False):
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    if interlaced:
        passes = [samples[y::dy, x::dx] for y, x, dy, dx in ADAM7]
        data = b"".join(pack_rows(part, depth) for part in passes if part.size)
    else:
        data = pack_rows(samples, depth)
    with open(path(name), "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more)
        out.write(chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6


# --- What is expected ---


def rounded(value):
    """Half up."""
    return math.floor(Fraction(value) + Fraction(1, 2))


def scale_to_8(samples, depth):
    scale = np.vectorize(lambda v: rounded(Fraction(int(v) * 255, 2**depth - 1)))
    return scale(samples)


def over_black(samples):
    colours, alpha = samples[..., :-1], samples[..., -1:]
    blend = np.vectorize(lambda c, a: rounded(Fraction(int(c) * int(a), 255)))
    return blend(colours, np.broadcast_to(alpha, colours.shape))


class Expected:
    def __init__(self):
        self.lines = []

    def add(self, name, samples):
        planes = np.moveaxis(np.asarray(samples), -1, 0).astype(np.uint8)
        self.lines.append(f"image {name} {','.join(map(str, planes.shape))}")
        self.lines.append(planes.tobytes().hex())


def png_files(expected):
    def pillow(name, mode, samples):
        Image.fromarray(samples.astype(np.uint8).squeeze(), mode).save(path(name))

    grey, colour = pattern(1), pattern(3)
    pillow("grey.png", "L", grey)
    expected.add("grey.png", grey)
    pillow("colour.png", "RGB", colour)
    expected.add("colour.png", colour)

    for mode, name in (("LA", "grey_alpha.png"), ("RGBA", "colour_alpha.png")):
        samples = pattern(len(mode))
        pillow(name, mode, samples)
        expected.add(name, over_black(samples))

    for depth in (1, 2, 4, 16):
        samples = pattern(1, maximum=2**depth - 1)
        write_png(f"grey_{depth}_bits.png", samples, depth, GREY)
        expected.add(f"grey_{depth}_bits.png", scale_to_8(samples, depth))
    samples = pattern(3, maximum=65535)
    write_png("colour_16_bits.png", samples, 16, RGB)
    expected.add("colour_16_bits.png", scale_to_8(samples, 16))

    entries = pattern(3, 1, 16)[0]
    indices = pattern(1, maximum=15)
    palette = chunk(b"PLTE", entries.astype(np.uint8).tobytes())
    write_png("palette.png", indices, 4, PALETTE, palette)
    expected.add("palette.png", entries[indices[..., 0]])
    alphas = [0, 128, 255, 7]
    write_png("palette_alpha.png", indices, 4, PALETTE, palette + chunk(b"tRNS", bytes(alphas)))
    alphas = np.array(alphas + [255] * 12)[:, None]
    expected.add("palette_alpha.png", over_black(np.hstack([entries, alphas])[indices[..., 0]]))

    transparent = int(grey[2, 3, 0])
    write_png("grey_transparent.png", grey, 8, GREY, chunk(b"tRNS", struct.pack(">H", transparent)))
    expected.add("grey_transparent.png", np.where(grey == transparent, 0, grey))

    write_png("interlaced.png", colour, 8, RGB, interlaced=True)
    expected.add("interlaced.png", colour)
    # Says that its values are for a gamma of 1; they stay as they are.
    write_png("gamma.png", colour, 8, RGB, chunk(b"gAMA", struct.pack(">I", 100000)))
    expected.add("gamma.png", colour)

    for name in ("interlaced.png", "palette.png", "grey_4_bits.png"):
        found = np.asarray(Image.open(path(name)).convert("RGB"))
        assert (found == expected_of(expected, name)).all(), name


def expected_of(expected, name):
    """[H, W, 3], as Pillow shows it."""
    line = next(i for i, text in enumerate(expected.lines) if text.startswith(f"image {name} "))
    shape = tuple(map(int, expected.lines[line].split()[2].split(",")))
    planes = np.frombuffer(bytes.fromhex(expected.lines[line + 1]), np.uint8).reshape(shape)
    return np.moveaxis(np.broadcast_to(planes, (3, *shape[1:])), 0, -1)


def jpeg_files(expected):
    y, x = np.mgrid[0:12, 0:20]
    smooth = np.stack([20 * y, 12 * x, 255 - 6 * (x + y)], axis=-1).astype(np.uint8)
    for name, image, options in (
        ("grey.jpg", Image.fromarray(smooth[..., 0], "L"), {}),
        ("colour.jpg", Image.fromarray(smooth, "RGB"), {}),
        ("progressive.jpg", Image.fromarray(smooth, "RGB"), {"progressive": True, "subsampling": 0}),
    ):
        image.save(path(name), quality=90, **options)
        samples = np.asarray(Image.open(path(name)))
        expected.add(name, samples if samples.ndim == 3 else samples[..., None])
    Image.fromarray(smooth, "RGB").convert("CMYK").save(path("cmyk.jpg"))


# --- Sizes ---


def area_weights(before, after, i):
    """Shares of the old pixels in new pixel i of a shrinking axis."""
    begin, end = Fraction(i * before, after), Fraction((i + 1) * before, after)
    return {
        j: (min(end, j + 1) - max(begin, j)) / (end - begin)
        for j in range(before)
        if min(end, j + 1) > max(begin, j)
    }


def linear_weights(before, after, i):
    """The same of a growing axis: between the two centres beside it."""
    centre = min(max(Fraction(2 * i + 1, 2) * before / after - Fraction(1, 2), 0), before - 1)
    low = math.floor(centre)
    share = centre - low
    return {low: 1 - share, **({low + 1: share} if share else {})}


def resized(samples, height, width):
    def weights(before, after, i):
        return (area_weights if after < before else linear_weights)(before, after, i)

    out = np.zeros((height, width, samples.shape[2]), dtype=np.int64)
    for y in range(height):
        rows = weights(samples.shape[0], height, y)
        for x in range(width):
            columns = weights(samples.shape[1], width, x)
            for c in range(samples.shape[2]):
                out[y, x, c] = rounded(
                    sum(
                        rows[j] * columns[k] * int(samples[j, k, c])
                        for j in rows
                        for k in columns
                    )
                )
    return out


def sizes(expected):
    for height, width in ((5, 7), (2, 3), (1, 1), (8, 9), (3, 11), (10, 2), (20, 28)):
        expected.add(f"colour_{height}x{width}", resized(pattern(3), height, width))
    luma = np.vectorize(lambda r, g, b: rounded(Fraction(299 * int(r) + 587 * int(g) + 114 * int(b), 1000)))
    colour = pattern(3)
    expected.add("colour_to_grey", luma(*np.moveaxis(colour, -1, 0))[..., None])


# --- MATLAB files ---


def digits(count, shift):
    y, x, c, n = np.mgrid[0:32, 0:32, 0:3, 0:count]
    images = ((3 * y + 5 * x + 50 * c + 11 * n + shift) % 256).astype(np.uint8)
    labels = (np.arange(count) + shift) % 10 + 1
    return images, labels[:, None]


def matlab_files():
    def save(name, compressed=True, **arrays):
        # A fixed text in the header, which else holds the time.
        scipy.io.savemat(path(name), arrays, do_compression=compressed)
        with open(path(name), "r+b") as file:
            file.write(b"MATLAB 5.0 MAT-file, made by make_files.py".ljust(116))

    images, labels = digits(12, 0)
    save("train_32x32.mat", X=images, y=labels.astype(np.uint8))
    images, labels = digits(5, 7)
    save("test_32x32.mat", compressed=False, X=images, y=labels.astype(float))
    save("one_image.mat", X=images[..., :1].squeeze(-1), y=labels[:1])
    save("one_plain_image.mat", compressed=False, X=images[..., :1].squeeze(-1), y=labels[:1].astype(np.uint8))
    save("no_y.mat", X=images, z=labels)
    save("transposed.mat", X=np.moveaxis(images, 3, 0), y=labels)
    save("few_labels.mat", X=images, y=labels[:4])
    save("label_11.mat", X=images, y=labels + 3)
    save("half_label.mat", X=images, y=labels + 0.5)
    save("text.mat", X="not numbers", y=labels)
    save("complex.mat", X=images * 1j, y=labels)
    cell = np.empty((1, 1), dtype=object)
    cell[0, 0] = images[..., 0]
    save("cell.mat", X=cell, y=labels)
    save("struct.mat", X={"images": images[..., 0]}, y=labels)
    save("sparse.mat", X=scipy.sparse.csc_matrix(images[:, :, 0, 0]), y=labels)
    save("text_labels.mat", X=images, y="34567")
    save("grey_images.mat", X=images[:, :, :1], y=labels)
    save("small_images.mat", X=images[1:, 1:], y=labels)
    save("flat_images.mat", X=images.reshape(-1, 5), y=labels)
    save("five_dimensions.mat", X=np.stack([images, images], axis=-1), y=labels)
    save("no_images.mat", X=images[..., :0], y=labels[:0])
    save("negative_pixel.mat", X=images.astype(np.int16) - 1, y=labels)


def main():
    expected = Expected()
    png_files(expected)
    jpeg_files(expected)
    sizes(expected)
    matlab_files()
    with open(path("expected.txt"), "w") as out:
        out.write("\n".join(expected.lines) + "\n")


if __name__ == "__main__":
    main()
