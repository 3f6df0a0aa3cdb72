"""`evaluate` of every op against an implementation that is not ours: ONNX's reference evaluator, Keras, SciPy, or loops over single elements.

Everything is computed in float64 on odd sizes, so the tolerance is that of rounding.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.special

from webdnn.graph.errors import GraphError
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.graph import Graph, Input, Op, apply
from webdnn.graph.ops import (
    OPS,
    ArgReduce,
    ArgSort,
    BatchMatMul,
    Concat,
    Conv2D,
    Conv2DTranspose,
    CumulativeSum,
    DepthwiseConv2D,
    Elementwise,
    Fill,
    Gather,
    GatherElements,
    GroupNormalize,
    Iota,
    JointElementwise,
    MatMul,
    Normalize,
    Pad,
    Pool2D,
    Reduce,
    Repeat,
    Reshape,
    Resize2D,
    ScatterElements,
    ScatterRows,
    Slice,
    Softmax,
    Transpose,
)
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.ops.resize import COORDINATES, ROUNDINGS
from webdnn.graph.program import Call, Program, single
from webdnn.graph.types import TensorType

Array = np.ndarray
Reference = Callable[..., Array]

TOLERANCE = 1e-12
FLOAT32_POSITIONS = 5e-6
"""ONNX and Keras compute in float32 where an output lies in the input; so do their results differ, by up to 1.5e-6."""


@dataclass(frozen=True)
class Comparison:
    """An op on random inputs of `shapes`, and what must give the same for the same inputs."""

    name: str
    op: Op
    shapes: tuple[tuple[int, ...], ...]
    reference: Reference
    make: Callable[[np.random.Generator, tuple[int, ...]], Array] = lambda random, shape: random.normal(size=shape)
    tolerance: float = TOLERANCE


def onnx_node(kind: str, *more: Array, **attributes: object) -> Reference:
    """The ONNX operator `kind` on the inputs, then on the constants `more`; an empty one is left out."""

    def run(*inputs: Array) -> Array:
        import onnx
        from onnx import helper, numpy_helper
        from onnx.reference import ReferenceEvaluator

        arrays = [*inputs, *more]
        names = [f"x{i}" if array.size else "" for i, array in enumerate(arrays)]
        node = helper.make_node(kind, names, ["y"], **attributes)
        known = [numpy_helper.from_array(a, n) for a, n in zip(arrays, names, strict=True) if n]
        output = helper.make_tensor_value_info("y", onnx.TensorProto.UNDEFINED, None)
        graph = helper.make_graph([node], "one", [], [output], known)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
        return np.asarray(ReferenceEvaluator(model).run(None, {})[0])

    return run


NOTHING = np.zeros(0)


def indices(*values: int) -> Array:
    return np.array(values, np.int64)


# Convolutions and pooling: one element after another.


def convolution(op: Conv2D | DepthwiseConv2D, x: Array, w: Array) -> Array:
    """Every product by itself. A depthwise output channel reads one input channel, one of a group those of its group."""
    (top, bottom), (left, right) = op.padding
    sizes = [
        (size + before + after - (w.shape[i] - 1) * op.dilation[i] - 1) // op.strides[i] + 1
        for i, (size, before, after) in enumerate(((x.shape[1], top, bottom), (x.shape[2], left, right)))
    ]
    depthwise = isinstance(op, DepthwiseConv2D)
    filters = w.shape[2] * w.shape[3] if depthwise else w.shape[3]
    y = np.zeros((x.shape[0], *sizes, filters))
    for n, i, j, o in np.ndindex(*y.shape):
        for a, b in np.ndindex(*w.shape[:2]):
            row = i * op.strides[0] - top + a * op.dilation[0]
            column = j * op.strides[1] - left + b * op.dilation[1]
            if not (0 <= row < x.shape[1] and 0 <= column < x.shape[2]):
                continue
            if depthwise:
                channel, m = divmod(o, w.shape[3])
                y[n, i, j, o] += x[n, row, column, channel] * w[a, b, channel, m]
            else:
                group = o * op.groups // filters
                for c in range(w.shape[2]):
                    y[n, i, j, o] += x[n, row, column, group * w.shape[2] + c] * w[a, b, c, o]
    return y


def transposed_convolution(op: Conv2DTranspose, x: Array, w: Array) -> Array:
    """Every input pixel adds its kernel to the output, where that has a place for it."""
    (top, bottom), (left, right) = op.crop
    height, width = (
        (x.shape[1 + i] - 1) * op.strides[i] + (w.shape[i] - 1) * op.dilation[i] + 1 - before - after
        for i, (before, after) in enumerate(((top, bottom), (left, right)))
    )
    y = np.zeros((x.shape[0], height, width, w.shape[3]))
    for n, i, j, c in np.ndindex(*x.shape):
        for a, b, o in itertools.product(*map(range, (w.shape[0], w.shape[1], w.shape[3]))):
            row = i * op.strides[0] + a * op.dilation[0] - top
            column = j * op.strides[1] + b * op.dilation[1] - left
            if 0 <= row < height and 0 <= column < width:
                y[n, row, column, o] += x[n, i, j, c] * w[a, b, c, o]
    return y


def pooling(op: Pool2D, x: Array) -> Array:
    (top, bottom), (left, right) = op.padding
    height = (x.shape[1] + top + bottom - op.size[0]) // op.strides[0] + 1
    width = (x.shape[2] + left + right - op.size[1]) // op.strides[1] + 1
    y = np.zeros((x.shape[0], height, width, x.shape[3]))
    for n, i, j, c in np.ndindex(*y.shape):
        seen = []
        for a, b in np.ndindex(*op.size):
            row, column = i * op.strides[0] - top + a, j * op.strides[1] - left + b
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                seen.append(x[n, row, column, c])
        count = op.size[0] * op.size[1] if op.count_padding else len(seen)
        y[n, i, j, c] = max(seen) if op.kind == "max" else sum(seen) / count
    return y


def _windows() -> list[Comparison]:
    image, result = (2, 7, 6, 3), []
    paddings = (((0, 0), (0, 0)), ((1, 2), (0, 3)))
    for strides, dilation, padding in itertools.product(((1, 1), (2, 3)), ((1, 1), (2, 1)), paddings):
        name = f"strides {strides} dilation {dilation} padding {padding}"
        conv = Conv2D(strides, padding, dilation)
        result.append(
            Comparison(f"Conv2D {name}", conv, (image, (3, 2, 3, 4)), lambda x, w, op=conv: convolution(op, x, w))
        )
        for groups, inputs, outputs in ((2, 4, 6), (3, 3, 6), (3, 9, 3)):
            grouped = Conv2D(strides, padding, dilation, groups=groups)
            shapes = ((2, 7, 6, inputs), (3, 2, inputs // groups, outputs))
            text = f"Conv2D of {groups} groups {inputs}->{outputs} {name}"
            result.append(Comparison(text, grouped, shapes, lambda x, w, op=grouped: convolution(op, x, w)))
        depthwise = DepthwiseConv2D(strides, padding, dilation)
        result.append(
            Comparison(
                f"DepthwiseConv2D {name}",
                depthwise,
                (image, (3, 2, 3, 2)),
                lambda x, w, op=depthwise: convolution(op, x, w),
            )
        )
        transposed = Conv2DTranspose(strides, padding, dilation)
        result.append(
            Comparison(
                f"Conv2DTranspose {name}",
                transposed,
                (image, (3, 2, 3, 4)),
                lambda x, w, op=transposed: transposed_convolution(op, x, w),
            )
        )
    grown = Conv2DTranspose((3, 2), ((0, -2), (-1, 0)))
    result.append(
        Comparison(
            "Conv2DTranspose, grown", grown, (image, (2, 3, 3, 2)), lambda x, w: transposed_convolution(grown, x, w)
        )
    )
    for kind, count in (("max", False), ("average", False), ("average", True)):
        op = Pool2D(kind, (3, 2), (2, 1), ((1, 1), (0, 1)), count)
        result.append(Comparison(f"Pool2D {kind} {count}", op, (image,), lambda x, op=op: pooling(op, x)))
    # ONNX's own, with its layout: channels first.
    x_first, w_first = (lambda x: x.transpose(0, 3, 1, 2)), (lambda w: w.transpose(3, 2, 0, 1))
    conv = onnx_node("Conv", strides=[2, 1], pads=[1, 0, 2, 1])
    op = Conv2D((2, 1), ((1, 2), (0, 1)))
    result.append(
        Comparison(
            "Conv2D of ONNX", op, (image, (3, 2, 3, 4)), lambda x, w: conv(x_first(x), w_first(w)).transpose(0, 2, 3, 1)
        )
    )
    grouped = Conv2D((2, 1), ((1, 2), (0, 1)), groups=3)
    of_groups = onnx_node("Conv", strides=[2, 1], pads=[1, 0, 2, 1], group=3)
    result.append(
        Comparison(
            "Conv2D of groups of ONNX",
            grouped,
            ((2, 7, 6, 6), (3, 2, 2, 9)),
            lambda x, w: of_groups(x_first(x), w_first(w)).transpose(0, 2, 3, 1),
        )
    )
    return result


# Resizing: ONNX's reference works along all axes of the image, channels first.


def onnx_resize(op: Resize2D, coordinates: str, **attributes: object) -> Reference:
    def run(x: Array) -> Array:
        sizes = indices(x.shape[0], x.shape[3], op.height, op.width)
        scales = NOTHING.astype(np.float32)
        if op.ratios:
            scales = np.array([1, 1, *(p / q for p, q in op.ratios)], np.float32)
            sizes = indices()
        mode = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}[op.mode]
        node = onnx_node(
            "Resize", NOTHING, scales, *([] if op.ratios else [sizes]),
            mode=mode, coordinate_transformation_mode=coordinates, nearest_mode=op.rounding,
            cubic_coeff_a=op.cubic, exclude_outside=int(op.exclude_outside), **attributes,
        )  # fmt: skip
        return node(x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)

    return run


def _resizes() -> list[Comparison]:
    result = []

    def compare(name: str, op: Resize2D, shape: tuple[int, ...] = (1, 4, 7, 2)) -> None:
        coordinates = op.coordinates or ("asymmetric" if op.mode == "nearest" else "half_pixel")
        result.append(
            Comparison(f"Resize2D {name}", op, (shape,), onnx_resize(op, coordinates), tolerance=FLOAT32_POSITIONS)
        )

    # ONNX has dropped tf_half_pixel_for_nn, and disagrees with its own text on a single output of pytorch_half_pixel.
    for coordinates in (c for c in COORDINATES if c != "tf_half_pixel_for_nn"):
        for mode in ("bilinear", "bicubic"):
            compare(f"{mode} {coordinates}", Resize2D(9, 5, mode, coordinates))
        for rounding in ROUNDINGS:
            compare(f"nearest {coordinates} {rounding}", Resize2D(7, 3, "nearest", coordinates, rounding))
            compare(f"nearest {coordinates} {rounding} by two", Resize2D(8, 14, "nearest", coordinates, rounding))
    compare("bicubic, edges left out", Resize2D(9, 5, "bicubic", cubic=-0.5, exclude_outside=True))
    for coordinates in ("half_pixel", "half_pixel_symmetric", "asymmetric", "align_corners"):
        for mode in ("bilinear", "bicubic"):
            compare(
                f"{mode} {coordinates} by ratios",
                Resize2D(3, 11, mode, coordinates, ratios=((3, 4), (13, 8))),
                (1, 5, 7, 2),
            )
    # Keras (and so JAX and TensorFlow): half-pixel centres; nearest takes the pixel that the centre lies in.
    for mode, op in (
        ("nearest", Resize2D(9, 5, "nearest", "tf_half_pixel_for_nn")),
        ("bilinear", Resize2D(9, 5, "bilinear")),
        ("bicubic", Resize2D(9, 5, "bicubic", cubic=-0.5, exclude_outside=True)),
    ):
        result.append(
            Comparison(
                f"Resize2D {mode} of Keras", op, ((2, 4, 7, 3),), keras_resize(mode), tolerance=FLOAT32_POSITIONS
            )
        )
    return result


def keras_resize(mode: str) -> Reference:
    def run(x: Array) -> Array:
        import keras

        # JAX shrinks with antialiasing unless told otherwise; Keras tells it.
        return np.asarray(keras.ops.image.resize(x.astype("float32"), (9, 5), interpolation=mode, antialias=False))

    return run


# The rest.


def whole(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A few whole numbers, so that there are equal ones."""
    return np.floor(random.normal(size=shape) * 2)


