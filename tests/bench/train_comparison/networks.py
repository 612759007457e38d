"""The networks of the comparison, as Graft's layers in short form, with the recipes that train them.

Each is a function that adds layers to a `Layers`; NETWORKS has them by name. What they are is described
where their systems were published; all take images [3, 32, 32] and have 10 classes. Dropout is left
out: its masks differ between engines.
"""
from typing import Callable, NamedTuple

CLASSES = 10
IMAGE = (3, 32, 32)


class Layers:
    """Layers in the order in which they are added; a layer is known by its id."""

    def __init__(self):
        self.layers = []
        self.last = self.add("input", shape=list(IMAGE))

    def add(self, op, *operands, layer_id="", **attributes):
        """Adds a layer behind the one before it, or behind `operands`; returns its id."""
        count = sum(layer["op"] == op for layer in self.layers)
        layer = {"id": layer_id or f"{op}{count + 1}", "op": op, "attributes": attributes}
        if op not in ("input", "parameter"):
            layer["operands"] = list(operands) or [self.last]
        self.layers.append(layer)
        self.last = layer["id"]
        return self.last

    def parameter(self, name, shape):
        """A parameter that starts at zero and is an operand by itself."""
        before = self.last
        made = self.add("parameter", layer_id=name, name=name, shape=list(shape), initializer="zeros")
        self.last = before
        return made

    def convolution(self, filters, kernel, *operands, **attributes):
        return self.add("convolution", *operands, filters=filters, kernel=[kernel, kernel], **attributes)

    def norm_relu(self, **attributes):
        self.add("batch_norm", **attributes)
        return self.add("relu")

    def convolution_norm_relu(self, filters, kernel, *operands, norm=None, **attributes):
        self.convolution(filters, kernel, *operands, **attributes)
        return self.norm_relu(**(norm or {}))

    def pool(self, op="max_pool", kernel=2, stride=None, **attributes):
        return self.add(op, kernel=[kernel, kernel], strides=[stride or kernel] * 2, **attributes)

    def linear(self, units, *operands, **attributes):
        return self.add("linear", *operands, units=units, **attributes)


def plain(layers, blocks, units, last_average=0):
    """Blocks of 3x3 convolutions with pooling between them, a hidden layer, as EAS's plain space."""
    for position, block in enumerate(blocks):
        for filters in block:
            layers.convolution_norm_relu(filters, 3)
        if position + 1 < len(blocks) or not last_average:
            layers.pool()
        else:
            layers.pool("average_pool", last_average)
    layers.add("flatten")
    layers.linear(units, bias=False)
    layers.norm_relu()
    layers.linear(CLASSES)


def eas_demo(layers):
    plain(layers, [[4], [4], [4], [4]], 8, last_average=4)


def eas_start(layers):
    plain(layers, [[16], [32], [64], [128]], 256, last_average=4)


def plain_6(layers):
    plain(layers, [[64, 64], [128, 128], [256, 256]], 256)


def simplenet_310k(layers):
    norm = {"momentum": 0.05}
    blocks = [[(64, 3), (32, 3), (32, 3), (32, 3)], [(32, 3), (32, 3), (64, 3)], [(64, 3), (64, 3)],
              [(128, 3), (256, 1), (64, 1)], [(64, 3)]]
    for position, block in enumerate(blocks):
        for filters, kernel in block:
            layers.convolution_norm_relu(filters, kernel, bias=True, norm=norm)
        if position + 1 < len(blocks):
            layers.pool()
    layers.add("global_max_pool")
    layers.linear(CLASSES)


def densenet_bc_40_12(layers):
    growth, mini_blocks = 12, 6
    channels = 2 * growth
    value = layers.convolution(channels, 3)
    for block in range(3):
        for _ in range(mini_blocks):
            layers.add("batch_norm", value)
            layers.add("relu")
            layers.convolution(4 * growth, 1)
            layers.norm_relu()
            value = layers.add("concat", value, layers.convolution(growth, 3))
            channels += growth
        layers.norm_relu()
        if block < 2:
            channels //= 2
            layers.convolution(channels, 1)
            value = layers.pool("average_pool")
    layers.add("global_average_pool")
    layers.linear(CLASSES)


