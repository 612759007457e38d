"""The Python client's reading of weights, with the names that PyTorch's users expect."""
import hashlib
import json
import struct
import unittest

import safetensors_reader
from client_testing import BLOB, MISSING, digest_of, needs_grpc

if not MISSING:
    import graft
    from graft import _architecture, _convert, _protos, _weights


@needs_grpc
class TensorNamesTest(unittest.TestCase):
    """The names that the command line gives are compared in tests/integration."""

    def names(self, layers, outputs=()):
        architecture = _protos.new("Architecture")
        outputs = [{"name": name, "layer": layer} for name, layer in outputs]
        _convert.fill(architecture, {"layers": layers, "outputs": outputs})
        before = architecture.SerializeToString(deterministic=True)
        names = _architecture.tensor_names(architecture)
        self.assertEqual(architecture.SerializeToString(deterministic=True), before)
        return names

    def test_parameters_of_a_chain_are_numbered_after_their_data(self):
        names = self.names(
            [
                {"op": "input", "id": "image", "attributes": {"shape": [1, 8, 8]}},
                {"op": "convolution", "id": "c", "attributes": {"filters": 4, "kernel": 3}},
                {"op": "batch_norm"},
                {"op": "relu"},
                {"op": "global_average_pool"},
                {"op": "linear", "id": "head", "attributes": {"units": 10}},
            ]
        )
        self.assertEqual(
            list(names.items()),
            [
                ("c.weight", "00001.weight"),
                ("batch_norm_1.scale", "00003.scale"),
                ("batch_norm_1.shift", "00004.shift"),
                ("batch_norm_1.mean", "00005.mean"),
                ("batch_norm_1.variance", "00006.variance"),
                ("head.weight", "00010.weight"),
                ("head.bias", "00011.bias"),
            ],
        )

    def test_biases_are_there_as_the_attribute_says(self):
        names = self.names(
            [
                {"op": "convolution", "id": "c", "attributes": {"bias": True}},
                {"op": "flatten"},
                {"op": "linear", "id": "l", "attributes": {"bias": False}},
            ]
        )
        expected = {"c.weight": "00001.weight", "c.bias": "00002.bias", "l.weight": "00005.weight"}
        self.assertEqual(names, expected)

    def test_tables_scales_and_shifts_are_made(self):
        names = self.names(
            [
                {"op": "embedding", "id": "e", "attributes": {"vocabulary": 5, "units": 4}},
                {"op": "layer_norm", "id": "n"},
                {"op": "rms_norm", "id": "r"},
                {"op": "feature_map", "attributes": {"height": 2, "width": 2}},
                {"op": "group_norm", "id": "g", "attributes": {"groups": 2}},
            ]
        )
        self.assertEqual(
            list(names),
            ["e.table", "n.scale", "n.shift", "r.scale", "g.scale", "g.shift"],
        )

    def test_branches_are_numbered_from_the_outputs_in_order_of_operands(self):
        def convolution(layer, operand):
            return {"op": "convolution", "id": layer, "operands": [operand]}

        layers = [
            {"op": "input", "id": "x"},
            convolution("a", "x"),
            convolution("b", "x"),
            convolution("c", "a"),
            {"op": "add", "id": "sum", "operands": ["b", "c"]},
        ]
        expected = {"b.weight": "00001.weight", "a.weight": "00003.weight", "c.weight": "00005.weight"}
        self.assertEqual(self.names(layers), expected)
        expected = {"a.weight": "00001.weight", "b.weight": "00003.weight", "c.weight": "00005.weight"}
        self.assertEqual(self.names(layers, [("early", "a"), ("late", "sum")]), expected)

    def test_full_form_and_shared_parameters_keep_their_names(self):
        names = self.names(
            [
                {"op": "input", "id": "x"},
                {"op": "parameter", "id": "shared", "attributes": {"name": "weight"}},
                {"op": "linear", "id": "one", "operands": ["x", "shared"]},
                {"op": "linear", "id": "two", "operands": ["one", "shared"]},
            ]
        )
        self.assertEqual(names, {"shared": "00001.weight"})

    def test_made_up_ids_leave_out_those_that_are_taken(self):
        names = self.names(
            [{"op": "linear"}, {"op": "linear", "id": "linear_1"}, {"op": "linear"}]
        )
        layers = ["linear_2", "linear_1", "linear_3"]
        self.assertEqual(list(names)[::2], [f"{layer}.weight" for layer in layers])

    def test_long_chains_are_numbered_without_recursion(self):
        names = self.names([{"op": "linear", "attributes": {"bias": False}}] * 5000)
        self.assertEqual(names["linear_5000.weight"], "09999.weight")


def number(tag, value):
    return struct.pack("<BQ", tag, value)


def manifest_of(tensors, blob):
    """Canonical bytes for (name, number of the dtype, shape, offset, length)."""
    data = number(6, 16) + b"graft.weights.v1" + number(7, len(tensors))
    for name, dtype, shape, offset, length in tensors:
        data += number(6, len(name)) + name.encode() + number(1, dtype) + number(7, len(shape))
        data += b"".join(number(1, size) for size in shape)
        data += number(5, 32) + hashlib.sha256(blob).digest() + number(1, len(blob))
        data += number(1, offset) + number(1, length)
    return data


MANIFEST = manifest_of([("0.bias", 3, [3], 64, 3), ("0.kernel", 1, [2, 2], 0, 16)], BLOB)


