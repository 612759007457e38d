"""Weights: the manifest that describes them, and the safetensors file that takes them away.

Formats by bytes: manifest.h and safetensors.h of common/weights, canonical.h of common/digest.
"""
import json
import math
import struct
from collections.abc import Mapping
from typing import NamedTuple

from graft.errors import GraftError

MAX_MANIFEST_BYTES = 64 << 20

_FORMAT = "graft.weights.v1"
_MAX_RANK = 8
_U64, _BYTES, _STRING, _LIST = 0x01, 0x05, 0x06, 0x07


class _DType(NamedTuple):
    name: str
    safetensors_name: str
    size_bytes: int


_DTYPES = {
    1: _DType("float32", "F32", 4),
    2: _DType("bfloat16", "BF16", 2),
    3: _DType("uint8", "U8", 1),
    4: _DType("int32", "I32", 4),
    5: _DType("int64", "I64", 8),
}
_DTYPES_BY_NAME = {dtype.name: dtype for dtype in _DTYPES.values()}


class Tensor(NamedTuple):
    """Elements in row-major order, little-endian.

    `dtype` is `float32`, `bfloat16` (the upper halves of float32), `uint8`, `int32` or `int64`;
    numpy.frombuffer(data, dtype).reshape(shape) reads all but bfloat16.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes


class Entry(NamedTuple):
    """Where one tensor lies: `length` bytes from `offset` of the blob `<sha-256 in hex>/<size>`."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    blob: str
    offset: int
    length: int


def decode_manifest(data: bytes) -> list[Entry]:
    """The entries of a manifest. Raises GraftError INVALID_ARGUMENT for bytes that are none."""
    reader = _CanonicalReader(data)
    if reader.read_string() != _FORMAT:
        raise reader.error(f"expected the format {_FORMAT}")
    entries = [_read_entry(reader) for _ in range(reader.read_list())]
    reader.expect_end()
    return entries


def encode_safetensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a safetensors file. Larger elements come first, so that all are aligned."""
    dtypes = {name: _DTYPES_BY_NAME[tensor.dtype] for name, tensor in tensors.items()}
    order = sorted(tensors, key=lambda name: (-dtypes[name].size_bytes, name.encode()))
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    position = 0
    for name in order:
        tensor = tensors[name]
        end = position + len(tensor.data)
        header[name] = {
            "dtype": dtypes[name].safetensors_name,
            "shape": list(tensor.shape),
            "data_offsets": [position, end],
        }
        position = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *(tensors[name].data for name in order)])


def _read_entry(reader: "_CanonicalReader") -> Entry:
    name = reader.read_string()
    dtype = _DTYPES.get(reader.read_u64())
    rank = reader.read_list()
    if dtype is None or rank > _MAX_RANK:
        raise reader.error(f"tensor {name!r}: unknown dtype or more than {_MAX_RANK} dimensions")
    shape = tuple(reader.read_u64() for _ in range(rank))
    sha256, blob_size = reader.read_bytes(), reader.read_u64()
    offset, length = reader.read_u64(), reader.read_u64()
    if length != math.prod(shape) * dtype.size_bytes or offset + length > blob_size:
        raise reader.error(f"tensor {name!r} does not fit its shape or its blob")
    return Entry(name, dtype.name, shape, f"{sha256.hex()}/{blob_size}", offset, length)


class _CanonicalReader:
    """Reads values of the canonical encoding in the order in which they were written."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def error(self, problem: str) -> GraftError:
        return GraftError("INVALID_ARGUMENT", f"weights manifest, byte {self._position}: {problem}")

    def read_u64(self) -> int:
        return self._number(_U64)

    def read_list(self) -> int:
        """The number of elements that follow."""
        return self._number(_LIST)

    def read_bytes(self) -> bytes:
        return self._take(self._number(_BYTES))

    def read_string(self) -> str:
        data = self._take(self._number(_STRING))
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise self.error("a string is not UTF-8") from None

    def expect_end(self) -> None:
        if self._position != len(self._data):
            raise self.error("expected the end")

    def _number(self, tag: int) -> int:
        found, number = struct.unpack("<BQ", self._take(9))
        if found != tag:
            raise self.error(f"expected tag {tag}, found {found}")
        return number

    def _take(self, count: int) -> bytes:
        if count > len(self._data) - self._position:
            raise self.error("cut short")
        self._position += count
        return self._data[self._position - count : self._position]
