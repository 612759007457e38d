"""The Python client and the command line, side by side on one `graft local`."""
import contextlib
import ctypes
import json
import math
import os
import pathlib
import signal
import struct
import subprocess
import tempfile
import time
import unittest

import safetensors_reader

try:
    import google.protobuf
    import grpc

    MISSING = ""
except ImportError as error:
    MISSING = f"python3-grpcio or python3-protobuf is not installed ({error})"
else:
    import graft

PROGRAM = pathlib.Path(os.environ["GRAFT_BIN_DIR"]) / "graft"
EXAMPLES = pathlib.Path(os.environ["GRAFT_SOURCE_DIR"]) / "deploy" / "examples"
FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")
START_PATIENCE_S = 120
STOP_PATIENCE_S = 60
DTYPES = {"F32": "float32", "BF16": "bfloat16", "U8": "uint8", "I32": "int32", "I64": "int64"}

if not MISSING and not FASHION_MNIST.exists():
    MISSING = "dataset-fashion-mnist is not installed (deploy/scripts/install_packages.sh run)"


BRANCHES = """\
layers:
  - {op: input, attributes: {shape: [1, 8, 8]}}
  - {op: convolution, id: stem, attributes: {filters: 4, kernel: 3, bias: true}}
  - {op: convolution, id: left, attributes: {filters: 4, kernel: 1}}
  - {op: convolution, operands: [stem], attributes: {filters: 4, kernel: 3}}
  - {op: add, operands: [convolution_1, left]}
  - {op: batch_norm, id: norm}
  - {op: relu}
  - {op: global_average_pool}
  - {op: linear, id: head, attributes: {units: 3}}
"""


def floats(*shape):
    """A tensor of numbers that count up from 1."""
    count = math.prod(shape)
    return graft.Tensor("float32", shape, struct.pack(f"<{count}f", *range(1, count + 1)))


def end_with_parent():
    """Runs in the child: a test that is killed leaves no cluster."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def unquoted(plain, of_json):
    """What the command line prints, its 64-bit integers as numbers where `plain` has numbers."""
    if isinstance(of_json, dict) and isinstance(plain, dict):
        return {key: unquoted(plain.get(key), value) for key, value in of_json.items()}
    if isinstance(of_json, list) and isinstance(plain, list):
        padded = plain + [None] * (len(of_json) - len(plain))
        return [unquoted(*pair) for pair in zip(padded, of_json)]
    if isinstance(of_json, str) and isinstance(plain, int) and not isinstance(plain, bool):
        return int(of_json)
    return of_json


class Cluster:
    """`graft local` on a free port, with its state in `folder`."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self._log = folder / "local.log"
        self._state = folder / "state"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "local", "--dir", self._state, "--listen", "127.0.0.1:0"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent,
            )
        deadline = time.monotonic() + START_PATIENCE_S
        while "\nready" not in self._log.read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"graft local did not start: {self._log.read_text()}")
            time.sleep(0.02)
        self.address = (self._state / "endpoint").read_text()

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill_controller(self):
        """`graft local` starts it again."""
        mark = str(self._state / "config" / "controller.yaml").encode()
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)

    def graft(self, *arguments):
        """The command line's JSON."""
        command = [PROGRAM, "--server", self.address, "--output", "json", *arguments]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        return json.loads(output or "null")


