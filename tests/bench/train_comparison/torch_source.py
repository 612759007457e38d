"""Translates a network in Graft's full form into the source text of a torch.nn.Module.

What comes out is what a person would write: modules for layers with parameters, functions for others,
and variables that are free again after their last use, so that PyTorch keeps no value for longer than
it needs it.
"""
import re
from typing import NamedTuple

# Operators whose result nothing else reads in a backward pass, so that an activation may overwrite it.
OVERWRITABLE = ("add", "batch_norm", "convolution", "linear")
ACTIVATIONS = {"gelu": "F.gelu({x})", "sigmoid": "torch.sigmoid({x})", "tanh": "torch.tanh({x})"}
INPLACE_ACTIVATIONS = {"relu": "F.relu({x}{inplace})", "relu6": "F.relu6({x}{inplace})",
                       "leaky_relu": "F.leaky_relu({x}, {slope}{inplace})",
                       "silu": "F.silu({x}{inplace})", "hard_swish": "F.hardswish({x}{inplace})"}
# Names of a module's tensors by the names of Graft's operands.
NORM = {"scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}

HEADER = '''\
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, scale: float) -> Tensor:
    batch, tokens, width = query.shape
    q = query.reshape(batch, tokens, heads, -1).transpose(1, 2)
    k = key.reshape(batch, key.shape[1], heads, -1).permute(0, 2, 3, 1)
    v = value.reshape(batch, value.shape[1], heads, -1).transpose(1, 2)
    weights = torch.softmax(torch.matmul(q * scale, k), dim=-1)
    return torch.matmul(weights, v).transpose(1, 2).reshape(batch, tokens, -1)


class Network(nn.Module):
'''


class Node(NamedTuple):
    id: str
    op: str
    attributes: dict
    operands: list[str]
    shape: list[int]


class Module(NamedTuple):
    source: str  # of the class Network
    tensors: dict[str, str]  # Graft's id of each parameter by its name in the module's state


class Translator:
    """One network's translation; `module` is the result."""

    def __init__(self, description):
        layers = description["architecture"]["layers"]
        self.nodes = {
            layer["id"]: Node(layer["id"], layer["op"], layer.get("attributes", {}),
                              layer.get("operands", []), shape)
            for layer, shape in zip(layers, description["shapes"])}
        self.output = description["architecture"]["outputs"][0]["layer"]
        self.values = [node for node in self.nodes.values() if node.op != "parameter"]
        self.last_use = {operand: node.id for node in self.values for operand in node.operands}
        self.members = []
        self.statements = []
        self.tensors = {}
        self.variables = {}  # of values that are still needed
        for node in self.values:
            self.translate(node)
        self.module = Module(self.source(), self.tensors)

    def source(self):
        lines = ["    def __init__(self):", "        super().__init__()"]
        lines += [f"        {member}" for member in self.members]
        lines += ["", "    def forward(self, images: Tensor) -> Tensor:"]
        lines += [f"        {statement}" for statement in self.statements]
        lines += [f"        return {self.variables[self.output]}"]
        return HEADER + "\n".join(lines) + "\n"

    def translate(self, node):
        if node.op == "input":
            self.variables[node.id] = "images"
            return
        expression = getattr(self, f"make_{node.op}", self.make_other)(node)
        for operand in set(node.operands):
            if self.last_use[operand] == node.id and operand != self.output:
                self.variables.pop(operand, None)
        self.variables[node.id] = self.free_variable()
        self.statements.append(f"{self.variables[node.id]} = {expression}")

    def free_variable(self):
        used = set(self.variables.values())
        return next(name for name in ["x", *(f"y{i}" for i in range(1000))] if name not in used)

    def value(self, layer):
        """An operand as an expression; a parameter that no module holds becomes one of this module."""
        if self.nodes[layer].op != "parameter":
            return self.variables[layer]
        name = python_name(layer)
        if name not in self.tensors:
            shape = ", ".join(map(str, self.nodes[layer].shape))
            self.members.append(f"self.{name} = nn.Parameter(torch.zeros({shape}))")
            self.tensors[name] = layer
        return f"self.{name}"

    def member(self, node, constructor, names):
        """A call of a module whose tensors `names` are the operands behind the first."""
        name = python_name(node.id)
        self.members.append(f"self.{name} = nn.{constructor}")
        for tensor, operand in zip(names, node.operands[1:]):
            self.tensors[f"{name}.{tensor}"] = operand
        return f"self.{name}({self.value(node.operands[0])})"

    def make_convolution(self, node):
        weight = self.nodes[node.operands[1]].shape
        padding = integers(node, "padding")
        if padding[:2] != padding[2:]:
            raise NotImplementedError(f"{node.id}: padding that differs between sides")
        groups = int(node.attributes.get("groups", 1))
        options = f"stride={tuple(integers(node, 'strides'))}, padding={tuple(padding[:2])}"
        if "dilation" in node.attributes:
            options += f", dilation={tuple(integers(node, 'dilation'))}"
        if groups > 1:
            options += f", groups={groups}"
        return self.member(node, f"Conv2d({weight[1] * groups}, {weight[0]}, {tuple(weight[2:])}, "
                           f"{options}, bias={len(node.operands) > 2})", ("weight", "bias"))

    def make_linear(self, node):
        outputs, inputs = self.nodes[node.operands[1]].shape
        return self.member(node, f"Linear({inputs}, {outputs}, bias={len(node.operands) > 2})",
                           ("weight", "bias"))

    def make_batch_norm(self, node):
        kind = "BatchNorm2d" if len(node.shape) == 3 else "BatchNorm1d"
        return self.member(node, f"{kind}({node.shape[0]}, eps={node.attributes['epsilon']}, "
                           f"momentum={node.attributes['momentum']})", NORM.values())

    def make_layer_norm(self, node):
        return self.member(node, f"LayerNorm({node.shape[-1]}, eps={node.attributes['epsilon']})",
                           ("weight", "bias"))

    def make_max_pool(self, node):
        return f"F.max_pool2d({self.value(node.operands[0])}, {pool_options(node)})"

    def make_average_pool(self, node):
        return f"F.avg_pool2d({self.value(node.operands[0])}, {pool_options(node)}, " \
               "count_include_pad=False)"

    def make_global_average_pool(self, node):
        return f"F.adaptive_avg_pool2d({self.value(node.operands[0])}, 1).flatten(1)"

    def make_global_max_pool(self, node):
        return f"F.adaptive_max_pool2d({self.value(node.operands[0])}, 1).flatten(1)"

    def make_flatten(self, node):
        return f"{self.value(node.operands[0])}.flatten(1)"

    def make_concat(self, node):
        axis = len(node.shape) if len(node.shape) == 2 else 1
        return f"torch.cat([{', '.join(map(self.value, node.operands))}], {axis})"

    def make_add(self, node):
        return " + ".join(map(self.value, node.operands))

    def make_multiply(self, node):
        return " * ".join(map(self.value, node.operands))

    def make_tokens(self, node):
        return f"{self.value(node.operands[0])}.flatten(2).transpose(1, 2)"

    def make_feature_map(self, node):
        channels, height, width = node.shape
        x = self.value(node.operands[0])
        return f"{x}.transpose(1, 2).reshape(-1, {channels}, {height}, {width})"

    def make_slice(self, node):
        axis, start, length = (int(node.attributes.get(key, 0)) for key in ("axis", "start", "length"))
        return f"{self.value(node.operands[0])}.narrow({axis + 1}, {start}, {length})"

    def make_pad(self, node):
        pairs = list(zip(integers(node, "before"), integers(node, "after")))[::-1]
        sides = tuple(side for pair in pairs for side in pair)
        return f"F.pad({self.value(node.operands[0])}, {sides})"

    def make_attention(self, node):
        query, key, value = map(self.value, node.operands)
        return f"attend({query}, {key}, {value}, {int(node.attributes['heads'])}, " \
               f"{node.attributes['scale']})"

    def make_other(self, node):
        """An activation."""
        operand = node.operands[0]
        x = self.value(operand)
        if node.op in ACTIVATIONS:
            return ACTIVATIONS[node.op].format(x=x)
        if node.op in INPLACE_ACTIVATIONS:
            free = self.last_use[operand] == node.id and self.nodes[operand].op in OVERWRITABLE
            return INPLACE_ACTIVATIONS[node.op].format(
                x=x, slope=node.attributes.get("slope"), inplace=", inplace=True" if free else "")
        raise NotImplementedError(f"{node.id}: no translation of the operator {node.op}")


def python_name(layer):
    return re.sub(r"\W", "_", layer)


def integers(node, attribute):
    return [int(value) for value in node.attributes[attribute]]


def pool_options(node):
    options = ", ".join(str(tuple(values)) for values in
                        (integers(node, "kernel"), integers(node, "strides"),
                         integers(node, "padding")[:2]))
    return options + (", ceil_mode=True" if node.attributes.get("ceil_mode") else "")


def translate(description):
    """`description` is the answer of train_engine to `describe`."""
    return Translator(description).module
