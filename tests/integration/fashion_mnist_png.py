"""Writes Fashion-MNIST's test images as PNG files into folders named by class.

usage: fashion_mnist_png.py [--data DIR] DIR COUNT

"/" in a class name becomes "_". Encodes PNG from its specification, with nothing but zlib.
"""
import argparse
import gzip
import pathlib
import struct
import zlib

CLASSES = ["T-shirt_top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
           "Bag", "Ankle boot"]
SIDE = 28


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels):
    rows = b"".join(b"\0" + pixels[y * SIDE:(y + 1) * SIDE] for y in range(SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1))
            + chunk(b"IEND", b""))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--data", type=pathlib.Path,
                        default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    options = parser.parse_args()
    folder, count, data = options.folder, options.count, options.data
    images = gzip.decompress((data / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((data / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    for name in CLASSES:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        pixels = images[i * SIDE * SIDE:(i + 1) * SIDE * SIDE]
        (folder / CLASSES[labels[i]] / f"{i:05}.png").write_bytes(png(pixels))


main()
