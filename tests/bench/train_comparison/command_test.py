"""What train_vs_pytorch prints with --output json, and the report that it makes of such lines."""
import importlib.util
import json
import os
import statistics
import subprocess
import tempfile
import unittest
from pathlib import Path

COMMAND = Path(__file__).resolve().parents[1] / "train_vs_pytorch"
PROGRAMS = Path(os.environ["GRAFT_BIN_DIR"]).parent / "bench"
HAS_TORCH = all(importlib.util.find_spec(module) for module in ("torch", "numpy"))


@unittest.skipUnless(HAS_TORCH, "needs Debian's python3-torch and python3-numpy")
class CommandTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.results = Path(temporary.name) / "cpu_engine.jsonl"

    def run_command(self, *arguments):
        done = subprocess.run(["/usr/bin/python3", str(COMMAND), *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def measure(self, *arguments):
        """The only line of a part of the benchmark on the smallest network."""
        line, = self.run_command("--programs", str(PROGRAMS), "--network", "eas_demo", "--batch", "16",
                                 "--output", "json", *arguments).splitlines()
        return json.loads(line)

    def test_a_comparison_has_ratio_memory_and_bound_and_makes_a_report(self):
        record = self.measure("--pairs", "2", "--results", str(self.results))
        self.assertEqual((record["network"], record["batch"], record["threads"], record["pairs"]),
                         ("eas_demo", 16, 1, 2))
        low, high = record["ratio_quartiles"]
        self.assertLessEqual(low, record["ratio_median"])
        self.assertLessEqual(record["ratio_median"], high)
        for key in ("ratio_median", "peak_bytes", "peak_bytes_pytorch", "bound_ratio", "pytorch_ceiling"):
            self.assertGreater(record[key], 0, key)
        self.assertTrue(0 < record["primitive_share"] <= 1)
        self.assertGreater(record["pytorch_primitive_share"], 0)
        self.assertEqual(json.loads(self.results.read_text(encoding="utf-8")), record)

        report = self.results.with_suffix(".md")
        self.run_command("report", "--results", str(self.results), "--report", str(report))
        self.assertIn(f"| eas_demo | {record['parameters']:,} | 16 | 1 | {record['ratio_median']:.2f} ",
                      report.read_text(encoding="utf-8"))
        self.assertIn("</svg>", report.with_suffix(".svg").read_text(encoding="utf-8"))

    def test_a_plan_takes_no_less_than_what_lives_at_one_time(self):
        record = self.measure("--plans")
        self.assertLessEqual(record["largest_live_bytes"], record["arena_bytes"])
        self.assertLess(record["arena_bytes"], record["memory_bytes"])
        self.assertGreater(record["largest_live_bytes"], 0)

    def test_recipe_curves_say_how_the_loss_of_the_same_batches_falls(self):
        record = self.measure("--recipe-curves", "--seeds", "1", "--steps", "20")
        recipe = json.loads(record["recipe"])
        self.assertEqual((record["seed"], recipe["schedule"], recipe["epochs"]), (1, "cosine", 300))
        losses = record["losses"]
        self.assertEqual(len(losses), 20)
        first, last = (statistics.mean(part) for part in (losses[:2], losses[-2:]))  # of two batches
        self.assertAlmostEqual(record["fall"], 1 - last / first)
        self.assertLess(abs(losses[0] / record["losses_pytorch"][0] - 1), 1e-4)

    def test_an_unknown_network_is_refused_with_those_there_are(self):
        done = subprocess.run(["/usr/bin/python3", str(COMMAND), "--programs", str(PROGRAMS),
                               "--network", "resnet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no network resnet; there are eas_demo, eas_start", done.stderr)
