"""Random configurations of the layers that have many: hypothesis strategies of `Drawn` layers with shapes that fit them.

Sizes are small, odd as often as even; windows may be larger than the image where padding allows it, and strides larger than the window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from keras import layers, ops

from harness.keras_cases import KerasCase

Shape = tuple[int, ...]
Draw = Callable[[Any], Any]
Strategy = Any  # st.SearchStrategy[Drawn]


@dataclass(frozen=True)
class Drawn:
    """A layer class or an operation, its keyword arguments, and the shapes of its inputs without the batch."""

    function: Any
    arguments: Mapping[str, Any]
    shapes: tuple[Shape, ...]

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.function.__name__}({arguments}) of {', '.join(map(str, self.shapes))}"

    def case(self) -> KerasCase:
        if isinstance(self.function, type):
            return KerasCase(repr(self), self.function(**self.arguments), self.shapes)
        return KerasCase(repr(self), lambda x: self.function(x, **self.arguments), self.shapes)


ACTIVATIONS = st.sampled_from([None, "relu", "tanh", "leaky_relu"])
FORMATS = st.sampled_from(["channels_last", "channels_last", "channels_first"])
SMALL = st.floats(-2, 2, width=16)
POSITIVE = st.floats(0.125, 2, width=16)


def many(draw: Draw, count: int, least: int, most: int) -> tuple[int, ...]:
    return tuple(draw(st.integers(least, most)) for _ in range(count))


def image(draw: Draw, rank: int, channels: int, data_format: str, least: Sequence[int]) -> Shape:
    """Sizes of `rank` spatial axes, each at least what `least` says, and channels."""
    largest = {1: 13, 2: 9, 3: 6}[rank]
    sizes = tuple(draw(st.integers(low, max(low, largest))) for low in least)
    return (channels, *sizes) if data_format == "channels_first" else (*sizes, channels)


def windows(draw: Draw, rank: int, paddings: Sequence[str]) -> tuple[dict[str, Any], tuple[int, ...]]:
    """kernel_size, strides or dilation_rate (Keras takes one of them), padding; and the smallest image that they fit in."""
    largest = 5 if rank < 3 else 3
    size, padding = many(draw, rank, 1, largest), draw(st.sampled_from(paddings))
    factor = many(draw, rank, 1, 3)
    dilated = draw(st.integers(0, 2)) == 0
    ones = (1,) * rank
    reach = tuple((k - 1) * (d if dilated else 1) + 1 for k, d in zip(size, factor, strict=True))
    arguments = {
        "kernel_size": size,
        "strides": ones if dilated else factor,
        "dilation_rate": factor if dilated else ones,
        "padding": padding,
    }
    return arguments, reach if padding == "valid" else ones


def ending(draw: Draw) -> dict[str, Any]:
    return {"use_bias": draw(st.booleans()), "activation": draw(ACTIVATIONS)}


def convolution(rank: int) -> Strategy:
    @st.composite
    def strategy(draw: Draw) -> Drawn:
        paddings = ["valid", "same", "causal"] if rank == 1 else ["valid", "same"]
        arguments, least = windows(draw, rank, paddings)
        data_format = "channels_last" if arguments["padding"] == "causal" else draw(FORMATS)
        groups = draw(st.sampled_from([1, 1, 2, 3]))
        channels, filters = groups * draw(st.integers(1, 5)), groups * draw(st.integers(1, 5))
        arguments |= {"filters": filters, "groups": groups, "data_format": data_format, **ending(draw)}
        return Drawn(getattr(layers, f"Conv{rank}D"), arguments, (image(draw, rank, channels, data_format, least),))

    return strategy()


def depthwise(rank: int, kind: str) -> Strategy:
    @st.composite
    def strategy(draw: Draw) -> Drawn:
        arguments, least = windows(draw, rank, ["valid", "same"])
        data_format = draw(FORMATS)
        arguments |= {"depth_multiplier": draw(st.integers(1, 3)), "data_format": data_format, **ending(draw)}
        if kind == "SeparableConv":
            arguments["filters"] = draw(st.integers(1, 7))
        channels = draw(st.integers(1, 9))
        return Drawn(getattr(layers, f"{kind}{rank}D"), arguments, (image(draw, rank, channels, data_format, least),))

    return strategy()


def transposed(rank: int) -> Strategy:
    @st.composite
    def strategy(draw: Draw) -> Drawn:
        arguments, _ = windows(draw, rank, ["valid", "same"])
        least = 1
        if draw(st.booleans()):  # less than the stride, which Keras asks for
            arguments["output_padding"] = tuple(draw(st.integers(0, s - 1)) for s in arguments["strides"])
            least = 2  # of one element, nothing may be left
        data_format = draw(FORMATS)
        arguments |= {"filters": draw(st.integers(1, 5)), "data_format": data_format, **ending(draw)}
        shape = image(draw, rank, draw(st.integers(1, 5)), data_format, (least,) * rank)
        return Drawn(getattr(layers, f"Conv{rank}DTranspose"), arguments, (shape,))

    return strategy()


@st.composite
def pooling(draw: Draw) -> Drawn:
    rank, padding, data_format = draw(st.integers(1, 3)), draw(st.sampled_from(["valid", "same"])), draw(FORMATS)
    size = many(draw, rank, 1, 4)
    strides = draw(st.sampled_from([None, many(draw, rank, 1, 4)]))
    kind = draw(st.sampled_from(["Max", "Average"]))
    one = rank == 1
    arguments = {
        "pool_size": size[0] if one else size,
        "strides": strides[0] if strides and one else strides,
        "padding": padding,
        "data_format": data_format,
    }
    shape = image(draw, rank, draw(st.integers(1, 9)), data_format, size if padding == "valid" else (1,) * rank)
    return Drawn(getattr(layers, f"{kind}Pooling{rank}D"), arguments, (shape,))


@st.composite
def whole_pooling(draw: Draw) -> Drawn:
    """Global and adaptive pooling."""
    rank, data_format, kind = draw(st.integers(1, 3)), draw(FORMATS), draw(st.sampled_from(["Max", "Average"]))
    shape = image(draw, rank, draw(st.integers(1, 9)), data_format, (1,) * rank)
    if draw(st.booleans()):
        arguments = {"keepdims": draw(st.booleans()), "data_format": data_format}
        return Drawn(getattr(layers, f"Global{kind}Pooling{rank}D"), arguments, (shape,))
    sizes = shape[1:] if data_format == "channels_first" else shape[:-1]
    output = tuple(draw(st.integers(1, size)) for size in sizes)
    arguments = {"output_size": output[0] if rank == 1 else output, "data_format": data_format}
    return Drawn(getattr(layers, f"Adaptive{kind}Pooling{rank}D"), arguments, (shape,))


@st.composite
def frames(draw: Draw) -> Drawn:
    """Padding and cropping."""
    rank, data_format, kind = draw(st.integers(1, 3)), draw(FORMATS), draw(st.sampled_from(["ZeroPadding", "Cropping"]))
    amounts = tuple(many(draw, 2, 0, 3) for _ in range(rank))
    least = [1 + sum(pair) if kind == "Cropping" else 1 for pair in amounts]
    name = "padding" if kind == "ZeroPadding" else "cropping"
    arguments: dict[str, Any] = {name: amounts[0] if rank == 1 else amounts}
    if rank == 1 and kind == "Cropping":
        data_format = "channels_last"
    else:
        arguments["data_format"] = data_format
    shape = image(draw, rank, draw(st.integers(1, 5)), data_format, least)
    return Drawn(getattr(layers, f"{kind}{rank}D"), arguments, (shape,))


@st.composite
def up_sampling(draw: Draw) -> Drawn:
    rank, data_format = draw(st.integers(1, 3)), draw(FORMATS)
    size = many(draw, rank, 1, 3)
    arguments: dict[str, Any] = {"size": size[0] if rank == 1 else size}
    if rank == 1:
        data_format = "channels_last"
    else:
        arguments["data_format"] = data_format
    if rank == 2:
        methods = ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
        arguments["interpolation"] = draw(st.sampled_from(methods))
    shape = image(draw, rank, draw(st.integers(1, 5)), data_format, (1,) * rank)
    return Drawn(getattr(layers, f"UpSampling{rank}D"), arguments, (shape,))


@st.composite
def resizing(draw: Draw) -> Drawn:
    data_format = draw(FORMATS)
    size = {"height": draw(st.integers(1, 13)), "width": draw(st.integers(1, 13)), "data_format": data_format}
    shape = image(draw, 2, draw(st.integers(1, 4)), data_format, (1, 1))
    if draw(st.integers(0, 4)) == 0:
        return Drawn(layers.CenterCrop, size, (shape,))
    arguments = size | {
        "interpolation": draw(st.sampled_from(["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"])),
        "antialias": draw(st.booleans()),
    }
    match draw(st.sampled_from(["stretch", "crop", "pad"])):
        case "crop":
            arguments["crop_to_aspect_ratio"] = True
        case "pad":
            arguments |= {"pad_to_aspect_ratio": True, "fill_value": draw(SMALL)}
    return Drawn(layers.Resizing, arguments, (shape,))


@st.composite
def normalization(draw: Draw) -> Drawn:
    rank = draw(st.integers(2, 4))  # with the batch
    shape = many(draw, rank - 1, 1, 6)
    axis = draw(st.integers(1, rank - 1))
    if draw(st.booleans()):
        axis -= rank
    axes = draw(st.lists(st.integers(1, rank - 1), min_size=1, unique=True).map(sorted))
    epsilon = {"epsilon": draw(POSITIVE)}
    options = epsilon | {"center": draw(st.booleans()), "scale": draw(st.booleans())}
    match draw(st.sampled_from(["batch", "layer", "group", "rms", "unit"])):
        case "batch":
            return Drawn(layers.BatchNormalization, options | {"axis": axis}, (shape,))
        case "layer":
            return Drawn(layers.LayerNormalization, options | {"axis": axes}, (shape,))
        case "group":
            channels = shape[axis - 1 if axis > 0 else axis]
            groups = draw(st.sampled_from([-1, *(g for g in range(1, channels + 1) if channels % g == 0)]))
            return Drawn(layers.GroupNormalization, options | {"axis": axis, "groups": groups}, (shape,))
        case "rms":  # its weight broadcasts from the last axis, so that it fits a run of last axes only
            return Drawn(layers.RMSNormalization, epsilon | {"axis": list(range(axes[0], rank))}, (shape,))
        case _:
            return Drawn(layers.UnitNormalization, {"axis": axes}, (shape,))


@st.composite
def dense(draw: Draw) -> Drawn:
    shape = (*many(draw, draw(st.integers(0, 2)), 1, 5), draw(st.integers(1, 37)))
    return Drawn(layers.Dense, {"units": draw(st.integers(1, 37)), **ending(draw)}, (shape,))


@st.composite
def merging(draw: Draw) -> Drawn:
    rank = draw(st.integers(1, 3))
    full = many(draw, rank, 1, 6)
    count = draw(st.integers(2, 4))
    if draw(st.integers(0, 2)) == 0:
        axis = draw(st.integers(1, rank))
        shapes = [(*full[: axis - 1], draw(st.integers(1, 6)), *full[axis:]) for _ in range(count)]
        return Drawn(layers.Concatenate, {"axis": draw(st.sampled_from([axis, axis - rank - 1]))}, tuple(shapes))
    class_ = draw(
        st.sampled_from([layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum])
    )
    shapes = []
    for _ in range(2 if class_ is layers.Subtract else count):
        shape = tuple(draw(st.sampled_from([size, size, 1])) for size in full)
        shapes.append(shape[draw(st.sampled_from([0, 0, rank - 1])) :])
    return Drawn(class_, {}, tuple(shapes))


@st.composite
def activation(draw: Draw) -> Drawn:
    rank = draw(st.integers(1, 3))
    shape = many(draw, rank, 1, 6)
    axis = draw(st.integers(1, rank))
    function, arguments = draw(
        st.sampled_from(
            [
                (
                    layers.ReLU,
                    {  # the layer refuses what is negative, the function does not
                        "max_value": st.none() | POSITIVE,
                        "negative_slope": st.just(0) | POSITIVE,
                        "threshold": st.just(0) | POSITIVE,
                    },
                ),
                (layers.LeakyReLU, {"negative_slope": POSITIVE}),
                (layers.ELU, {"alpha": POSITIVE}),
                (layers.PReLU, {"shared_axes": st.none() | st.lists(st.integers(1, rank), min_size=1, unique=True)}),
                (layers.Softmax, {"axis": st.sampled_from([axis, axis - rank - 1])}),
                (ops.log_softmax, {"axis": st.sampled_from([axis, axis - rank - 1])}),
                (ops.sparsemax, {"axis": st.sampled_from([axis, axis - rank - 1])}),
                (ops.celu, {"alpha": POSITIVE}),
                (ops.elu, {"alpha": POSITIVE}),
                (ops.leaky_relu, {"negative_slope": SMALL}),
                (ops.hard_shrink, {"threshold": POSITIVE}),
                (ops.soft_shrink, {"threshold": POSITIVE}),
                (ops.threshold, {"threshold": SMALL, "default_value": SMALL}),
                (ops.squareplus, {"b": POSITIVE}),
                (ops.gelu, {"approximate": st.booleans()}),
                (
                    keras.activations.relu,
                    {"negative_slope": st.just(0.0) | SMALL, "max_value": st.none() | POSITIVE, "threshold": SMALL},
                ),
            ]
        )
    )
    return Drawn(function, {name: draw(strategy) for name, strategy in arguments.items()}, (shape,))


@st.composite
def operation(draw: Draw) -> Drawn:
    """Operations on a tensor with a batch of 2."""
    rank = draw(st.integers(2, 4))
    shape = many(draw, rank - 1, 1, 6)
    sizes = (2, *shape)
    axis = draw(st.integers(0, rank - 1))
    axes = tuple(draw(st.lists(st.integers(1, rank - 1), min_size=1, unique=True)))
    one, several, flag = {"axis": axis}, {"axis": axes}, {"keepdims": draw(st.booleans())}
    least = min(sizes[1:])
    pads = [(0, 0), *(many(draw, 2, 0, least - 1) for _ in shape)]
    mode = draw(st.sampled_from(["constant", "reflect", "symmetric"]))
    place = draw(st.integers(-sizes[axis], sizes[axis] - 1))
    function, arguments = draw(
        st.sampled_from(
            [
                *((f, several | flag) for f in (ops.mean, ops.sum, ops.max, ops.min, ops.prod, ops.var, ops.logsumexp)),
                *((f, one) for f in (ops.argmax, ops.argmin, ops.argsort, ops.sort, ops.cumsum)),
                (ops.pad, {"pad_width": pads, "mode": mode}),
                (ops.flip, several),
                (ops.roll, {"shift": place, "axis": axis}),
                (ops.repeat, {"repeats": draw(st.integers(1, 3)), "axis": axis}),
                (ops.tile, {"repeats": (1, *many(draw, rank - 1, 1, 3))}),
                (ops.take, {"indices": [place, 0, place], "axis": axis}),
                (ops.transpose, {"axes": (0, *draw(st.permutations(range(1, rank))))}),
                (ops.diff, {"axis": -1, "n": 1}),
                (ops.clip, {"x_min": -draw(POSITIVE), "x_max": draw(POSITIVE)}),
                (ops.round, {}),
                (ops.normalize, {"axis": axis, "order": draw(st.integers(1, 3))}),
            ]
        )
    )
    return Drawn(function, arguments, (shape,))


FAMILIES: dict[str, Strategy] = {
    **{f"Conv{rank}D": convolution(rank) for rank in (1, 2, 3)},
    **{f"{kind}{rank}D": depthwise(rank, kind) for kind in ("DepthwiseConv", "SeparableConv") for rank in (1, 2)},
    **{f"Conv{rank}DTranspose": transposed(rank) for rank in (1, 2, 3)},
    "pooling": pooling(),
    "global and adaptive pooling": whole_pooling(),
    "padding and cropping": frames(),
    "up-sampling": up_sampling(),
    "resizing": resizing(),
    "normalization": normalization(),
    "dense": dense(),
    "merging": merging(),
    "activation": activation(),
    "operation": operation(),
}


def examples(strategy: Strategy, count: int) -> list[Drawn]:
    """`count` layers at most, the same in every run, each once."""
    found: dict[str, Drawn] = {}

    @settings(
        derandomize=True,
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(drawn: Drawn) -> None:
        found[repr(drawn)] = drawn

    collect()
    return list(found.values())
