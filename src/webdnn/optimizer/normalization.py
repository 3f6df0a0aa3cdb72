"""Layer, RMS and group normalization that arrive written out."""

from __future__ import annotations

from webdnn.graph.dim import Size, product
from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import Elementwise, GroupNormalize, Normalize, Reduce, Reshape
from webdnn.graph.program import Call, Program, single
from webdnn.optimizer.match import scalar
from webdnn.optimizer.rewrite import Context, merge_origins

SQUARES = (single("square", None), single("pow", None, 2.0), Program(1, (Call("mul", (0, 0)),)))
SHORTEST_RUN = 4
"""Channels of a group."""
SQUARE_ROOT, RECIPROCAL_ROOT = single("sqrt", None), single("rsqrt", None)


def recognize_normalize(value: Value, context: Context) -> Value | None:
    """`d / √(mean(d²) + ε)` along the last axes is a normalization: of x if d is `x − mean(x)`, else of d by its root mean square. Where an axis
    between those of the mean stays, as the groups of channels do, it is a group normalization of x. Groups of few channels, instance normalization
    above all, stay written out: reductions read the channels of all groups side by side, a kernel for groups would pick them one by one.

    Hazards: the means must be taken along the same axes and keep these; the very d that is squared must be divided; ε must be a number. Groups
    stand before their last axes, whose size must be known.
    """
    found = _quotient(value)
    if found is None:
        return None
    divided, root = found
    variance = _without_epsilon(root)
    if variance is None:
        return None
    mean = variance[0].op
    squared = _mean(variance[0])
    if not isinstance(mean, Reduce) or squared is None or _square(squared) != divided or divided.type != value.type:
        return None
    x = _centred(divided, mean.axes)
    origin = merge_origins(squared.node, value.node)
    return _normalized(divided if x is None else x, mean.axes, variance[1], x is not None, origin)


def _normalized(x: Value, axes: tuple[int, ...], epsilon: float, centre: bool, origin: tuple[str, ...]) -> Value | None:
    """`x` normalized over `axes`, if one op does that; an axis of size 1 may count as any."""
    runs: list[tuple[bool, list[Size]]] = []  # neighbours that are all in the mean, or all not
    for axis, size in enumerate(x.shape):
        if size != 1 and (not runs or runs[-1][0] != (axis in axes)):
            runs.append((axis in axes, []))
        if size != 1:
            runs[-1][1].append(size)
    kinds = [reduced for reduced, _ in runs]
    sizes = [product(run) for _, run in runs]
    if kinds in ([True], [False, True]):
        lines = x if axes == (x.type.rank - 1,) else _reshaped(x, (product(sizes[:-1]), sizes[-1]), origin)
        return _reshaped(apply(Normalize(epsilon, centre), lines, origin=origin), x.shape, origin)
    if kinds[:1] == [True]:  # one image
        kinds, sizes = [False, *kinds], [1, *sizes]
    if not centre or kinds not in ([False, True, False, True], [False, True, False]):
        return None
    images, rows, groups, columns = (*sizes, 1)[:4]
    if not isinstance(groups, int) or not isinstance(columns, int) or columns < SHORTEST_RUN:
        return None
    blocks = _reshaped(x, (images, rows, groups * columns), origin)
    return _reshaped(apply(GroupNormalize(groups, epsilon), blocks, origin=origin), x.shape, origin)


def _reshaped(x: Value, shape: tuple[Size, ...], origin: tuple[str, ...]) -> Value:
    return x if shape == x.shape else apply(Reshape(shape), x, origin=origin)


def _program(value: Value) -> Program | None:
    return value.op.program if isinstance(value.op, Elementwise) else None


def _quotient(value: Value) -> tuple[Value, Value] | None:
    """(d, s) when `value` is d / √s, or d · 1/√s in either order."""
    program, inputs = _program(value), value.node.inputs
    if program == single("div", None, None):
        return (inputs[0], inputs[1].node.inputs[0]) if _program(inputs[1]) == SQUARE_ROOT else None
    if program != single("mul", None, None):
        return None
    for factor, other in (inputs, inputs[::-1]):
        if _program(other) == RECIPROCAL_ROOT:
            return factor, other.node.inputs[0]
    return None


def _without_epsilon(value: Value) -> tuple[Value, float] | None:
    """(v, ε) when `value` is v + ε."""
    program, inputs = _program(value), value.node.inputs
    if program is None or [call.function for call in program.calls] != ["add"]:
        return None
    numbers = [operand for operand in program.calls[0].operands if isinstance(operand, float)]
    if numbers:
        return inputs[0], numbers[0]
    for variance, other in (inputs, inputs[::-1]) if len(inputs) == 2 else ():
        number = scalar(other)
        if number is not None:
            return variance, number
    return None


def _mean(value: Value, axes: tuple[int, ...] | None = None) -> Value | None:
    """What `value` is the mean of, along `axes` or any, which stay with size 1."""
    op = value.op
    if not isinstance(op, Reduce) or op.kind != "mean" or not op.keepdims or (axes is not None and op.axes != axes):
        return None
    return value.node.inputs[0]


def _square(value: Value) -> Value | None:
    """d when `value` is d²."""
    if _program(value) == single("mul", None, None):
        left, right = value.node.inputs
        return left if left == right else None
    return value.node.inputs[0] if _program(value) in SQUARES else None


def _centred(value: Value, axes: tuple[int, ...]) -> Value | None:
    """x when `value` is x − mean(x) along `axes`."""
    if _program(value) != single("sub", None, None):
        return None
    x, mean = value.node.inputs
    return x if _mean(mean, axes) == x else None
