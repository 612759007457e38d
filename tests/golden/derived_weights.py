#!/usr/bin/env python3
"""The digest of a child's weights, made independently of the C++ code.

Initialises, widens and deepens the network of tests/unit/transform/materialized_bits_test.cc after the
comments of common/base/rng.h, common/engine/parameters.h, common/transform/*.h and
common/weights/manifest.h, and prints the constant of that test. The standard library is enough.

    python3 tests/golden/derived_weights.py
"""

import hashlib
import math
import struct

EPSILON = 1e-5
INIT_SEED, IMAGE_SEED, EDIT_SEED = 7, 8, 9
IMAGES, EDGE = 4, 6
CHANNEL_MAP, SPLIT = 1, 2  # common/transform/random_streams.h
FLOAT32 = 1  # tensor::DType


def f32(value):
    """Rounds to the nearest float32. Of one sum, product or root of float32s: correctly."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


# --- Random numbers: Philox 4x32-10 (J. Salmon et al., SC 2011) ---

MASK32, MASK64 = (1 << 32) - 1, (1 << 64) - 1


def block(key, counter, stream):
    c = [counter & MASK32, counter >> 32, stream & MASK32, stream >> 32]
    k = [key & MASK32, key >> 32]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK32, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK32]
        k = [(k[0] + 0x9E3779B9) & MASK32, (k[1] + 0xBB67AE85) & MASK32]
    return c


class Rng:
    def __init__(self, seed, stream=0):
        self.seed, self.stream, self.position = seed, stream, 0

    def u32(self):
        word = block(self.seed, self.position // 4, self.stream)[self.position % 4]
        self.position += 1
        return word

    def u64(self):
        low = self.u32()
        return self.u32() << 32 | low

    def uniform(self, low, high):
        unit = (self.u32() >> 8) * 2.0**-24
        return f32(low + f32(f32(high - low) * unit))

    def integer(self, n):
        product = self.u64() * n
        while product & MASK64 < (1 << 64) % n:
            product = self.u64() * n
        return product >> 64

    def fork(self, tag):
        a, b, c, d = block(self.seed ^ 0x6772_6166_742D_666B, tag, self.stream)
        return Rng(b << 32 | a, d << 32 | c)


def edit_seed(index):
    return Rng(EDIT_SEED).fork(index).u64()


# --- The network: a list of layers, each with its tensors ---
# A tensor is its shape and its elements, row-major.


def batch_norm(width):
    return [("scale", [width], [1.0] * width), ("shift", [width], [0.0] * width),
            ("mean", [width], [0.0] * width), ("variance", [width], [1.0] * width)]


def start():
    layers = [["conv1", "convolution", [("weight", [4, 1, 3, 3], None)]],
              ["bn1", "batch_norm", batch_norm(4)],
              ["relu1", "relu", []],
              ["pool", "max_pool", []],
              ["flat", "flatten", []],
              ["fc1", "linear", [("weight", [5, 36], None)]],
              ["bn2", "batch_norm", batch_norm(5)],
              ["relu2", "relu", []],
              ["classifier", "linear", [("weight", [3, 5], None), ("bias", [3], [0.0] * 3)]]]
    stream = 0
    for layer in layers:
        for i, (name, shape, values) in enumerate(layer[2]):
            if values is None:
                layer[2][i] = (name, shape, xavier(shape, Rng(INIT_SEED, stream)))
            stream += 1
    return layers


def xavier(shape, rng):
    elements = math.prod(shape)
    bound = f32(math.sqrt(6.0 / (elements / shape[0] + elements / shape[1])))
    return [rng.uniform(-bound, bound) for _ in range(elements)]


def position(layers, name):
    return [layer[0] for layer in layers].index(name)


# --- Widening ---


def take(tensor, axis, source, share=None):
    name, shape, values = tensor
    outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1:])
    out = []
    for i in range(outer):
        for j, old in enumerate(source):
            row = values[(i * shape[axis] + old) * inner:][:inner]
            out += [f32(value * share[j]) for value in row] if share else row
    return (name, shape[:axis] + [len(source)] + shape[axis + 1:], out)


def widen(layers, name, width, seed):
    at = position(layers, name)
    old = layers[at][2][0][1][0]
    maps = Rng(seed).fork(CHANNEL_MAP)
    source = list(range(old)) + [maps.integer(old) for _ in range(width - old)]
    draws_from = Rng(seed).fork(SPLIT)
    draws = [draws_from.uniform(0.5, 1.5) for _ in range(width)]
    share = [0.0] * width
    for channel in range(old):
        copies = [j for j in range(width) if source[j] == channel]
        total, rest = sum(draws[j] for j in copies), 1.0
        for j in copies[:-1]:
            share[j] = math.floor(draws[j] / total * 2.0**24 + 0.5) * 2.0**-24
            rest -= share[j]
        share[copies[-1]] = rest
    layers[at][2] = [take(tensor, 0, source) for tensor in layers[at][2]]
    for layer in layers[at + 1:]:
        if layer[1] == "batch_norm":
            layer[2] = [take(tensor, 0, source) for tensor in layer[2]]
        elif layer[1] == "flatten":
            pixels = (EDGE // 2)**2
            source = [channel * pixels + i for channel in source for i in range(pixels)]
            share = [part for part in share for _ in range(pixels)]
        elif layer[1] in ("convolution", "linear"):
            layer[2][0] = take(layer[2][0], 1, source, share)
            return


# --- Running the network, in float64 ---


def forward(layer, x):
    """x: a list of channels, each a list of rows (or of one row of one element)."""
    op, tensors = layer[1], {name: values for name, _, values in layer[2]}
    if op == "relu":
        return [[[max(value, 0.0) for value in row] for row in channel] for channel in x]
    if op == "max_pool":
        return [[[max(c[i][j], c[i][j + 1], c[i + 1][j], c[i + 1][j + 1])
                  for j in range(0, len(c[0]), 2)] for i in range(0, len(c), 2)] for c in x]
    if op == "flatten":
        return [[[value]] for channel in x for row in channel for value in row]
    if op == "batch_norm":
        y = []
        for c, channel in enumerate(x):
            factor = tensors["scale"][c] / math.sqrt(tensors["variance"][c] + EPSILON)
            mean, shift = tensors["mean"][c], tensors["shift"][c]
            y.append([[factor * (value - mean) + shift for value in row] for row in channel])
        return y
    weight, shape = tensors["weight"], layer[2][0][1]
    if op == "linear":
        inputs = shape[1]
        return [[[sum_in_order(weight[o * inputs + i] * x[i][0][0] for i in range(inputs))]]
                for o in range(shape[0])]
    channels, kernel = shape[1], shape[2]

    def pixel(o, i, j):
        for c in range(channels):
            for kh in range(kernel):
                for kw in range(kernel):
                    row, column = i - kernel // 2 + kh, j - kernel // 2 + kw
                    if 0 <= row < len(x[c]) and 0 <= column < len(x[c][0]):
                        tap = ((o * channels + c) * kernel + kh) * kernel + kw
                        yield weight[tap] * x[c][row][column]

    return [[[sum_in_order(pixel(o, i, j)) for j in range(len(x[0][0]))] for i in range(len(x[0]))]
            for o in range(shape[0])]


def sum_in_order(terms):
    total = 0.0  # sum() of newer Pythons compensates
    for term in terms:
        total += term
    return total


def images():
    rng = Rng(IMAGE_SEED)
    return [[[[rng.uniform(-1.0, 1.0) for _ in range(EDGE)] for _ in range(EDGE)]]
            for _ in range(IMAGES)]


# --- Deepening ---


def statistics(layers, last):
    """Mean and biased variance by channel of a layer's value, rounded to float32."""
    values = None
    for image in images():
        for layer in layers[:last + 1]:
            image = forward(layer, image)
        flat = [[f32(value) for row in channel for value in row] for channel in image]
        values = flat if values is None else [a + b for a, b in zip(values, flat)]
    means, variances = [], []
    for channel in values:
        mean = sum_in_order(channel) / len(channel)
        means.append(f32(mean))
        variances.append(f32(sum_in_order((v - mean) * (v - mean) for v in channel) / len(channel)))
    return means, variances


