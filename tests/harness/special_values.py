"""Graphs of literals and of elements that are infinite or NaN, for every kind of op."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np

from harness.cases import Array, Random, bias_relu, source
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.graph import Constant, Value, apply
from webdnn.graph.ops import (
    ArgReduce,
    ArgSort,
    BatchMatMul,
    Concat,
    Conv2D,
    Conv2DTranspose,
    CumulativeSum,
    DepthwiseConv2D,
    Elementwise,
    Gather,
    GatherElements,
    MatMul,
    Pad,
    Pool2D,
    Reduce,
    Resize2D,
    Slice,
    Softmax,
    Transpose,
)
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program, single

IMAGE, ODD_IMAGE, ROWS, MANY = (
    source(*given) for given in (("image", 1, 9, 8, 8), ("odd", 1, 9, 8, 5), ("rows", 8, 13), ("many", 7, 5, 12))
)
INDICES = source("indices", 8, 3, dtype="int32")
NUMBERS = source("numbers", 3, 21)


def inputs() -> dict[Value, Array]:
    random = Random("special")
    image, odd, rows, many = (random.array(*map(int, v.shape)) for v in (IMAGE, ODD_IMAGE, ROWS, MANY))  # type: ignore[arg-type]
    image[0, 3, 4, 2], image[0, 0, 0, 7], image[0, 8, 7, 0] = nan, inf, -inf
    odd[0, 3, 4, 2], odd[0, 0, 0, 4], odd[0, 8, 7, 0] = nan, -inf, inf
    odd[0, 4:8, 0:4, 3] = -inf  # whole windows
    rows[0, [3, 9]], rows[1], rows[2, 5], rows[3, [0, 12]], rows[4, :6] = nan, -inf, inf, (inf, -inf), -inf
    rows[5, 0], rows[6, 12], rows[6, 0] = nan, nan, inf
    many[2, 3, [1, 8]], many[:, 1, 4], many[0, :, 6], many[4, 0, 0] = (nan, inf), -inf, inf, nan
    indices = np.array([[0, 2**31 - 1, -(2**31)], [0, 12, 5], *[[0, 3, 100]] * 6], np.int32)
    special = [
        0,
        -0.0,
        inf,
        -inf,
        nan,
        1,
        -1,
        0.5,
        -2,
        3,
        1e30,
        -1e30,
        1e-30,
        3.4e38,
        -3.4e38,
        2,
        7,
        -0.5,
        10,
        -10,
        0.1,
    ]
    numbers = np.stack([np.roll(np.array(special, np.float32), shift) for shift in (0, 4, 9)])
    return dict(
        zip((IMAGE, ODD_IMAGE, ROWS, MANY, INDICES, NUMBERS), (image, odd, rows, many, indices, numbers), strict=True)
    )


# Every way in which a literal that is not finite, or beyond float32, comes into a program; None is the operand x.
CALLS: tuple[tuple[Any, ...], ...] = (
    ("add", None, inf), ("sub", -inf, None), ("mul", None, -inf), ("div", None, inf), ("div", inf, None), ("pow", None, inf),
    ("pow", 0.5, None), ("max", None, -inf), ("max", inf, None), ("min", None, nan), ("clip", None, 0.0, inf), ("clip", None, -inf, 1.0),
    ("clip", None, nan, 1.0), ("where", None, inf, -inf), ("where", None, None, nan), ("equal", None, inf), ("not_equal", None, nan),
    ("less", None, inf), ("greater_equal", -inf, None), ("mul", None, 1e39), ("max", None, -1e300), ("mod", None, inf), ("elu", None, inf),
    ("leaky_relu", None, inf),
    # All operands literals: shader compilers reject constants that overflow.
    ("mul", 1e30, 1e30), ("div", 1.0, 0.0), ("sub", inf, inf), ("log", -1.0), ("exp", 100.0),
)  # fmt: skip


def _all_calls() -> Value:
    """Row k is call k of CALLS: one program, since shaders take long to compile."""
    calls: list[Call] = []
    chosen: int | float = 0.0
    for number, (function, *operands) in enumerate(CALLS):
        if function == "where":
            calls.append(Call("to_bool", (0,)))
            operands[0] = len(calls) + 1
        calls.append(Call(function, tuple(0 if operand is None else operand for operand in operands)))
        if FUNCTIONS[function].result == "bool":
            calls.append(Call("to_float32", (len(calls) + 1,)))
        calls.append(Call("equal", (1, float(number))))
        calls.append(Call("where", (len(calls) + 1, len(calls), chosen)))
        chosen = len(calls) + 1
    rows = apply(Constant(np.arange(len(CALLS), dtype=np.float32).reshape(-1, 1, 1)))
    return apply(Elementwise(Program(2, tuple(calls))), NUMBERS, rows)


def _literals() -> dict[str, Value]:
    """A5: literals in programs, in constants and around a tensor."""
    values = {"calls": _all_calls()}
    array = np.array([nan, inf, -inf] * 7, np.float32)
    values["a constant of them"] = elementwise("add", NUMBERS, apply(Constant(array)))
    values |= {f"pad {value}": apply(Pad(((1, 0), (0, 2)), value), NUMBERS) for value in (inf, -inf, nan, 1e39)}
    values["pad by vectors"] = apply(Pad(((0, 0), (1, 1), (2, 0), (0, 0)), -inf), IMAGE)
    return values


def _elements() -> dict[str, Value]:
    """A8: what ops make of elements that are not finite."""
    random = Random("weights")
    square = ((1, 1), (1, 1))
    values: dict[str, Value] = {}
    for name, image in (("image", IMAGE), ("odd image", ODD_IMAGE)):
        channels = int(image.shape[3])  # type: ignore[arg-type]
        for kind in ("max", "average"):
            values[f"{kind} pool of {name}"] = apply(Pool2D(kind, (3, 3), (2, 2), square), image)
        clipped = Program(2, (Call("add", (0, 1)), Call("clip", (2, 0.0, 6.0))))
        bias = random.constant(channels)
        conv = Conv2D((2, 2), square, epilogue=bias_relu())
        values[f"convolution and relu of {name}"] = apply(conv, image, random.constant(3, 3, channels, channels), bias)
        pointwise = Conv2D(epilogue=clipped)
        values[f"pointwise and clip of {name}"] = apply(
            pointwise, image, random.constant(1, 1, channels, channels), bias
        )
        depthwise = DepthwiseConv2D((1, 1), square, epilogue=clipped)
        values[f"depthwise and clip of {name}"] = apply(depthwise, image, random.constant(3, 3, channels, 1), bias)
        values[f"bilinear of {name}"] = apply(Resize2D(13, 5, "bilinear"), image)
        values[f"nearest of {name}"] = apply(Resize2D(18, 16, "nearest"), image)
        transposed = Conv2DTranspose((2, 2), ((0, 0), (0, 0)), epilogue=bias_relu())
        values[f"transposed of {name}"] = apply(transposed, image, random.constant(2, 2, channels, channels), bias)
    for kind in ("max", "min", "sum", "mean", "prod"):
        for axes in ((1,), (0,)) if kind in ("max", "min") else ((1,),):
            values[f"{kind} of rows over {axes}"] = apply(Reduce(kind, axes), ROWS)
    values["max of many"] = apply(Reduce("max", (0, 2), True), MANY)
    values["min of many"] = apply(Reduce("min", (0, 1)), MANY)
    for kind in ("max", "min"):
        values |= {
            f"arg {kind} of rows": apply(ArgReduce(kind, 1), ROWS),
            f"arg {kind} of many": apply(ArgReduce(kind, 1), MANY),
        }
    values["order of rows"] = apply(ArgSort(13), ROWS)
    values["top of many"] = apply(ArgSort(4), MANY)
    values["softmax"] = apply(Softmax(), ROWS)
    values["softmax of many"] = apply(Softmax(), MANY)
    values["sums of rows"] = apply(CumulativeSum(1), ROWS)
    values["gather elements"] = apply(GatherElements(), ROWS, INDICES)
    values["gather"] = apply(Gather(0), MANY, apply(Constant(np.array([0, 2, 99, -5], np.int32))))
    values["product and relu"] = apply(MatMul(bias_relu()), ROWS, random.constant(13, 6), random.constant(6))
    values["batch of products"] = apply(BatchMatMul(), MANY, random.constant(12, 4))
    values["transpose"] = apply(Transpose((2, 0, 1)), MANY)
    values["slice and concat"] = apply(Concat(1), apply(Slice((0, 2), (8, 5)), ROWS), ROWS)
    residual = Program(2, (Call("add", (0, 1)), Call("max", (2, 1))))
    values["residual and maximum"] = apply(MatMul(residual), ROWS, random.constant(13, 13), ROWS)
    values["sigmoid of rows"] = apply(Elementwise(single("sigmoid", None)), ROWS)
    return values


OUTPUTS = {"A5": _literals(), "A8": _elements()}