def vovnet_27_slim(layers):
    """Version 1, without squeeze and excitation; the stem's strides are 1, 1, 2."""
    for filters, stride in ((64, 1), (64, 1), (128, 2)):
        layers.convolution_norm_relu(filters, 3, strides=[stride, stride])
    for stage, (width, filters) in enumerate(((64, 128), (80, 256), (96, 384), (112, 512))):
        if stage > 0:
            layers.pool(kernel=3, stride=2, ceil_mode=True)
        values = [layers.last]
        for _ in range(5):
            values.append(layers.convolution_norm_relu(width, 3))
        layers.add("concat", *values)
        layers.convolution_norm_relu(filters, 1)
    layers.add("global_average_pool")
    layers.linear(CLASSES)


def vanillanet_5(layers):
    """The training form, at the tenth epoch of the annealing."""
    slope, norm = 0.1, {"epsilon": 1e-6}
    widths = (128, 256, 512, 1024)

    def pair(width_between, kernel, width, **attributes):
        layers.convolution(width_between, kernel, bias=True, **attributes)
        layers.add("batch_norm", **norm)
        layers.add("leaky_relu", slope=slope)
        layers.convolution(width, 1, bias=True)
        layers.add("batch_norm", **norm)

    def series_activation(width):
        layers.add("relu")
        layers.convolution(width, 7, groups=width)
        layers.add("batch_norm", **norm)

    pair(widths[0], 4, widths[0], strides=[4, 4], padding=[0, 0, 0, 0])
    series_activation(widths[0])
    for before, width in zip(widths, widths[1:]):
        pair(before, 1, width)
        layers.pool()
        series_activation(width)
    layers.add("global_average_pool")
    layers.linear(CLASSES)
    layers.add("batch_norm", **norm)
    layers.add("leaky_relu", slope=slope)
    layers.linear(CLASSES)


def attention(layers, x, width, heads, reduction, side):
    """Spatial-reduction attention of tokens `x` that lie on a grid of side x side."""
    query = layers.linear(width, x)
    if reduction > 1:
        layers.add("feature_map", x, height=side, width=side)
        layers.convolution(width, reduction, strides=[reduction] * 2, padding=[0] * 4, bias=True)
        layers.add("tokens")
        x = layers.add("layer_norm", epsilon=1e-6)
    key = layers.linear(width, x)
    value = layers.linear(width, x)
    layers.add("attention", query, key, value, heads=heads)
    return layers.linear(width)


def transformer_block(layers, x, width, heads, reduction, side):
    normed = layers.add("layer_norm", x, epsilon=1e-6)
    x = layers.add("add", x, attention(layers, normed, width, heads, reduction, side))
    layers.add("layer_norm", epsilon=1e-6)
    layers.linear(4 * width)
    layers.add("gelu")
    return layers.add("add", x, layers.linear(width))


def pvt(layers):
    """Three stages of two blocks for small images; the class token joins in the last."""
    side = IMAGE[1]
    for stage, (width, heads, reduction) in enumerate(
            ((32, 1, 4), (64, 2, 2), (128, 4, 1))):
        last = stage == 2
        side //= 2
        layers.convolution(width, 2, strides=[2, 2], padding=[0] * 4, bias=True)
        layers.add("tokens")
        x = layers.add("layer_norm", epsilon=1e-6)
        positions = layers.parameter(f"positions{stage + 1}", (side * side + last, width))
        if last:
            padded = layers.add("pad", x, before=[1, 0], after=[0, 0])
            token = layers.parameter("class_token", (1, width))
            token = layers.add("pad", token, before=[0, 0], after=[side * side, 0])
            x = layers.add("add", padded, token, positions)
        else:
            x = layers.add("add", x, positions)
        for _ in range(2):
            x = transformer_block(layers, x, width, heads, reduction, side)
        if not last:
            layers.add("feature_map", height=side, width=side)
    layers.add("layer_norm", epsilon=1e-6)
    layers.add("slice", axis=0, start=0, length=1)
    layers.add("feature_map", height=1, width=1)
    layers.add("flatten")
    layers.linear(CLASSES)


def at_constant_rate(optimizer):
    """The graft.v1.Recipe that trains by an optimiser at its rate."""
    return {**optimizer, "schedule": "constant"}


def start_sgd(batch):
    """As EAS publishes for start networks, and G. Huang and others for DenseNet ("Densely Connected
    Convolutional Networks", CVPR 2017)."""
    return {"sgd": {"learning_rate": 0.1, "weight_decay": 1e-4}}


def sgd(batch):
    """As EAS publishes for children."""
    return {"sgd": {"learning_rate": 0.02, "weight_decay": 1e-4}}


