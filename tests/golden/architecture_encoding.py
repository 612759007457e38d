#!/usr/bin/env python3
"""Canonical bytes of the architectures in architecture_encoding.json.

An implementation of common/arch/architecture_encoding.h that shares nothing with the one in C++.
Writes a line "NAME HEX SHA256" for each architecture:

    python3 architecture_encoding.py > architecture_encoding.hex
"""

import hashlib
import json
import pathlib
import struct


def tagged(tag, body):
    return bytes([tag]) + body


def u64(value):
    return tagged(0x01, struct.pack("<Q", value))


def i64(value):
    return tagged(0x02, struct.pack("<q", value))


def string(text):
    data = text.encode("utf-8")
    return tagged(0x06, struct.pack("<Q", len(data)) + data)


def list_of(values):
    return tagged(0x07, struct.pack("<Q", len(values)) + b"".join(values))


def attribute_value(typed):
    ((kind, value),) = typed.items()
    if kind == "bool":
        return tagged(0x04, bytes([1 if value else 0]))
    if kind == "i64":
        return i64(value)
    if kind == "f64":
        return tagged(0x03, struct.pack("<d", value))
    if kind == "string":
        return string(value)
    assert kind == "ints", kind
    return list_of([i64(element) for element in value])


def canonical_order(layers, outputs):
    order = []

    def visit(layer_id):
        if layer_id in order:
            return
        for operand in layers[layer_id]["operands"]:
            visit(operand)
        order.append(layer_id)

    for output in outputs:
        visit(output["layer"])
    assert len(order) == len(layers), "a layer that no output depends on"
    return order


def encode(architecture):
    layers = {layer["id"]: layer for layer in architecture["layers"]}
    order = canonical_order(layers, architecture["outputs"])
    nodes = []
    for layer_id in order:
        layer = layers[layer_id]
        attributes = []
        for name in sorted(layer["attributes"], key=lambda text: text.encode("utf-8")):
            attributes += [string(name), attribute_value(layer["attributes"][name])]
        operands = [u64(order.index(operand)) for operand in layer["operands"]]
        nodes.append(list_of([string(layer["op"]), list_of(attributes), list_of(operands)]))
    outputs = [
        list_of([string(output["name"]), u64(order.index(output["layer"]))])
        for output in architecture["outputs"]
    ]
    return string("graft.architecture.v1") + list_of(nodes) + list_of(outputs)


def main():
    path = pathlib.Path(__file__).with_suffix(".json")
    for name, architecture in json.loads(path.read_text()).items():
        encoded = encode(architecture)
        print(name, encoded.hex(), hashlib.sha256(encoded).hexdigest())


if __name__ == "__main__":
    main()
