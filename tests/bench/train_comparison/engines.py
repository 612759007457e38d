"""The two engines as processes that obey commands; the commands are in train_engine.cc."""
import json
import os
import subprocess
import sys
from pathlib import Path

import networks

HERE = Path(__file__).resolve().parent
FORMS = ("eager", "script")
LAYOUTS = ("nchw", "channels_last")


class EngineError(Exception):
    """What an engine says about a command that it cannot obey."""


class UnsupportedError(EngineError):
    """Why Graft does not take a network: an operator or attribute that it lacks."""


class Engine:
    """A process for as long as the object is used as a context."""

    def __init__(self, command, threads):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(command, env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, *words):
        """The answer to a command."""
        try:
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # its last words are to be read
        line = self.process.stdout.readline()
        if not line:
            raise EngineError(f"the process ended, with {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise EngineError(answer["error"])
        return answer

    def seconds_per_step(self, steps):
        return self.ask("measure", steps)["seconds"] / steps


class Setting:
    """One network, batch and number of threads, with the files that both engines read."""

    def __init__(self, directory, program, network, batch, threads, data, recipe, graft_flags=(),
                 smooth=False):
        self.program = program
        self.name = network
        self.batch = batch
        self.threads = threads
        self.data = data
        self.graft_flags = graft_flags
        self.recipe = json.dumps(recipe)
        self.network_file = directory / f"{network}.json"
        self.description_file = directory / f"{network}-description.json"
        self.weights_file = directory / f"{network}.safetensors"
        self.network_file.write_text(json.dumps(networks.description(network, smooth)), encoding="utf-8")

    def common_flags(self):
        return ["--data", str(self.data), "--recipe", self.recipe, "--batch", str(self.batch),
                "--threads", str(self.threads)]

    def start_graft(self, more_flags=()):
        """Also writes what PyTorch needs: description and weights."""
        engine = Engine([str(self.program), "--network", str(self.network_file), *self.graft_flags,
                         *more_flags, *self.common_flags()], self.threads)
        try:
            self.description = engine.ask("describe")
            engine.ask("save", self.weights_file)
        except EngineError as error:
            engine.__exit__()
            raise UnsupportedError(str(error)) from error
        expected = networks.NETWORKS[self.name].parameters
        if self.description["parameters"] != expected:
            sys.exit(f"train_vs_pytorch: {self.name} has {self.description['parameters']} parameters, "
                     f"expected {expected}")
        self.description_file.write_text(json.dumps(self.description), encoding="utf-8")
        return engine

    def start_torch(self, form="eager", layout="nchw", dtype="float32"):
        """After start_graft; with the weights that Graft began with."""
        engine = Engine([sys.executable, str(HERE / "torch_engine.py"), "--description",
                         str(self.description_file), *self.common_flags(), "--form", form,
                         "--layout", layout, "--type", dtype], self.threads)
        try:
            engine.ask("load", self.weights_file)
        except EngineError:
            engine.__exit__()
            raise
        return engine
