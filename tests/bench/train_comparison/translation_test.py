"""The networks of train_vs_pytorch in PyTorch have the logits and gradients that they have in Graft."""
import importlib.util
import itertools
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

HAS_TORCH = all(importlib.util.find_spec(module) for module in ("torch", "numpy"))
if HAS_TORCH:
    import accuracy
    import images
    import loss_curves
    import networks
    from engines import Setting

PROGRAM = Path(os.environ["GRAFT_BIN_DIR"]).parent / "bench/train_engine"
BATCH = 4
BATCHES = 5
BOUND = 1e-4


@unittest.skipUnless(HAS_TORCH, "needs Debian's python3-torch and python3-numpy")
class TranslationTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name)
        self.data = self.directory / "images"
        images.save(self.data, *images.synthetic(BATCHES * BATCH))

    def setting(self, name, smooth=False):
        recipe = networks.at_constant_rate({"sgd": {"learning_rate": 1e-3, "weight_decay": 1e-4}})
        return Setting(self.directory, PROGRAM, name, BATCH, 1, self.data, recipe, ["--exact"], smooth)

    def test_networks_have_equal_logits_and_gradients(self):
        for name, smooth in itertools.product(networks.NETWORKS, (False, True)):
            with self.subTest(name, smooth=smooth):
                setting = self.setting(name, smooth)
                with setting.start_graft() as graft, setting.start_torch() as torch:
                    others = [(torch, loss_curves.TORCH_FILE)]
                    losses, logits, gradients = zip(*(
                        map(loss_curves.relative,
                            *loss_curves.at_equal_weights(graft, others, self.directory, batch))
                        for batch in range(BATCHES)))
                self.assertLess(max(losses), BOUND)
                self.assertLess(max(logits), BOUND)
                # A ReLU whose operand is zero but for the last bit gives one of two gradients, and
                # there are some in every batch.
                self.assertLess(max(gradients), BOUND if smooth else 0.1, gradients)

    def test_scripted_channels_last_networks_have_the_same_losses(self):
        for name in ("eas_start", "vanillanet_5", "pvt"):
            with self.subTest(name):
                setting = self.setting(name)
                with setting.start_graft() as graft, \
                        setting.start_torch("script", "channels_last") as torch:
                    losses = [engine.ask("losses", 1)["losses"] for engine in (graft, torch)]
                self.assertLess(max(loss_curves.differences(*losses)), BOUND)

    def test_recipes_with_their_schedules_move_the_weights_equally(self):
        # Few epochs, so that milestones, the end of the warm-up and each part of the cosine are in them.
        recipes = {json.dumps(network.recipe(64, epochs=7)) for network in networks.NETWORKS.values()}
        for text in recipes:
            with self.subTest(text):
                setting = Setting(self.directory, PROGRAM, "eas_demo", BATCH, 1, self.data,
                                  json.loads(text), smooth=True)
                with setting.start_graft() as graft, setting.start_torch() as torch:
                    losses = [engine.ask("losses", 7 * BATCHES)["losses"] for engine in (graft, torch)]
                self.assertLess(max(loss_curves.differences(*losses)), BOUND)

    def test_a_training_goes_on_at_the_step_that_it_had_come_to(self):
        recipe = {"sgd": {"learning_rate": 0.1, "weight_decay": 0}, "epochs": 4, "schedule": "step"}
        settings = [Setting(self.directory, PROGRAM, "eas_demo", BATCH, 1, self.data,
                            {**recipe, "schedule_options": {"milestones": [steps / (4 * BATCHES)],
                                                            "factor": 0.01}}, smooth=True)
                    for steps in (BATCHES + 1, BATCHES + 2)]
        found = []
        for setting in settings:
            with setting.start_graft() as graft, setting.start_torch() as torch:
                for engine in (graft, torch):
                    engine.ask("skip", BATCHES + 1)
                    found.append(engine.ask("losses", 3)["losses"])
        for losses, expected in zip(found[::2], found[1::2]):
            self.assertLess(max(loss_curves.differences(losses, expected)), BOUND)
        # The first step is on the second batch, and its rate is that before or behind the milestone.
        self.assertEqual(found[0][0], found[2][0])
        self.assertGreater(loss_curves.relative(found[0][1], found[2][1]), 1e-3)

    def test_networks_without_jumps_learn_equally_for_long(self):
        setting = Setting(self.directory, PROGRAM, "eas_start", BATCH * BATCHES, 1, self.data,
                          networks.at_constant_rate(networks.NETWORKS["eas_start"].optimizer(64)),
                          smooth=True)
        with setting.start_graft() as graft, setting.start_torch() as torch:
            losses = [engine.ask("losses", 20)["losses"] for engine in (graft, torch)]
        self.assertLess(max(loss_curves.differences(*losses)), BOUND)

    def test_whole_trainings_follow_order_and_schedule_equally(self):
        epochs, count, batch = 3, BATCHES * BATCH, 8  # the last batch of an epoch has 4
        order = self.directory / "order"
        accuracy.order(1, epochs, count).tofile(order)
        recipe = accuracy.recipe("eas_demo", batch, epochs, "graft")
        setting = Setting(self.directory, PROGRAM, "eas_demo", batch, 1, self.data, recipe,
                          ["--seed", "3"], smooth=True)
        with setting.start_graft() as graft, setting.start_torch() as torch:
            losses = [engine.ask("train", order)["losses"] for engine in (graft, torch)]
            tests = [engine.ask("evaluate", self.data) for engine in (graft, torch)]
        self.assertEqual(len(losses[0]), epochs)
        self.assertLess(max(loss_curves.differences(*losses)), BOUND)
        self.assertLess(loss_curves.relative(tests[0]["loss"], tests[1]["loss"]), BOUND)
        self.assertAlmostEqual(tests[0]["accuracy"], tests[1]["accuracy"])
