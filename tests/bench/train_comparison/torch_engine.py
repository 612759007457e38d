#!/usr/bin/python3
"""PyTorch's side of train_vs_pytorch: obeys the commands of train_engine.cc, but for describe and save,
and `nudge`, which moves each parameter by its last bit, up or down by chance.

usage: torch_engine.py --description FILE --data FILE --recipe JSON [--batch N] [--threads N]
                       [--form eager|script] [--layout nchw|channels_last]
                       [--type float32|float64]

FILE of --description is the answer of train_engine to `describe`.
"""
import argparse
import importlib.util
import json
import sys
import time
import warnings
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F

import schedules
import torch_source

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import safetensors_reader  # noqa: E402

# PyTorch's operators that are convolutions and matrix products, without those that call another of
# these; what they take is their own time.
PRIMITIVES = {"aten::mkldnn_convolution", "aten::convolution_backward", "aten::_slow_conv2d_forward",
              "aten::_slow_conv2d_backward", "aten::thnn_conv2d", "aten::addmm", "aten::mm", "aten::bmm",
              "aten::baddbmm", "aten::mkldnn_linear", "aten::_conv_depthwise2d"}


class Lamb(torch.optim.Optimizer):
    """Y. You et al., 2020, algorithm 2, which PyTorch lacks."""

    def __init__(self, parameters, lr, weight_decay, betas=(0.9, 0.999), eps=1e-6):
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                self.move(group, parameter, self.state[parameter])

    @staticmethod
    def move(group, parameter, state):
        if not state:
            state.update(step=0, m=torch.zeros_like(parameter), v=torch.zeros_like(parameter))
        state["step"] += 1
        beta1, beta2 = group["betas"]
        state["m"].mul_(beta1).add_(parameter.grad, alpha=1 - beta1)
        state["v"].mul_(beta2).addcmul_(parameter.grad, parameter.grad, value=1 - beta2)
        root = (state["v"] / (1 - beta2 ** state["step"])).sqrt_().add_(group["eps"])
        update = (state["m"] / (1 - beta1 ** state["step"])).div_(root)
        update.add_(parameter, alpha=group["weight_decay"])
        length, update_length = parameter.norm(), update.norm()
        ratio = length / update_length if length > 0 and update_length > 0 else 1.0
        parameter.sub_(update.mul_(group["lr"] * ratio))


def make_optimizer(recipe, parameters):
    kind, = recipe.keys() & {"sgd", "adamw", "ada_delta", "lamb"}
    options = recipe[kind]
    rate, decay = options["learning_rate"], options["weight_decay"]
    if kind == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=0.9, nesterov=True, weight_decay=decay,
                               foreach=True)  # the quicker here, with many small tensors
    if kind == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    if kind == "ada_delta":
        return torch.optim.Adadelta(parameters, lr=rate, rho=options["rho"], eps=options["epsilon"],
                                    weight_decay=decay)
    return Lamb(parameters, rate, decay)


def make_schedule(recipe, optimizer, steps_per_epoch):
    """None if the rate never moves, so that measured steps do not pay for it."""
    if not schedules.moves(recipe):
        return None
    return torch.optim.lr_scheduler.LambdaLR(optimizer, schedules.factor(recipe, steps_per_epoch))


def status_bytes(key):
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0