def deepen(layers, name, kernel):
    at = position(layers, name)
    relu = at + 2
    width = layers[at][2][0][1][0]
    shape = [width, width, kernel, kernel] if kernel else [width, width]
    taps = math.prod(shape[2:])
    identity = [0.0] * math.prod(shape)
    for i in range(width):
        identity[(i * width + i) * taps + taps // 2] = 1.0
    means, variances = statistics(layers, relu)
    scales = [f32(math.sqrt(f32(variance + f32(EPSILON)))) for variance in variances]
    new = name + "_deeper1"
    layers[relu + 1:relu + 1] = [
        [new, layers[at][1], [("weight", shape, identity)]],
        [new + "_bn", "batch_norm", [("scale", [width], scales), ("shift", [width], means),
                                     ("mean", [width], means), ("variance", [width], variances)]],
        [new + "_relu", "relu", []]]


# --- The digest ---


def u64(value):
    return b"\x01" + struct.pack("<Q", value)


def bytes_(value):
    return b"\x05" + struct.pack("<Q", len(value)) + value


def string(value):
    return b"\x06" + struct.pack("<Q", len(value)) + value.encode()


def sequence(values):
    return b"\x07" + struct.pack("<Q", len(values)) + b"".join(values)


def digest(layers):
    node = 1  # 0 is the input; a layer comes after its own tensors
    tensors = []
    for layer in layers:
        for name, shape, values in layer[2]:
            tensors.append(("%05d.%s" % (node, name), shape, values))
            node += 1
        node += 1
    blob, places = b"", []
    for name, shape, values in sorted(tensors):
        blob += b"\0" * (-len(blob) % 64)
        data = struct.pack("<%df" % len(values), *values)
        places.append((name, shape, len(blob), len(data)))
        blob += data
    entries = [string(name) + u64(FLOAT32) + sequence([u64(extent) for extent in shape]) +
               bytes_(hashlib.sha256(blob).digest()) + u64(len(blob)) + u64(offset) + u64(length)
               for name, shape, offset, length in places]
    manifest = string("graft.weights.v1") + sequence(entries)
    return "%s/%d" % (hashlib.sha256(manifest).hexdigest(), len(manifest))


def main():
    layers = start()
    widen(layers, "conv1", 6, edit_seed(0))
    deepen(layers, "conv1", 3)
    widen(layers, "conv1_deeper1", 9, edit_seed(2))
    deepen(layers, "fc1", 0)
    widen(layers, "fc1", 8, edit_seed(4))
    print(digest(layers))


if __name__ == "__main__":
    main()
