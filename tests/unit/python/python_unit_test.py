"""The Python client's readers of what people and stores give it, and its calls to bad servers."""
import hashlib
import json
import os
import pathlib
import struct
import tempfile
import threading
import unittest
from concurrent import futures
from unittest import mock

import safetensors_reader

try:
    import google.protobuf
    import grpc

    MISSING = ""
except ImportError as error:
    MISSING = f"python3-grpcio or python3-protobuf is not installed ({error})"
else:
    import graft
    from graft import _architecture, _convert, _protos, _rpc, _weights, _yaml_file

needs_grpc = unittest.skipIf(MISSING, MISSING)


def spec_of(values):
    spec = _protos.new("SearchSpec")
    _convert.fill(spec, values)
    return spec


@needs_grpc
class DictionaryTest(unittest.TestCase):
    def test_dictionary_of_a_message_gives_the_message_again(self):
        spec = spec_of(
            {
                "display_name": "all kinds",
                "labels": {"team": "vision"},
                "space": {
                    "plain": {
                        "start": {
                            "layers": [
                                {"op": "convolution", "attributes": {"filters": 16, "same": True}},
                                {"op": "relu", "operands": ["a", "b"]},
                            ]
                        },
                        "filters": [4, 8],
                        "noise": True,
                    }
                },
                "policy": {"eas": {"entropy_weight": 0.0}, "episode_start": "EPISODE_START_RESTART"},
                "seed": 2**64 - 1,
            }
        )
        self.assertEqual(spec.space.plain.start.layers[0].attributes["filters"], 16)
        self.assertEqual(spec_of(_convert.to_dict(spec)), spec)

    def test_numbers_are_numbers_and_unset_messages_are_left_out(self):
        search = _protos.new("Search")
        search.progress.episodes = 3
        search.progress.best_value = 0.5
        search.create_time.FromJsonString("2024-05-06T07:08:09Z")
        values = _convert.to_dict(search)
        self.assertEqual(values["progress"]["episodes"], 3)
        self.assertEqual(values["progress"]["best_value"], 0.5)
        self.assertNotIn("start_value", values["progress"])
        self.assertEqual(values["create_time"], "2024-05-06T07:08:09Z")
        self.assertNotIn("end_time", values)
        self.assertEqual(values["state"], "SEARCH_STATE_UNSPECIFIED")

    def test_values_are_read_as_in_search_files(self):
        spec = spec_of(
            {
                "policy": {"random": None, "episodeStart": "grow_on"},
                "space": {"plain": {"maxMacs": "4e6", "start": None}},
                "recipe": {"sgd": {"momentum": 0, "weight_decay": None}, "epochs": 3.0},
            }
        )
        self.assertEqual(spec.policy.WhichOneof("kind"), "random")
        self.assertEqual(_convert.to_dict(spec.policy)["episode_start"], "EPISODE_START_GROW_ON")
        self.assertEqual(spec.space.plain.max_macs, 4_000_000)
        self.assertFalse(spec.space.plain.HasField("start"))
        self.assertTrue(spec.recipe.sgd.HasField("momentum"))
        self.assertFalse(spec.recipe.sgd.HasField("weight_decay"))

    def test_bad_values_are_refused_with_the_field(self):
        cases = [
            ({"recipes": {}}, "recipes", "did you mean recipe?"),
            ({"recipe": {"epochs": "many"}}, "recipe.epochs", "whole number"),
            ({"recipe": {"epochs": 1.5}}, "recipe.epochs", "whole number"),
            ({"recipe": {"epochs": True}}, "recipe.epochs", "whole number"),
            ({"recipe": {"epochs": float("nan")}}, "recipe.epochs", "whole number"),
            ({"recipe": {"epochs": 2**63}}, "recipe.epochs", "to 9223372036854775807"),
            ({"seed": -1}, "seed", "from 0"),
            ({"recipe": {"sgd": {"learning_rate": "1e999"}}}, "recipe.sgd.learning_rate", "finite"),
            ({"recipe": {"sgd": {"learning_rate": 10**400}}}, "recipe.sgd.learning_rate", "finite"),
            ({"recipe": {"sgd": []}}, "recipe.sgd", "dictionary"),
            ({"space": {"plain": {"filters": 4}}}, "space.plain.filters", "list"),
            ({"space": {"plain": {"filters": [4, "x"]}}}, "space.plain.filters[1]", "whole number"),
            ({"space": {"plain": {"noise": "yes"}}}, "space.plain.noise", "bool"),
            ({"policy": {"random": {}, "eas": {}}}, "policy.eas", "excludes random"),
            ({"policy": {"episode_start": "grow"}}, "policy.episode_start", "restart, grow_on"),
            ({"labels": {"team": 3}}, "labels.team", "str"),
            ({"labels": ["team"]}, "labels", "dictionary"),
            ({"display_name": 7}, "display_name", "str"),
            (
                {"space": {"plain": {"start": {"layers": [{"attributes": {"a": object()}}]}}}},
                "space.plain.start.layers[0].attributes",
                "",
            ),
        ]
        for values, field, description in cases:
            with self.subTest(field=field, values=str(values)):
                with self.assertRaises(graft.GraftError) as caught:
                    spec_of(values)
                self.assertEqual(caught.exception.code, "INVALID_ARGUMENT")
                self.assertEqual([v.field for v in caught.exception.violations], [field])
                self.assertIn(description, caught.exception.violations[0].description)


