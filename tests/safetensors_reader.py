"""Reads safetensors files, by the format's description (https://huggingface.co/docs/safetensors)."""
import json


def read(data):
    """From the bytes of a file: (dtype, shape, bytes) by name, and the metadata."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        tensors[name] = (entry["dtype"], entry["shape"], data[begin:end])
    return tensors, metadata
