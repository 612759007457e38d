"""Images to train on, [N, 3, 32, 32] with zero mean and unit variance, and their labels 0 to 9."""
import gzip
import sys
from pathlib import Path

import numpy

SIDE = 32
CIFAR_FILES = [f"data_batch_{i}.bin" for i in range(1, 6)]
FASHION_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
FASHION_TEST_FILES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def load(folder, count):
    """(images, labels, what they are); from CIFAR-10's binary files or Fashion-MNIST's in `folder`."""
    if folder is None:
        return *synthetic(count), "synthetic images"
    if find(folder, CIFAR_FILES[0]):
        images, labels, name = *cifar10(folder), "CIFAR-10"
    elif find(folder, FASHION_FILES[0]):
        images, labels, name = *fashion_mnist(folder), "Fashion-MNIST"
    else:
        sys.exit(f"train_vs_pytorch: expected {CIFAR_FILES[0]} (CIFAR-10) or {FASHION_FILES[0]} "
                 f"(Fashion-MNIST) in {folder}; without --data it makes up images")
    chosen = numpy.random.default_rng(1).permutation(len(labels))[:count]
    if len(chosen) < count:
        sys.exit(f"train_vs_pytorch: {folder} has {len(labels)} images, {count} are needed")
    return normalise(images[chosen].astype(numpy.float32)), labels[chosen].astype(numpy.int32), name


def load_fashion_mnist(folder):
    """All of Fashion-MNIST: (images, labels) for training and for the test."""
    if not find(folder, FASHION_TEST_FILES[0]):
        sys.exit(f"train_vs_pytorch: expected Fashion-MNIST in {folder}, with "
                 f"{FASHION_TEST_FILES[0]}; Debian's package dataset-fashion-mnist has it")
    (images, labels), (test_images, test_labels) = (
        fashion_mnist(folder, files) for files in (FASHION_FILES, FASHION_TEST_FILES))
    images, test_images = images.astype(numpy.float32), test_images.astype(numpy.float32)
    mean, deviation = (of(images, (0, 2, 3), keepdims=True) for of in (numpy.mean, numpy.std))
    return ((images - mean) / deviation, labels), ((test_images - mean) / deviation, test_labels)


def save(path, images, labels):
    """As train_engine.cc reads them."""
    with open(path, "wb") as file:
        file.write(numpy.ascontiguousarray(images, dtype=numpy.float32).tobytes())
        file.write(labels.astype(numpy.int32).tobytes())


def normalise(images):
    images -= images.mean((0, 2, 3), keepdims=True)
    return images / images.std((0, 2, 3), keepdims=True)


def synthetic(count):
    """Each class is a smooth pattern of its own, under noise and at a random place."""
    rng = numpy.random.default_rng(1)
    coarse = rng.normal(size=(10, 3, 8, 8)).astype(numpy.float32)
    patterns = coarse.repeat(SIDE // 8, 2).repeat(SIDE // 8, 3)
    labels = rng.integers(0, 10, count).astype(numpy.int32)
    images = rng.normal(size=(count, 3, SIDE, SIDE)).astype(numpy.float32)
    for image, label, shift in zip(images, labels, rng.integers(-4, 5, (count, 2))):
        image += numpy.roll(patterns[label], shift, (1, 2))
    return normalise(images), labels


def find(folder, name):
    """The file's contents, also of a compressed one or in the folder of CIFAR-10's archive."""
    for place in (Path(folder), Path(folder) / "cifar-10-batches-bin"):
        if (place / name).exists():
            return (place / name).read_bytes()
        if (place / f"{name}.gz").exists():
            return gzip.decompress((place / f"{name}.gz").read_bytes())
    return None


def cifar10(folder):
    """Records of a byte for the label and 3072 for the image."""
    parts = [find(folder, name) for name in CIFAR_FILES]
    records = numpy.frombuffer(b"".join(part for part in parts if part), dtype=numpy.uint8)
    records = records.reshape(-1, 1 + 3 * SIDE * SIDE)
    return records[:, 1:].reshape(-1, 3, SIDE, SIDE), records[:, 0]


def fashion_mnist(folder, files=FASHION_FILES):
    """28x28 grey images, in the middle of 32x32, three times; idx headers are 16 and 8 bytes."""
    images, labels = (find(folder, name) for name in files)
    images = numpy.frombuffer(images, dtype=numpy.uint8, offset=16).reshape(-1, 1, 28, 28)
    images = numpy.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2))).repeat(3, 1)
    return images, numpy.frombuffer(labels, dtype=numpy.uint8, offset=8)