@needs_grpc
class SearchFileTest(unittest.TestCase):
    def setUp(self):
        if _yaml_file.yaml is None:
            self.skipTest("python3-yaml is not installed")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "my-search.yaml"

    def load(self, text):
        self.path.write_text(text, encoding="utf-8")
        return _yaml_file.load_search(self.path)

    def test_file_gives_its_name_to_a_search_without_one(self):
        self.assertEqual(self.load("seed: 3\n"), {"display_name": "my-search", "seed": 3})
        self.assertEqual(self.load("display_name: mine\n"), {"display_name": "mine"})

    def test_bad_files_are_refused(self):
        for text, expected in [
            ("seed: 1\nseed: 2\n", "line 2"),
            ("a: {b: 1, b: 2}\n", "'b' appears twice"),
            ("seed: [1\n", "line 2"),
            ("- 1\n", "expected a mapping"),
        ]:
            with self.subTest(text=text):
                with self.assertRaisesRegex(graft.GraftError, expected) as caught:
                    self.load(text)
                self.assertEqual(caught.exception.code, "INVALID_ARGUMENT")
        with self.assertRaisesRegex(graft.GraftError, "NOT_FOUND.*No such file"):
            _yaml_file.load_search(self.path.with_name("none.yaml"))


@needs_grpc
class ArchitectureFileTest(unittest.TestCase):
    def test_json_needs_no_yaml_and_equal_keys_are_refused(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(_yaml_file, "yaml", None):
            path = pathlib.Path(folder) / "architecture.json"
            path.write_text('{"layers": [{"op": "relu"}]}', encoding="utf-8")
            self.assertEqual(_yaml_file.load(path), {"layers": [{"op": "relu"}]})
            for text, expected in [
                ('{"layers": [{"op": "relu", "op": "tanh"}]}', "'op' appears twice"),
                ('{"layers": [', "line 1"),
                ("[1]", "expected a mapping"),
            ]:
                path.write_text(text, encoding="utf-8")
                with self.assertRaisesRegex(graft.GraftError, expected) as caught:
                    _yaml_file.load(path)
                self.assertEqual(caught.exception.code, "INVALID_ARGUMENT")
            with self.assertRaisesRegex(graft.GraftError, "UNIMPLEMENTED.*python3-yaml"):
                _yaml_file.load(path.with_suffix(".yaml"))


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


BLOB = bytes(range(100))
MANIFEST = manifest_of([("0.bias", 3, [3], 64, 3), ("0.kernel", 1, [2, 2], 0, 16)], BLOB)


def digest_of(data):
    return f"{hashlib.sha256(data).hexdigest()}/{len(data)}"


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


class FakeCluster:
    """A server on loopback whose methods are functions of (request, context).

    `methods` has them by name; those of streams are generators. Notes all requests; of those of
    WriteBlob, which takes an iterator of messages, nothing.
    """

    STREAMS = {"WatchSearch", "ReadBlob"}

    def __init__(self, service, methods):
        self.requests = []
        self.metadata = []
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        handlers = {}
        for name, method in methods.items():
            request_type, response_type = _protos.method_types(service, name)
            if name == "WriteBlob":
                kind, handle = grpc.stream_stream_rpc_method_handler, method
            elif name in self.STREAMS:
                kind, handle = grpc.unary_stream_rpc_method_handler, self._noting(method)
            else:
                kind, handle = grpc.unary_unary_rpc_method_handler, self._noting(method)
            handlers[name] = kind(handle, request_type.FromString, response_type.SerializeToString)
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(f"graft.v1.{service}", handlers)]
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self):
        self._server.stop(grace=None).wait()

    def _noting(self, method):
        def handle(request, context):
            self.requests.append(request)
            self.metadata.append(dict(context.invocation_metadata()))
            return method(request, context)

        return handle