@needs_grpc
class WeightsTest(unittest.TestCase):
    def test_manifest_says_where_tensors_lie(self):
        self.assertEqual(
            _weights.decode_manifest(MANIFEST),
            [
                ("0.bias", "uint8", (3,), digest_of(BLOB), 64, 3),
                ("0.kernel", "float32", (2, 2), digest_of(BLOB), 0, 16),
            ],
        )

    def test_bytes_that_are_no_manifest_are_refused(self):
        bad = [MANIFEST[:length] for length in range(len(MANIFEST))]
        bad += [
            MANIFEST + b"\0",
            MANIFEST.replace(b"weights.v1", b"weights.v2"),
            MANIFEST.replace(b"0.bias", b"0.bi\xff\xff"),
            manifest_of([("a", 9, [1], 0, 4)], BLOB),
            manifest_of([("a", 1, [1] * 9, 0, 4)], BLOB),
            manifest_of([("a", 1, [2], 0, 4)], BLOB),
            manifest_of([("a", 1, [2], 96, 8)], BLOB),
        ]
        for data in bad:
            with self.subTest(data=data[-40:]):
                with self.assertRaisesRegex(graft.GraftError, "INVALID_ARGUMENT: weights manifest"):
                    _weights.decode_manifest(data)

    def test_safetensors_file_is_read_by_an_independent_reader(self):
        tensors = {
            "b": graft.Tensor("uint8", (3,), b"abc"),
            "ä": graft.Tensor("float32", (1, 2), struct.pack("<2f", 1, 2)),
            "a": graft.Tensor("bfloat16", (), b"\x80\x3f"),
            "long": graft.Tensor("int64", (1,), struct.pack("<q", -5)),
            "none": graft.Tensor("int32", (0, 7), b""),
        }
        data = _weights.encode_safetensors(tensors, {"format": "graft"})
        read, metadata = safetensors_reader.read(data)
        self.assertEqual(metadata, {"format": "graft"})
        self.assertEqual(
            read,
            {
                "b": ("U8", [3], b"abc"),
                "ä": ("F32", [1, 2], struct.pack("<2f", 1, 2)),
                "a": ("BF16", [], b"\x80\x3f"),
                "long": ("I64", [1], struct.pack("<q", -5)),
                "none": ("I32", [0, 7], b""),
            },
        )


    def test_safetensors_file_decodes_to_what_was_encoded(self):
        tensors = {
            "b": graft.Tensor("uint8", (3,), b"abc"),
            "ä": graft.Tensor("float32", (1, 2), struct.pack("<2f", 1, 2)),
            "none": graft.Tensor("int32", (0, 7), b""),
            "scalar": graft.Tensor("bfloat16", (), b"\x80\x3f"),
        }
        data = _weights.encode_safetensors(tensors, {"format": "graft"})
        self.assertEqual(_weights.decode_safetensors(data), tensors)
        for length in range(len(data)):
            with self.assertRaisesRegex(graft.GraftError, "INVALID_ARGUMENT: safetensors"):
                _weights.decode_safetensors(data[:length])
        with self.assertRaisesRegex(graft.GraftError, "1 bytes belong to no tensor"):
            _weights.decode_safetensors(data + b"x")

    def test_bad_safetensors_header_is_refused_with_the_tensor(self):
        good = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        for change, expected in [
            ({"dtype": "F64"}, "dtype 'F64', expected one of F32, BF16"),
            ({"dtype": ["F32"]}, "dtype"),
            ({"shape": [-2]}, "shape"),
            ({"shape": [2.0]}, "shape"),
            ({"shape": [True]}, "shape"),
            ({"shape": 2}, "shape"),
            ({"shape": [3]}, "do not fit"),
            ({"shape": [1] * 9}, "at most 8 dimensions"),
            ({"data_offsets": [0]}, "two offsets"),
            ({"data_offsets": [8, 0]}, "do not fit"),
            ({"data_offsets": [8, 16]}, "do not fit"),
            ({"more": 1}, "expected dtype, shape, data_offsets"),
        ]:
            header = json.dumps({"t": {**good, **change}}).encode()
            with self.subTest(change=change):
                with self.assertRaisesRegex(graft.GraftError, f"tensor 't': .*{expected}"):
                    _weights.decode_safetensors(struct.pack("<Q", len(header)) + header + bytes(8))
        for header, expected in [
            (b'{"t": 1}', "tensor 't'"),
            (b"[]", "expected an object"),
            (b'{"t": 1, "t": 2}', "'t' appears twice"),
            (b"{", "header"),
            (b"\xff{}", "header"),
        ]:
            with self.subTest(header=header):
                with self.assertRaisesRegex(graft.GraftError, expected):
                    _weights.decode_safetensors(struct.pack("<Q", len(header)) + header)
        overlap = json.dumps({"a": good, "b": good}).encode()
        with self.assertRaisesRegex(graft.GraftError, "tensor 'b': starts at 0, expected 8"):
            _weights.decode_safetensors(struct.pack("<Q", len(overlap)) + overlap + bytes(8))

    def test_packed_weights_are_described_by_their_manifest(self):
        tensors = {
            "b": graft.Tensor("uint8", (3,), b"abc"),
            "a": graft.Tensor("float32", (1, 2), struct.pack("<2f", 1, 2)),
            "none": graft.Tensor("int32", (0, 7), b""),
            "z": graft.Tensor("uint8", (1,), b"z"),
        }
        manifest, blob = _weights.pack(tensors)
        self.assertEqual(
            _weights.decode_manifest(manifest),
            [
                ("a", "float32", (1, 2), digest_of(blob), 0, 8),
                ("b", "uint8", (3,), digest_of(blob), 64, 3),
                ("none", "int32", (0, 7), digest_of(blob), 0, 0),
                ("z", "uint8", (1,), digest_of(blob), 128, 1),
            ],
        )
        self.assertEqual(blob, struct.pack("<2f", 1, 2) + bytes(56) + b"abc" + bytes(61) + b"z")
