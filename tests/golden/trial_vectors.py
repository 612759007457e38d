#!/usr/bin/env python3
"""Test vectors of trial keys, edit seeds and network digests.

An implementation of the canonical encodings that shares nothing with the C++ one: it follows the
comments of common/digest/canonical.h, common/arch/architecture_encoding.h, common/trial/trial_key.h
and common/trial/trial_spec.h. Prints the constants of tests/unit/trial/trial_key_test.cc.

    python3 tests/golden/trial_vectors.py FINGERPRINT

FINGERPRINT is the fingerprint of the architecture in that test (hex); architectures have vectors of
their own.
"""

import hashlib
import struct
import sys


def u64(value):
    return b"\x01" + struct.pack("<Q", value)


def i64(value):
    return b"\x02" + struct.pack("<q", value)


def f64(value):
    return b"\x03" + struct.pack("<d", value)


def bool_(value):
    return b"\x04" + (b"\x01" if value else b"\x00")


def bytes_(value):
    return b"\x05" + struct.pack("<Q", len(value)) + value


def string(value):
    data = value.encode("utf-8")
    return b"\x06" + struct.pack("<Q", len(data)) + data


def sequence(values):
    return b"\x07" + struct.pack("<Q", len(values)) + b"".join(values)


def attributes(values):
    """A map is a list of names and values in ascending order of the names; here integers and strings."""
    flat = []
    for name in sorted(values):
        value = values[name]
        flat.append(string(name))
        flat.append(i64(value) if isinstance(value, int) else string(value))
    return sequence(flat)


def edit(name, values):
    return string(name) + attributes(values)


def inputs(entries):
    return sequence([string(role) + bytes_(fingerprint) + string(weights)
                     for role, fingerprint, weights in entries])


def sha256(data):
    return hashlib.sha256(data).digest()


def main():
    fingerprint = bytes.fromhex(sys.argv[1])
    weights = "ab" * 32 + "/123"
    dataset = "cd" * 32 + "/4567"
    numerics = "1/reference/threads-1"
    edits = [
        edit("widen_layer", {"layer": "conv1", "width": 8}),
        edit("deepen_layer", {"after": "conv1", "kernel": 3}),
    ]
    parents = [("parent", fingerprint, weights)]

    seed_bytes = string("graft.edit_seed.1") + inputs(parents) + sequence(edits)
    edit_seed = struct.unpack("<Q", sha256(seed_bytes)[:8])[0]

    task = u64(0) + string(dataset) + i64(1000) + i64(200) + u64(5) + u64(0)
    sgd = u64(0) + f64(0.02) + f64(0.9) + bool_(True) + f64(1e-4)
    cosine = u64(0) + f64(0) + bool_(False)
    recipe = (i64(3) + i64(64) + sgd + u64(0) + f64(0) + cosine + f64(0) + f64(0) + sequence([]) +
              u64(2**64 - 1) + i64(1))
    plain = f64(0) + bool_(False) + i64(0) + i64(0) + i64(0) + i64(9) + f64(0) + f64(0)
    augmented = f64(0.1) + bool_(True) + i64(4) + i64(8) + i64(2) + i64(11) + f64(0.2) + f64(1)
    header = string("graft.trial.2") + bytes_(fingerprint)
    init = header + u64(0) + u64(7) + task + recipe + plain
    derive = (header + u64(1) + inputs(parents) + sequence(edits) + u64(edit_seed) + task + recipe +
              augmented)
    bfloat16 = init + u64(1)

    def key(encoding):
        return sha256(bytes_(encoding) + string(numerics)).hex()

    network = sha256(string("graft.network.1") + bytes_(fingerprint) + string(weights)).hex()
    print("kNetwork", network)
    print("kEditSeed", edit_seed)
    print("kInitEncodingSha256", sha256(init).hex())
    print("kInitKey", key(init))
    print("kDeriveKey", key(derive))
    print("kBfloat16Key", key(bfloat16))


if __name__ == "__main__":
    main()
