"""Reads a safetensors file independently of Graft: struct and json only.

Prints a line for each tensor: name, dtype, shape and the bytes in hexadecimal; then the metadata.
"""

import json
import struct
import sys

with open(sys.argv[1], "rb") as file:
    (header_size,) = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(header_size).decode("utf-8"))
    data = file.read()

metadata = header.pop("__metadata__", {})
for name in sorted(header):
    tensor = header[name]
    begin, end = tensor["data_offsets"]
    print(json.dumps(name), tensor["dtype"], tensor["shape"], data[begin:end].hex())
print(json.dumps(metadata, sort_keys=True))