def scaled_sgd(batch):
    """Published for a batch of 256, to be scaled with the batch."""
    return {"sgd": {"learning_rate": 0.1 * batch / 256, "weight_decay": 1e-4}}


def adadelta(batch):
    return {"ada_delta": {"learning_rate": 0.1, "rho": 0.9, "epsilon": 1e-3, "weight_decay": 0.005}}


def lamb(batch):
    """Published for a batch of 1024, to be scaled with the root of the batch."""
    return {"lamb": {"learning_rate": 3.5e-3 * (batch / 1024) ** 0.5, "weight_decay": 0.35}}


def adamw(batch):
    """Published for a batch of 512, to be scaled with the batch."""
    return {"adamw": {"learning_rate": 5e-4 * batch / 512, "weight_decay": 0.05}}


# Of a graft.v1.Recipe, schedule and epochs, as published. Warm-ups are lines from zero, step by step.
EAS_START = {"schedule": "cosine", "epochs": 300}
EAS_CHILDREN = {"schedule": "cosine", "epochs": 20}


def warmed_cosine(final_fraction=0):
    """`final_fraction`: of the peak, at the batch for which it is published."""
    return {"schedule": "cosine", "epochs": 300,
            "schedule_options": {"warmup_epochs": 5, "final_fraction": final_fraction}}


def divided_by_ten(epochs, *milestones):
    """The schedule that divides the rate when so many of its epochs are done."""
    return {"schedule": "step", "epochs": epochs, "schedule_options": {
        "milestones": [done / epochs for done in milestones], "factor": 0.1}}


class Curve(NamedTuple):
    """The part of a training on a few images whose losses are compared. Chosen by trying, for batches of
    64 of Fashion-MNIST: trainings that differ by a bit have to stay together while the loss falls."""
    batches: int  # of an epoch
    first_step: int
    epochs: int | None = None  # that the schedule is brought to


class Network(NamedTuple):
    build: Callable[[Layers], None]
    parameters: int  # trainable
    optimizer: Callable[[int], dict]  # of the batch; as in graft.v1.Recipe
    schedule: dict
    curve: Curve

    def recipe(self, batch, epochs=None):
        """The graft.v1.Recipe; with `epochs`, its schedule is brought to so many."""
        stretched = {"epochs": epochs} if epochs else {}
        return {**self.optimizer(batch), **self.schedule, **stretched}


NETWORKS = {
    "eas_demo": Network(eas_demo, 710, start_sgd, EAS_START, Curve(2, 190)),
    # As EAS trains children, but from its first weights.
    "eas_start": Network(eas_start, 133_530, sgd, EAS_CHILDREN, Curve(5, 80, 40)),
    "plain_6": Network(plain_6, 2_197_962, sgd, EAS_CHILDREN, Curve(10, 60)),
    "simplenet_310k": Network(simplenet_310k, 312_362, adadelta,
                              divided_by_ten(540, 100, 190, 306, 390, 440), Curve(5, 45, 48)),
    "densenet_bc_40_12": Network(densenet_bc_40_12, 176_122, start_sgd,
                                 divided_by_ten(300, 150, 225), Curve(5, 100, 40)),
    "vovnet_27_slim": Network(vovnet_27_slim, 3_017_866, scaled_sgd, divided_by_ten(90, 30, 60),
                              Curve(10, 70, 15)),
    "vanillanet_5": Network(vanillanet_5, 1_171_852, lamb, warmed_cosine(), Curve(30, 0)),
    "pvt": Network(pvt, 646_186, adamw, warmed_cosine(0.02), Curve(10, 0)),
}


# By operator, one whose gradient has no jumps.
SMOOTH = {"relu": "silu", "leaky_relu": "silu", "max_pool": "average_pool",
          "global_max_pool": "global_average_pool"}


def smoothed(layer):
    if layer["op"] not in SMOOTH:
        return layer
    attributes = {key: value for key, value in layer["attributes"].items() if key != "slope"}
    return {**layer, "op": SMOOTH[layer["op"]], "attributes": attributes}


def has_jumps(name):
    """Whether its smooth form is another network."""
    return description(name) != description(name, smooth=True)


def description(name, smooth=False):
    """The network as a message graft.v1.Architecture in JSON's mapping; `smooth`: see SMOOTH."""
    layers = Layers()
    NETWORKS[name].build(layers)
    return {"layers": [smoothed(layer) if smooth else layer for layer in layers.layers]}
