"""Weights: the manifest that describes them, and the safetensors file in which they come and go.

Formats by bytes: manifest.h and safetensors.h of common/weights, canonical.h of common/digest.
"""
import hashlib
import json
import math
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

from graft._yaml_file import unique_keys
from graft.errors import GraftError

MAX_MANIFEST_BYTES = 64 << 20

_FORMAT = "graft.weights.v1"
_MAX_RANK = 8
_ALIGNMENT_BYTES = 64
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
_DTYPES_OF_SAFETENSORS = {dtype.safetensors_name: dtype for dtype in _DTYPES.values()}
_DTYPE_NUMBERS = {dtype.name: number for number, dtype in _DTYPES.items()}


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


def pack(tensors: Mapping[str, Tensor]) -> tuple[bytes, bytes]:
    """Manifest and the one blob that holds the tensors: as PackWeights of common/weights."""
    blob = bytearray()
    offsets = {}
    names = sorted(tensors, key=str.encode)
    for name in names:
        data = tensors[name].data
        if data:
            blob += bytes(-len(blob) % _ALIGNMENT_BYTES)
        offsets[name] = len(blob) if data else 0
        blob += data
    sha256 = hashlib.sha256(blob).digest()
    manifest = [_string(_FORMAT), _number(_LIST, len(names))]
    for name in names:
        tensor = tensors[name]
        manifest += [_string(name), _number(_U64, _DTYPE_NUMBERS[tensor.dtype])]
        manifest += [_number(_LIST, len(tensor.shape))]
        manifest += [_number(_U64, size) for size in tensor.shape]
        manifest += [_number(_BYTES, len(sha256)), sha256, _number(_U64, len(blob))]
        manifest += [_number(_U64, offsets[name]), _number(_U64, len(tensor.data))]
    return b"".join(manifest), bytes(blob)


def decode_safetensors(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises GraftError INVALID_ARGUMENT, naming a bad tensor."""
    header_size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or header_size > len(data) - 8:
        raise _safetensors_error("the file is shorter than its header")
    try:
        header = json.loads(data[8 : 8 + header_size], object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise _safetensors_error(f"header: {error}") from None
    if not isinstance(header, dict):
        raise _safetensors_error("header: expected an object")
    header.pop("__metadata__", None)
    elements = data[8 + header_size :]
    tensors = {}
    places = []
    for name, entry in header.items():
        dtype, shape, begin, end = _parse_safetensors_entry(name, entry)
        if not 0 <= begin <= end <= len(elements) or end - begin != math.prod(shape) * dtype.size_bytes:
            raise _safetensors_error(f"data_offsets {[begin, end]} do not fit shape or file", name)
        places.append((begin, end, name))
        tensors[name] = Tensor(dtype.name, shape, elements[begin:end])
    position = 0
    for begin, end, name in sorted(places):
        if begin != position:
            raise _safetensors_error(f"starts at {begin}, expected {position}", name)
        position = end
    if position != len(elements):
        raise _safetensors_error(f"{len(elements) - position} bytes belong to no tensor")
    return tensors


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


def _string(value: str) -> bytes:
    data = value.encode()
    return _number(_STRING, len(data)) + data


def _number(tag: int, value: int) -> bytes:
    return struct.pack("<BQ", tag, value)


def _safetensors_error(problem: str, tensor: str | None = None) -> GraftError:
    where = "safetensors" if tensor is None else f"safetensors, tensor {tensor!r}"
    return GraftError("INVALID_ARGUMENT", f"{where}: {problem}")


def _parse_safetensors_entry(name: str, entry: Any) -> tuple[_DType, tuple[int, ...], int, int]:
    """dtype, shape and data_offsets of one tensor in the header."""
    keys = ("dtype", "shape", "data_offsets")
    if not isinstance(entry, dict) or set(entry) != set(keys):
        raise _safetensors_error(f"expected {', '.join(keys)}", name)
    known = isinstance(entry["dtype"], str) and entry["dtype"] in _DTYPES_OF_SAFETENSORS
    if not known:
        choices = ", ".join(_DTYPES_OF_SAFETENSORS)
        raise _safetensors_error(f"dtype {entry['dtype']!r}, expected one of {choices}", name)
    for key in ("shape", "data_offsets"):
        if not isinstance(entry[key], list) or any(type(n) is not int or n < 0 for n in entry[key]):
            raise _safetensors_error(f"{key} {entry[key]!r}, expected whole numbers", name)
    if len(entry["shape"]) > _MAX_RANK or len(entry["data_offsets"]) != 2:
        raise _safetensors_error(f"expected at most {_MAX_RANK} dimensions and two offsets", name)
    return _DTYPES_OF_SAFETENSORS[entry["dtype"]], tuple(entry["shape"]), *entry["data_offsets"]


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