@needs_grpc
class FakeClusterTest(unittest.TestCase):
    def setUp(self):
        # Waits are cut short, so that failing is quick.
        patch = mock.patch.multiple(_rpc, _FIRST_PAUSE_S=0.01, _LONGEST_PAUSE_S=0.02)
        patch.start()
        self.addCleanup(patch.stop)

    def start(self, methods, service="SearchService"):
        cluster = FakeCluster(service, methods)
        self.addCleanup(cluster.stop)
        return cluster

    def connect(self, cluster, **options):
        return self.enterContext(graft.Client(cluster.address, **options))


def update_of(token):
    update = _protos.new("WatchSearchResponse", resume_token=token)
    update.trial.number = int(token)
    return update


class WatchTest(FakeClusterTest):
    def test_broken_watch_goes_on_from_the_last_token(self):
        def watch(request, context):
            first = int(request.resume_token or 0)
            yield update_of(str(first + 1))
            yield update_of(str(first + 2))
            if first < 4:
                context.abort(grpc.StatusCode.UNAVAILABLE, "broken")

        cluster = self.start({"WatchSearch": watch})
        updates = list(self.connect(cluster).watch("abc"))
        self.assertEqual([update["trial"]["number"] for update in updates], [1, 2, 3, 4, 5, 6])
        self.assertEqual([request.name for request in cluster.requests], ["searches/abc"] * 3)

    def test_closed_iterator_ends_the_call(self):
        ended = threading.Event()

        def watch(request, context):
            context.add_callback(ended.set)
            yield update_of("1")
            ended.wait(60)

        updates = self.connect(self.start({"WatchSearch": watch})).watch("abc")
        self.assertEqual(next(updates)["resume_token"], "1")
        updates.close()
        self.assertTrue(ended.wait(60))

    def test_other_errors_end_the_watch(self):
        def watch(request, context):
            yield update_of("1")
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "bad token")

        cluster = self.start({"WatchSearch": watch})
        updates = self.connect(cluster).watch("abc", resume_token="x")
        next(updates)
        with self.assertRaisesRegex(graft.GraftError, "INVALID_ARGUMENT: bad token"):
            next(updates)
        self.assertEqual([request.resume_token for request in cluster.requests], ["x"])


