"""The Python client's readers of what people write: dictionaries and files."""
import pathlib
import tempfile
import unittest
from unittest import mock

from client_testing import MISSING, needs_grpc

if not MISSING:
    import graft
    from graft import _convert, _protos, _yaml_file


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