@unittest.skipIf(MISSING, MISSING)
class PythonClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.cluster = Cluster(cls.folder)
        cls.addClassCleanup(cls.cluster.stop)
        cls.client = cls.enterClassContext(graft.Client(cls.cluster.address))
        cls.submitted = cls.client.submit(EXAMPLES / "smoke.yaml", request_id="smoke-1")
        cls.name = cls.submitted["name"]
        cls.updates = list(cls.client.watch(cls.name))
        cls.ended = cls.client.search(cls.name)

    def assert_as_printed(self, plain, *arguments):
        printed = self.cluster.graft(*arguments)
        self.assertEqual(plain, unquoted(plain, printed))

    def test_watch_yields_the_search_until_it_has_succeeded(self):
        searches = [update["search"] for update in self.updates if "search" in update]
        self.assertEqual(searches[-1]["state"], "SEARCH_STATE_SUCCEEDED")
        self.assertEqual(searches[-1]["progress"], self.ended["progress"])
        self.assertEqual(self.ended["progress"]["distinct_children"], 8)
        latest = {u["trial"]["number"]: u["trial"] for u in self.updates if "trial" in u}
        trials = [latest[number] for number in sorted(latest)]
        self.assertEqual(trials, self.client.trials(self.name))

    def test_watch_with_a_token_yields_what_came_after_it(self):
        middle = self.updates[len(self.updates) // 2]["resume_token"]
        searches = [u["search"] for u in self.client.watch(self.name, middle) if "search" in u]
        self.assertEqual(searches[-1], self.ended)
        last = self.updates[-1]["resume_token"]
        self.assertEqual(list(self.client.watch(self.name, last)), [])
        with self.assertRaisesRegex(graft.GraftError, "INVALID_ARGUMENT"):
            next(self.client.watch(self.name, "no token"))

    def test_dictionaries_are_what_the_command_line_prints(self):
        best = self.ended["progress"]["best_network"]
        trial = f"{self.name}/trials/1"
        self.assert_as_printed(self.ended, "show", self.name)
        self.assert_as_printed(self.client.wait(self.name), "show", self.name)
        self.assert_as_printed({"searches": self.client.searches(), "next_page_token": ""}, "list")
        self.assert_as_printed(self.client.trial(trial), "show", trial)
        trials = {"trials": self.client.trials(self.name), "next_page_token": ""}
        self.assert_as_printed(trials, "trials", self.name)
        self.assert_as_printed(self.client.network(best), "show", best)
        networks = {"networks": self.client.networks(self.name), "next_page_token": ""}
        self.assertEqual(networks["networks"][0]["name"], best)
        self.assert_as_printed(networks, "networks", self.name)
        datasets = {"datasets": self.client.datasets(), "next_page_token": ""}
        self.assertEqual(datasets["datasets"][0], self.client.dataset("fashion_mnist"))
        self.assert_as_printed(datasets, "dataset", "list")

    def test_workers_and_cluster_are_listed(self):
        (worker,) = self.client.workers()
        self.assertGreaterEqual(worker["slots"], 1)
        self.assertEqual(worker["version"], self.client.cluster()["version"])

    def test_names_and_limits_select(self):
        search = self.name.removeprefix("searches/")
        best = self.ended["progress"]["best_network"]
        self.assertEqual(self.client.search(search), self.ended)
        self.assertEqual(self.client.network(best.removeprefix("networks/")[:12])["name"], best)
        self.assertEqual(self.client.networks(search, limit=2), self.client.networks(search)[:2])
        self.assertEqual(self.client.searches({"example": "smoke"}, limit=1), [self.ended])
        self.assertEqual(self.client.searches({"example": "other"}), [])

    def test_weights_are_those_that_the_command_line_exports(self):
        best = self.ended["progress"]["best_network"]
        exported = self.folder / "exported"
        self.cluster.graft("export", best, exported)
        file = (exported / "weights.safetensors").read_bytes()
        expected, metadata = safetensors_reader.read(file)

        weights = self.client.weights(best)
        self.assertGreater(len(weights), 10)
        plain = {
            name: (DTYPES[dtype], tuple(shape), data)
            for name, (dtype, shape, data) in expected.items()
        }
        self.assertEqual(weights, plain)

        saved = self.folder / "saved.safetensors"
        self.client.save_safetensors(best, saved)
        self.assertEqual(safetensors_reader.read(saved.read_bytes()), (expected, metadata))
        self.assertEqual(metadata["network"], best)

    def test_exported_networks_are_the_same_in_an_empty_cluster(self):
        empty = Cluster(self.folder / "empty")
        self.addCleanup(empty.stop)
        client = self.enterContext(graft.Client(empty.address))
        by_python, by_command_line = self.client.networks(self.name)[:2]
        folder = self.folder / "taken-along"

        self.cluster.graft("export", by_python["name"], folder)
        files = (folder / "architecture.json", folder / "weights.safetensors")
        imported = client.import_network(*files, description="from afar")
        for field in ("name", "weights", "fingerprint", "architecture"):
            self.assertEqual(imported[field], by_python[field])
        self.assertEqual(client.network(by_python["name"]), imported)
        self.assertEqual(client.weights(by_python["name"]), self.client.weights(by_python["name"]))
        self.assertEqual(client.import_network(*files)["name"], by_python["name"])

        with self.assertRaisesRegex(graft.GraftError, "NOT_FOUND"):
            client.network(by_command_line["name"])
        architecture, weights = folder / "other.json", folder / "other.safetensors"
        architecture.write_text(json.dumps(by_command_line["architecture"]))
        self.client.save_safetensors(by_command_line["name"], weights)
        imported = empty.graft("import", architecture, weights)
        self.assertEqual(imported["name"], by_command_line["name"])
        self.assertEqual(imported["weights"], by_command_line["weights"])

    def test_tensors_named_by_layer_are_what_the_command_line_takes_them_for(self):
        architecture, weights = self.folder / "branches.yaml", self.folder / "branches.safetensors"
        architecture.write_text(BRANCHES)
        tensors = {
            "stem.weight": floats(4, 1, 3, 3),
            "stem.bias": floats(4),
            "left.weight": floats(4, 4, 1, 1),
            "convolution_1.weight": floats(4, 4, 3, 3),
            "norm.scale": floats(4),
            "norm.shift": floats(4),
            "norm.mean": floats(4),
            "norm.variance": floats(4),
            "head.weight": floats(3, 4),
            "head.bias": floats(3),
        }
        weights.write_bytes(graft._weights.encode_safetensors(tensors, {}))
        network = self.client.import_network(architecture, weights)
        self.assertEqual(network["name"], self.cluster.graft("import", architecture, weights)["name"])
        stored = self.client.weights(network["name"])
        self.assertEqual(
            sorted(name.partition(".")[2] for name in stored),
            sorted(name.partition(".")[2] for name in tensors),
        )
        again = self.client.import_network(
            network["architecture"], self.saved(stored, "canonical.safetensors")
        )
        self.assertEqual(again["name"], network["name"])

        for change, expected in [
            ({"stem.bias": None}, r"\(stem.bias\) of shape \[4\] is missing"),
            ({"head.weight": floats(4, 3)}, r"\(head.weight\) must be float32 of shape \[3,4\]"),
            ({"tail.weight": floats(1)}, "tail.weight belongs to no parameter"),
        ]:
            changed = {name: t for name, t in {**tensors, **change}.items() if t is not None}
            with self.subTest(change=list(change)):
                with self.assertRaisesRegex(graft.GraftError, f"INVALID_ARGUMENT: .*{expected}"):
                    self.client.import_network(architecture, self.saved(changed, "changed"))
        with self.assertRaises(graft.GraftError) as caught:
            self.client.import_network({"layers": [{"op": "convolve"}]}, weights)
        self.assertEqual(caught.exception.violations[0].field, "layers[0].op")

    def saved(self, tensors, name):
        path = self.folder / name
        path.write_bytes(graft._weights.encode_safetensors(tensors, {}))
        return path

    def test_search_files_mean_the_same_to_client_and_command_line(self):
        for example in sorted(EXAMPLES.glob("*.yaml")):
            if "dataset: fashion_mnist" not in example.read_text():
                continue  # the cluster has no other data set
            with self.subTest(example=example.name):
                search = self.client.submit(example, validate_only=True)
                self.assertEqual(search["name"], "")
                spec = self.cluster.graft("submit", example, "--validate-only")["spec"]
                self.assertEqual(search["spec"], unquoted(search["spec"], spec))

    def test_same_request_id_returns_the_same_search(self):
        again = self.client.submit(EXAMPLES / "smoke.yaml", request_id="smoke-1")
        self.assertEqual(again["name"], self.name)
        with self.assertRaises(graft.GraftError) as caught:
            self.client.submit(dict(self.ended["spec"], seed=7), request_id="smoke-1")
        self.assertEqual(caught.exception.code, "ALREADY_EXISTS")

    def test_bad_specs_are_refused_with_the_field(self):
        good = self.ended["spec"]
        for bad, field in [
            ({"recipe": {"epochs": -1}}, "recipe.epochs"),
            ({"recipe": {"epochs": "many"}}, "recipe.epochs"),
            ({"space": {"plain": {"filters": [8, 4]}}}, "space.plain.filters[1]"),
        ]:
            with self.subTest(bad=bad):
                with self.assertRaises(graft.GraftError) as caught:
                    self.client.submit({**good, **bad})
                self.assertEqual(caught.exception.code, "INVALID_ARGUMENT")
                self.assertEqual([v.field for v in caught.exception.violations], [field])
        task = {"image_classification": {"dataset": "nowhere"}}
        with self.assertRaises(graft.GraftError) as caught:
            self.client.submit({**good, "task": task})
        self.assertEqual(caught.exception.reason, "UNKNOWN_DATASET")

    def test_names_that_do_not_exist_are_not_found(self):
        for call in (self.client.search, self.client.cancel, self.client.network, self.client.wait):
            with self.subTest(call=call.__name__):
                with self.assertRaisesRegex(graft.GraftError, "NOT_FOUND"):
                    call("12345678")

    def test_cancelled_search_ends(self):
        spec = dict(self.ended["spec"], labels={}, budget={"episodes": 50}, seed=9)
        name = self.client.submit(spec)["name"]
        self.assertEqual(self.client.cancel(name)["state"], "SEARCH_STATE_CANCELLED")
        self.assertEqual(self.client.wait(name)["state"], "SEARCH_STATE_CANCELLED")

    def test_search_is_paused_resumed_extended_and_deleted(self):
        spec = dict(self.ended["spec"], labels={}, budget={"episodes": 1}, seed=11)
        name = self.client.submit(spec)["name"]
        self.assertEqual(self.client.pause(name)["state"], "SEARCH_STATE_PAUSED")
        with self.assertRaisesRegex(graft.GraftError, "FAILED_PRECONDITION"):
            self.client.delete(name)
        self.client.resume(name)
        self.assertEqual(self.client.wait(name)["state"], "SEARCH_STATE_SUCCEEDED")
        self.client.extend(name, episodes=2)
        self.assertEqual(self.client.wait(name)["state"], "SEARCH_STATE_SUCCEEDED")
        episodes = self.client.episodes(name)
        self.assertEqual(len(episodes), 2)
        self.assertEqual(len(episodes[1]["policy_digest"]), 64)
        self.client.delete(name)
        with self.assertRaisesRegex(graft.GraftError, "NOT_FOUND"):
            self.client.search(name)

    def test_watch_goes_on_when_the_controller_is_killed_and_started_again(self):
        spec = dict(self.ended["spec"], labels={}, budget={"episodes": 50}, seed=10)
        name = self.client.submit(spec)["name"]
        updates = self.client.watch(name)
        next(updates)
        self.cluster.kill_controller()
        next(update for update in updates if update.get("trial", {}).get("result"))
        self.client.cancel(name)
        searches = [update["search"] for update in updates if "search" in update]
        self.assertEqual(searches[-1]["state"], "SEARCH_STATE_CANCELLED")