class CallTest(FakeClusterTest):
    def test_calls_are_tried_again_while_the_server_is_unavailable(self):
        def get(request, context):
            if len(cluster.requests) < 3:
                context.abort(grpc.StatusCode.UNAVAILABLE, "draining")
            return _protos.new("Search", name=request.name)

        cluster = self.start({"GetSearch": get})
        self.assertEqual(self.connect(cluster).search("searches/abc")["name"], "searches/abc")
        self.assertEqual(len(cluster.requests), 3)

    def test_error_without_a_server_names_address_and_what_to_do(self):
        cluster = self.start({})
        client = self.connect(cluster)
        cluster.stop()
        with self.assertRaises(graft.GraftError) as caught:
            client.workers()
        self.assertEqual(caught.exception.code, "UNAVAILABLE")
        self.assertIn(cluster.address, caught.exception.message)
        self.assertIn("graft local", caught.exception.message)

    def test_error_has_reason_and_violations_relative_to_the_spec(self):
        def create(request, context):
            status = _protos.message_class("google.rpc.Status")(code=3, message="bad")
            violations = [
                {"field": "spec.task.image_classification.dataset", "description": "not known"},
                {"field": "request_id", "description": "too long"},
            ]
            bad = _protos.message_class("google.rpc.BadRequest")(field_violations=violations)
            info = _protos.message_class("google.rpc.ErrorInfo")(
                reason="UNKNOWN_DATASET", domain="graft"
            )
            for detail in (info, bad):
                status.details.add().Pack(detail)
            details = (("grpc-status-details-bin", status.SerializeToString()),)
            context.set_trailing_metadata(details)
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "bad")

        cluster = self.start({"CreateSearch": create})
        with self.assertRaises(graft.GraftError) as caught:
            self.connect(cluster).submit({"seed": 1})
        self.assertEqual(caught.exception.code, "INVALID_ARGUMENT")
        self.assertEqual(caught.exception.reason, "UNKNOWN_DATASET")
        self.assertEqual(
            caught.exception.violations,
            (("task.image_classification.dataset", "not known"), ("request_id", "too long")),
        )
        self.assertIn("task.image_classification.dataset: not known", str(caught.exception))
        self.assertEqual(len(cluster.requests), 1)

    def test_error_details_that_cannot_be_parsed_are_left_out(self):
        def get(request, context):
            context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
            context.abort(grpc.StatusCode.NOT_FOUND, "no such search")

        with self.assertRaisesRegex(graft.GraftError, "NOT_FOUND: no such search") as caught:
            self.connect(self.start({"GetSearch": get})).search("abc")
        self.assertEqual(caught.exception.violations, ())

    def test_token_goes_with_every_call(self):
        def workers(request, context):
            return _protos.new("ListWorkersResponse")

        cluster = self.start({"ListWorkers": workers})
        with tempfile.NamedTemporaryFile() as file:
            file.write(b" secret-0123456789 \nnot this\n")
            file.flush()
            client = self.connect(cluster, token_file=file.name)
        client.workers()
        client.workers()
        self.assertEqual(
            [metadata["authorization"] for metadata in cluster.metadata],
            ["Bearer secret-0123456789"] * 2,
        )

    def test_token_file_without_a_token_is_refused(self):
        for path, expected in ((os.devnull, "expected a token"), ("/none", "No such file")):
            with self.assertRaisesRegex(graft.GraftError, f"INVALID_ARGUMENT: {path}: {expected}"):
                graft.Client(token_file=path)

    def test_lists_follow_the_pages_up_to_the_limit(self):
        def networks(request, context):
            start = int(request.page_token or 0)
            page = _protos.new("ListNetworksResponse", next_page_token=str(start + 2))
            for i in range(start, start + min(2, request.page_size)):
                page.networks.add(name=f"networks/{i}")
            return page

        cluster = self.start({"ListNetworks": networks})
        found = self.connect(cluster).networks("abc", limit=5)
        self.assertEqual([network["name"] for network in found], [f"networks/{i}" for i in range(5)])
        self.assertEqual({request.search for request in cluster.requests}, {"searches/abc"})


    def test_trial_log_follows_the_pages(self):
        def log(request, context):
            start = int(request.page_token or 0)
            page = _protos.new("ListTrialLogResponse", resume_token="later")
            for i in range(start, start + 2):
                page.entries.add()
            if start < 4:
                page.next_page_token = str(start + 2)
            return page

        cluster = self.start({"ListTrialLog": log})
        entries = self.connect(cluster).trial_log("7/trials/3")
        self.assertEqual(cluster.requests, [])
        next(entries)
        self.assertEqual(len(cluster.requests), 1)
        self.assertEqual(len(list(entries)), 5)
        tokens = [request.page_token for request in cluster.requests]
        self.assertEqual(tokens, ["", "2", "4"])
        self.assertEqual({request.parent for request in cluster.requests}, {"searches/7/trials/3"})


