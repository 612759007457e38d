"""Under which names the weight store knows the parameters of an architecture.

As architecture.h and expand.h of common/arch say: nodes are numbered in depth-first post-order from the
outputs, and a parameter's tensor is called `<number in five digits>.<parameter>`.
"""
from collections.abc import Iterator
from typing import NamedTuple

from google.protobuf.message import Message

# The operators that make parameters in the short form: these, in this order. A bias is made if the
# attribute says so; here is what it says by itself.
_PARAMETERS = {
    "batch_norm": ("scale", "shift", "mean", "variance"),
    "convolution": ("weight", "bias"),
    "embedding": ("table",),
    "group_norm": ("scale", "shift"),
    "layer_norm": ("scale", "shift"),
    "linear": ("weight", "bias"),
    "rms_norm": ("scale",),
}
_HAS_BIAS = {"convolution": False, "linear": True}
_WITHOUT_DATA = ("input", "parameter")


class _Node(NamedTuple):
    operands: list[str]  # ids
    parameter: str  # its name; empty: the node is none


def tensor_names(architecture: Message) -> dict[str, str]:
    """The store's name of each parameter by its layer's id (`conv1.weight`), in ascending order.

    `architecture` is a graft.v1.Architecture in short or full form. It is not checked: the names are of
    use only if the controller accepts it.
    """
    nodes = _expand(architecture)
    outputs = [output.layer for output in architecture.outputs]
    if not outputs and architecture.layers:
        outputs = [next(reversed(nodes))]
    names = {}
    for number, layer in enumerate(_post_order(nodes, outputs)):
        parameter = nodes[layer].parameter
        if parameter:
            names[layer] = f"{number:05d}.{parameter}"
    return names


def _expand(architecture: Message) -> dict[str, _Node]:
    """All nodes by id, in the order of the layers."""
    nodes: dict[str, _Node] = {}
    previous = ""
    if all(layer.op != "input" for layer in architecture.layers):
        previous = "input"
        nodes[previous] = _Node([], "")
    ids = _ids(architecture)
    for layer, layer_id in zip(architecture.layers, ids):
        operands = list(layer.operands)
        if not operands and layer.op not in _WITHOUT_DATA:
            operands = [previous]
        if len(operands) == 1:
            for parameter in _parameters_of(layer):
                operands.append(f"{layer_id}.{parameter}")
                nodes[operands[-1]] = _Node([], parameter)
        nodes[layer_id] = _Node(operands, _name_of(layer))
        if layer.op != "parameter":
            previous = layer_id
    return nodes


def _ids(architecture: Message) -> list[str]:
    """The layers' ids; those without one are called by operator and number."""
    taken = {layer.id for layer in architecture.layers}
    counts: dict[str, int] = {}
    ids = []
    for layer in architecture.layers:
        layer_id = layer.id
        while not layer_id:
            counts[layer.op] = counts.get(layer.op, 0) + 1
            candidate = f"{layer.op}_{counts[layer.op]}"
            if candidate not in taken:
                taken.add(candidate)
                layer_id = candidate
        ids.append(layer_id)
    return ids


def _name_of(layer: Message) -> str:
    """Of a layer that is a parameter."""
    name = layer.attributes.fields.get("name") if layer.op == "parameter" else None
    return "" if name is None else name.string_value


def _parameters_of(layer: Message) -> Iterator[str]:
    for parameter in _PARAMETERS.get(layer.op, ()):
        if parameter == "bias":
            given = layer.attributes.fields.get("bias")
            if not (_HAS_BIAS[layer.op] if given is None else given.bool_value):
                continue
        yield parameter


def _post_order(nodes: dict[str, _Node], outputs: list[str]) -> Iterator[str]:
    """Each node that an output depends on, once, its operands before it."""
    seen = set()
    for output in outputs:
        # A node with how many of its operands have been visited.
        stack = [(output, 0)]
        while stack:
            layer, visited = stack.pop()
            if visited == 0 and (layer in seen or layer not in nodes):
                continue
            seen.add(layer)
            operands = nodes[layer].operands
            if visited < len(operands):
                stack += [(layer, visited + 1), (operands[visited], 0)]
            else:
                yield layer