def positions(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Data of rank 3, and indices into axes of size 5."""
    return (
        random.normal(size=shape) if len(shape) == 3 and shape[-1] == 5 else random.integers(0, 5, shape).astype(float)
    )


def _largest(x: Array, k: int) -> Array:
    """Indices of the k largest, found one after another."""
    rows = []
    for row in x.reshape(-1, x.shape[-1]):
        left = list(enumerate(row))
        chosen = []
        for _ in range(k):
            best = left[0]
            for candidate in left[1:]:
                if candidate[1] > best[1]:
                    best = candidate
            left.remove(best)
            chosen.append(best[0])
        rows.append(chosen)
    return np.array(rows, float).reshape(*x.shape[:-1], k)


def _matmul(x: Array, y: Array) -> Array:
    return np.asarray(np.einsum("...mk,...kp->...mp", x, y))


def _others() -> list[Comparison]:
    shape = (3, 4, 5)
    result = [
        Comparison("MatMul", MatMul(), ((2, 3, 7), (7, 5)), lambda x, w: np.einsum("abk,km->abm", x, w)),
        Comparison("BatchMatMul", BatchMatMul(), ((3, 1, 5, 7), (2, 7, 4)), _matmul),
        Comparison("BatchMatMul of ONNX", BatchMatMul(), ((3, 5, 7), (7, 4)), onnx_node("MatMul")),
        Comparison("Softmax", Softmax(), (shape,), lambda x: scipy.special.softmax(x, axis=-1)),
        Comparison("Transpose", Transpose((2, 0, 1)), (shape,), onnx_node("Transpose", perm=[2, 0, 1])),
        Comparison("Reshape", Reshape((6, 10)), (shape,), onnx_node("Reshape", indices(6, 10))),
        Comparison("Concat", Concat(1), (shape, (3, 2, 5)), onnx_node("Concat", axis=1)),
        Comparison(
            "Slice", Slice((1, 0, 2), (2, 3, 3)), (shape,), onnx_node("Slice", indices(1, 0, 2), indices(3, 3, 5))
        ),
        Comparison(
            "Pad",
            Pad(((1, 0), (0, 2), (3, 1)), -2.5),
            (shape,),
            onnx_node("Pad", indices(1, 0, 3, 0, 2, 1), np.array(-2.5)),
        ),
        Comparison("ArgSort", ArgSort(4), ((3, 2, 9),), lambda x: _largest(x, 4), whole),
        Comparison("ArgSort of all", ArgSort(9), ((5, 9),), lambda x: _largest(x, 9), whole),
        Comparison(
            "GatherElements",
            _Indexed(GatherElements()),
            (shape, (3, 4, 2)),
            lambda x, at: onnx_node("GatherElements", axis=2)(x, at.astype(int)),
            positions,
        ),
        Comparison("Repeat", _running_sum(), ((2, 3), (4, 2, 3)), lambda start, x: start + x.sum(0)),
    ]
    for axis in range(3):
        size = shape[axis]
        at = indices(size - 1, 0, 0, 1)
        result.append(
            Comparison(
                f"Gather along {axis}",
                _Fixed(Gather(axis), at.astype(np.int32)),
                (shape,),
                onnx_node("Gather", at, axis=axis),
            )
        )
        for kind in ("max", "min"):
            node = onnx_node(f"Arg{kind.title()}", axis=axis, keepdims=0)
            result.append(Comparison(f"ArgReduce {kind} {axis}", ArgReduce(kind, axis), (shape,), node, whole))
        for exclusive, reverse in itertools.product((False, True), repeat=2):
            node = onnx_node("CumSum", np.array(axis), exclusive=int(exclusive), reverse=int(reverse))
            op = CumulativeSum(axis, exclusive, reverse)
            result.append(Comparison(f"{op}", op, (shape,), node))
    for kind, name in (("mean", "Mean"), ("sum", "Sum"), ("max", "Max"), ("min", "Min"), ("prod", "Prod")):
        node = onnx_node(f"Reduce{name}", indices(0, 2), keepdims=1)
        result.append(Comparison(f"Reduce {kind}", Reduce(kind, (0, 2), True), (shape,), node))
    return result


class _Fixed(Op):
    """`op` whose last input is known."""

    def __init__(self, op: Op, last: Array) -> None:
        self.op, self.last = op, last

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return self.op.evaluate([*inputs, self.last])


class _Indexed(Op):
    """`op` whose last input, of whole numbers, is made indices."""

    def __init__(self, op: Op) -> None:
        self.op = op

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return self.op.evaluate([*inputs[:-1], inputs[-1].astype(np.int32)])


def _running_sum() -> Op:
    state, element = (apply(Input(name, TensorType((2, 3)))) for name in ("state", "element"))
    return Repeat(4, Graph((state, element), (elementwise("add", state, element),), ("state",)), 1, 1)


FUNCTION_REFERENCES: dict[str, Reference] = {
    "relu": lambda x: (x + abs(x)) / 2,
    "sigmoid": scipy.special.expit,
    "silu": lambda x: x * scipy.special.expit(x),
    "erf": scipy.special.erf,
    "gelu": lambda x: x * scipy.special.ndtr(x),
    "softplus": lambda x: np.logaddexp(0, x),
    "softsign": lambda x: x / (1 + abs(x)),
    "hard_sigmoid": lambda x: np.interp(x, [-3, 3], [0, 1]),
    "round": np.vectorize(lambda x: float(round(x))),  # Python rounds halves to even
    "leaky_relu": lambda x, slope: x * (x >= 0) + slope * x * (x < 0),
    "elu": lambda x, alpha: np.maximum(x, 0) + np.minimum(alpha * (np.exp(np.minimum(x, 0)) - 1) * (x < 0), np.inf),
    "mod": np.vectorize(lambda x, y: x % y),  # Python's % has the divisor's sign
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "greater": lambda x, y: (np.sign(x - y) == 1) * 1.0,
    "greater_equal": lambda x, y: (np.sign(x - y) >= 0) * 1.0,
    "less": lambda x, y: (np.sign(x - y) == -1) * 1.0,
    "less_equal": lambda x, y: (np.sign(x - y) <= 0) * 1.0,
    "equal": lambda x, y: (x - y == 0) * 1.0,
    "not_equal": lambda x, y: (x - y != 0) * 1.0,
}
"""Of the functions whose definition is not NumPy's function of the same meaning."""


def _functions() -> list[Comparison]:
    def halves(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return np.floor(random.normal(size=shape) * 6) / 2 + (0 if shape == (40,) else 0.5)

    result = []
    for name, reference in FUNCTION_REFERENCES.items():
        arity = FUNCTIONS[name].arity
        shapes: tuple[tuple[int, ...], ...] = ((40,), (9, 1), (4, 1, 1))[:arity]
        make = (lambda r, s: halves(r, s) + (s != (40,)) * 0.25) if name == "mod" else halves
        result.append(
            Comparison(f"Elementwise {name}", Elementwise(single(name, *[None] * arity)), shapes, reference, make)
        )
    program = Program(2, (Call("mul", (0, 1)), Call("add", (2, 0)), Call("sub", (1.5, 3))))
    result.append(
        Comparison("Elementwise program", Elementwise(program), ((3, 5), (3, 1)), lambda x, y: 1.5 - (x * y + x))
    )
    return result


COMPARISONS = [*_windows(), *_resizes(), *_others(), *_functions()]


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda c: c.name)
def test_evaluate_agrees(comparison: Comparison) -> None:
    random = np.random.default_rng(len(comparison.name))
    arrays = [comparison.make(random, shape) for shape in comparison.shapes]
    have = comparison.op.evaluate(arrays)[0]
    want = comparison.reference(*arrays)
    assert have.shape == want.shape
    np.testing.assert_allclose(have, want, rtol=comparison.tolerance, atol=comparison.tolerance)


def test_every_op_is_compared() -> None:
    compared = {type(c.op.op if isinstance(c.op, _Fixed | _Indexed) else c.op) for c in COMPARISONS}
    elsewhere = {
        GroupNormalize,
        JointElementwise,
        Normalize,
        ScatterElements,
        ScatterRows,
        Fill,
        Iota,
    }  # test_integers.py, and below
    assert compared | elsewhere == set(OPS)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_normalize_is_onnxs(groups: int) -> None:
    x = np.random.default_rng(2).normal(3, 1, (2, 5, 4, 6))
    have = GroupNormalize(groups, 1e-2).evaluate([x])[0]
    # A group of channels is one channel of a longer image.
    reference = onnx_node("InstanceNormalization", np.ones(groups), np.zeros(groups), epsilon=1e-2)
    want = reference(x.transpose(0, 3, 1, 2).reshape(2, groups, -1)).reshape(2, 6, 5, 4).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(have, want, rtol=1e-6, atol=1e-6)


def test_joint_results_are_those_of_their_programs() -> None:
    """Also when each is computed by a program that is cut to what it needs."""
    x, y = (np.random.default_rng(k).normal(size=(3, 5)[k:]) for k in range(2))
    calls = (Call("mul", (0, 0)), Call("add", (1, 0.5)), Call("sub", (2, 3)), Call("less", (2, 1)))
    op = JointElementwise(Program(2, calls), (3, 2, 0))
    wanted = (x * x < y, x * x - (y + 0.5), x * x)
    for call, have, want in zip(op.results, op.evaluate([x, y]), wanted, strict=True):
        np.testing.assert_array_equal(have, want)
        program, inputs = op.program.up_to(call)
        np.testing.assert_array_equal(program.evaluate([(x, y)[k] for k in inputs]), want)


@pytest.mark.parametrize("centre", [True, False])
def test_normalize_is_onnxs(centre: bool) -> None:
    x = np.random.default_rng(1).normal(3, 1, (4, 7))
    have = Normalize(1e-3, centre).evaluate([x])[0]
    if centre:
        want = onnx_node("LayerNormalization", np.ones(7), np.zeros(7), axis=-1, epsilon=1e-3)(x)
    else:
        want = x / np.linalg.norm([*(x.T / np.sqrt(7)), np.full(4, np.sqrt(1e-3))], axis=0)[:, None]
    np.testing.assert_allclose(have, want, rtol=1e-9)


def test_fill_and_iota() -> None:
    np.testing.assert_array_equal(
        Fill((2, 3), 7.0, "uint8").evaluate([])[0], np.array([[7] * 3] * 2, np.uint8), strict=True
    )
    np.testing.assert_array_equal(Fill((), -np.inf).evaluate([])[0], np.array(-np.inf, np.float32), strict=True)
    np.testing.assert_array_equal(Iota(4).evaluate([])[0], np.array([0, 1, 2, 3], np.int32), strict=True)
    with pytest.raises(GraphError, match=r"the literal 0\.5 is no int32"):
        Fill((2,), 0.5, "int32").infer([])