class FakeStore:
    """WriteBlob of a store that breaks off after `breaks_after` bytes of each call."""

    def __init__(self, breaks_after=None, code=grpc.StatusCode.UNAVAILABLE if not MISSING else None):
        self.uploads = {}
        self.blobs = {}
        self.opened = []
        self._breaks_after = breaks_after
        self._code = code

    def write_blob(self, messages, context):
        first = next(messages)
        self.opened.append(first.upload_id)
        if first.digest in self.blobs:
            yield _protos.new("WriteBlobResponse", digest=first.digest)
            return
        data = self.uploads.setdefault(first.upload_id, bytearray())
        yield _protos.new("WriteBlobResponse", committed_size=len(data))
        taken = 0
        for message in messages:
            if message.data and message.offset != len(data):
                context.abort(grpc.StatusCode.OUT_OF_RANGE, f"{message.offset}, not {len(data)}")
            data += message.data
            taken += len(message.data)
            if message.finish_write:
                self.blobs[first.digest] = bytes(data)
                yield _protos.new(
                    "WriteBlobResponse", digest=first.digest, committed_size=len(data)
                )
                return
            yield _protos.new("WriteBlobResponse", committed_size=len(data))
            if self._breaks_after is not None and taken >= self._breaks_after:
                context.abort(self._code, "broken")


class UploadTest(FakeClusterTest):
    DATA = bytes(range(256)) * 20000  # five chunks

    def upload(self, store, data=DATA):
        cluster = self.start({"WriteBlob": store.write_blob}, "WeightStore")
        client = self.connect(cluster, weight_store=cluster.address)
        self.assertEqual(client._write_blob(data), digest_of(data))

    def test_blob_arrives_whole(self):
        for data in (b"", b"x", bytes(1 << 20), self.DATA):
            with self.subTest(size=len(data)):
                store = FakeStore()
                self.upload(store, data)
                self.assertEqual(store.blobs, {digest_of(data): data})

    def test_broken_upload_goes_on_where_it_broke(self):
        for code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED):
            with self.subTest(code=code):
                store = FakeStore(breaks_after=1 << 20, code=code)
                self.upload(store)
                self.assertEqual(store.blobs, {digest_of(self.DATA): self.DATA})
                self.assertEqual(len(store.opened), 5)
                self.assertEqual(len(set(store.opened)), 1)

    def test_blob_that_is_there_is_not_sent_again(self):
        store = FakeStore()
        store.blobs[digest_of(self.DATA)] = self.DATA
        self.upload(store)
        self.assertEqual(store.uploads, {})

    def test_other_errors_end_the_upload(self):
        store = FakeStore(breaks_after=1, code=grpc.StatusCode.RESOURCE_EXHAUSTED)
        with self.assertRaisesRegex(graft.GraftError, "RESOURCE_EXHAUSTED: broken"):
            self.upload(store)
        self.assertEqual(len(store.opened), 1)


class BlobTest(FakeClusterTest):
    def read(self, blob, served):
        """Reads a blob from a store that breaks off after each chunk of 40 bytes."""

        def read_blob(request, context):
            yield _protos.new("ReadBlobResponse", data=served[request.offset :][:40])
            if request.offset + 40 < len(served):
                context.abort(grpc.StatusCode.UNAVAILABLE, "broken")

        store = self.start({"ReadBlob": read_blob}, "WeightStore")
        client = self.connect(store, weight_store=store.address)
        return client._read_blob(digest_of(blob))

    def test_broken_read_goes_on_where_it_broke(self):
        self.assertEqual(self.read(BLOB, BLOB), BLOB)

    def test_damaged_blobs_are_refused(self):
        for served in (b"x" + BLOB[1:], BLOB[:-1], BLOB + b"x", BLOB * 2):
            with self.subTest(served=served):
                with self.assertRaisesRegex(graft.GraftError, "DATA_LOSS"):
                    self.read(BLOB, served)
