"""Whether a network that Graft trained is as accurate as one that PyTorch trained.

Each arm trains on all of Fashion-MNIST by the network's recipe, with a cosine over all steps, from the
weights that Graft makes of a seed, in an order of the images that follows from seed and epoch. What is
compared is the accuracy on the test images after the last epoch.
"""
import json
import time

import numpy

import images
import networks
from engines import Setting

# What an arm adds to the recipe.
ARMS = {"graft": {}, "graft_bfloat16": {"precision": "bfloat16"}, "pytorch": {}}
KEY = ("network", "arm", "seed", "epochs", "batch")


def recipe(network, batch, epochs, arm):
    return {**networks.NETWORKS[network].optimizer(batch), "epochs": epochs, "schedule": "cosine",
            "schedule_options": {"each_step": True}, **ARMS[arm]}


def order(seed, epochs, count):
    """Positions of the images in each epoch, [epochs, count]."""
    return numpy.stack([numpy.random.default_rng([seed, epoch]).permutation(count)
                        for epoch in range(1, epochs + 1)]).astype(numpy.int32)


def done(path):
    """The keys of the lines that a file of results has."""
    if path is None or not path.exists():
        return set()
    records = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return {tuple(record[key] for key in KEY) for record in records if "accuracy" in record}


def start(setting, arm):
    """The engine of an arm, at the weights that Graft begins with."""
    graft = setting.start_graft()
    if arm != "pytorch":
        return graft
    graft.__exit__()
    return setting.start_torch(layout="channels_last")


class Trainings:
    """Trainings of one network; the files that they share are in `directory`."""

    def __init__(self, directory, program, data, network, batch, threads, epochs):
        self.directory, self.program, self.network = directory, program, network
        self.batch, self.threads, self.epochs = batch, threads, epochs
        self.data, self.test_data = directory / "training-images", directory / "test-images"
        training, test = images.load_fashion_mnist(data)
        self.count = len(training[1])
        images.save(self.data, *training)
        images.save(self.test_data, *test)

    def run(self, arm, seed):
        """The record of one training."""
        order_file = self.directory / "order"
        order(seed, self.epochs, self.count).tofile(order_file)
        setting = Setting(self.directory, self.program, self.network, self.batch, self.threads, self.data,
                          recipe(self.network, self.batch, self.epochs, arm), ["--seed", str(seed)])
        with start(setting, arm) as engine:
            started = time.monotonic()
            losses = engine.ask("train", order_file)["losses"]
            seconds = time.monotonic() - started
            test = engine.ask("evaluate", self.test_data)
        return {"recipe": setting.recipe, "accuracy": test["accuracy"], "test_loss": test["loss"],
                "epoch_losses": losses, "seconds": round(seconds, 1)}


def text(record):
    return (f"accuracy {100 * record['accuracy']:.2f} % after {len(record['epoch_losses'])} epochs, "
            f"{record['seconds']:.0f} s")