def start_peak():
    """Lets the peak of resident memory start again; returns what is resident now."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        pass  # the peak of what came before counts, too
    return status_bytes("VmRSS:")


def read_examples(path, image):
    """Images in the default type, and labels."""
    words = numpy.fromfile(path, dtype=numpy.float32)
    count = len(words) // (numpy.prod(image) + 1)
    return (torch.from_numpy(words[:-count].reshape(count, *image)).to(torch.get_default_dtype()),
            torch.from_numpy(words[-count:].view(numpy.int32).astype(numpy.int64)))


def load_module(path):
    spec = importlib.util.spec_from_file_location("network", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Trainer:
    def __init__(self, options):
        description = json.loads(options.description.read_text(encoding="utf-8"))
        translated = torch_source.translate(description)
        self.recipe = options.recipe
        self.tensors = translated.tensors
        self.batch = options.batch
        self.memory_format = torch.channels_last if options.layout == "channels_last" \
            else torch.contiguous_format
        self.image = description["shapes"][0]
        self.examples = read_examples(options.data, self.image)
        images, labels = self.examples
        self.batches = [(self.laid_out(images[first:first + self.batch]), labels[first:first + self.batch])
                        for first in range(0, len(labels) - self.batch + 1, self.batch)]
        self.idle_bytes = start_peak()
        # Scripting reads the source from its file.
        path = options.description.with_suffix(".py")
        path.write_text(translated.source, encoding="utf-8")
        self.module = load_module(path).Network().to(memory_format=self.memory_format)
        self.model = torch.jit.script(self.module) if options.form == "script" else self.module
        self.restart()

    def laid_out(self, images):
        return images.contiguous(memory_format=self.memory_format)

    def restart(self):
        self.position = 0
        self.optimizer = make_optimizer(self.recipe, list(self.module.parameters()))
        self.schedule = make_schedule(self.recipe, self.optimizer, len(self.batches))

    def step(self):
        self.position += 1
        return self.learn(*self.batches[(self.position - 1) % len(self.batches)])

    def learn(self, images, labels):
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.model(images), labels)
        loss.backward()
        self.optimizer.step()
        if self.schedule:
            self.schedule.step()
        return loss

    def load(self, path):
        read, _ = safetensors_reader.read(Path(path).read_bytes())
        state = self.module.state_dict()
        with torch.no_grad():
            for name, layer in self.tensors.items():
                _, shape, data = read.pop(layer)
                values = numpy.frombuffer(data, dtype=numpy.float32).reshape(shape)
                state[name].copy_(torch.from_numpy(values.copy()))
        if read:
            raise ValueError(f"{path}: the module has no {', '.join(read)}")
        self.restart()
        return {}

    @torch.no_grad()
    def nudge(self):
        rng = numpy.random.default_rng(1)
        for parameter in self.module.parameters():
            towards = rng.choice([-numpy.inf, numpy.inf], parameter.shape).astype(numpy.float32)
            parameter.copy_(torch.nextafter(parameter, torch.from_numpy(towards)))
        return {}

    def train(self, path):
        """Epochs of the whole recipe, in the order that the file has."""
        images, labels = self.examples
        orders = numpy.fromfile(path, dtype=numpy.int32).reshape(self.recipe["epochs"], len(labels))
        self.schedule = make_schedule(self.recipe, self.optimizer, -(-len(labels) // self.batch))
        losses = []
        for order in torch.from_numpy(orders.astype(numpy.int64)):
            total = 0.0
            for chosen in order.split(self.batch):
                loss = self.learn(self.laid_out(images[chosen]), labels[chosen])
                total += loss.item() * len(chosen)
            losses.append(total / len(labels))
        return {"losses": losses}

    @torch.no_grad()
    def evaluate(self, path):
        """With the running statistics of batch norms."""
        images, labels = read_examples(path, self.image)
        self.model.eval()
        logits = torch.cat([self.model(self.laid_out(part)) for part in images.split(self.batch)])
        self.model.train()
        return {"loss": F.cross_entropy(logits, labels).item(),
                "accuracy": (logits.argmax(1) == labels).double().mean().item()}

    def losses(self, steps):
        return {"losses": [self.step().item() for _ in range(steps)]}

    def skip(self, steps):
        """Goes on as if it had made the steps, but for what they do to the weights and the optimiser."""
        self.position += steps
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch expects a step of the optimiser before each
            for _ in range(steps if self.schedule else 0):
                self.schedule.step()
        return {}

    def measure(self, steps):
        start = time.perf_counter()
        for _ in range(steps):
            self.step()
        return {"seconds": time.perf_counter() - start}

    def profile(self, steps):
        """Seconds of a step in each of PyTorch's operators that are primitives."""
        self.step()
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            for _ in range(steps):
                self.step()
        events = {event.key: event.self_cpu_time_total / steps / 1e6 for event in profile.key_averages()}
        return {"seconds": sum(events.values()),
                "kernels": {key: value for key, value in events.items() if value > 1e-6},
                "primitive_seconds": sum(events.get(key, 0) for key in PRIMITIVES)}

    def gradients(self, path, batch):
        """Writes gradients and logits as numpy does, under Graft's ids."""
        images, labels = self.batches[int(batch) % len(self.batches)]
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.model(images)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        gradients = {self.tensors[name]: parameter.grad.numpy()
                     for name, parameter in self.module.named_parameters()}
        numpy.savez(path, logits=logits.detach().numpy(), **gradients)
        return {"loss": loss.item()}

    def memory(self):
        return {"idle_bytes": self.idle_bytes, "peak_bytes": status_bytes("VmHWM:")}

    def obey(self, line):
        command, *arguments = line.split()
        if command in ("losses", "skip", "measure", "profile"):
            return getattr(self, command)(int(arguments[0]))
        if command in ("load", "nudge", "gradients", "memory", "train", "evaluate"):
            return getattr(self, command)(*arguments)
        raise ValueError(f"no such command: {line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--description", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recipe", type=json.loads, required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--form", choices=("eager", "script"), default="eager")
    parser.add_argument("--layout", choices=("nchw", "channels_last"), default="nchw")
    parser.add_argument("--type", choices=("float32", "float64"), default="float32")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_default_dtype(getattr(torch, options.type))
    try:
        trainer = Trainer(options)
        for line in sys.stdin:
            print(json.dumps(trainer.obey(line)), flush=True)
    except Exception as error:  # whatever it is, the driver shows it
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
