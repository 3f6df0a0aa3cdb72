"""Scale and bias of channels, batch normalisation above all, go into the weights of the convolution or dense layer next to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.graph.graph import Constant, Value, apply
from webdnn.graph.ops import Conv2D, Conv2DTranspose, DepthwiseConv2D, Elementwise, MatMul
from webdnn.graph.ops.convolution import NO_PADDING
from webdnn.graph.ops.elementwise import WithEpilogue, sum_dtype
from webdnn.graph.program import Call, Operand, Program
from webdnn.optimizer.epilogue import with_epilogue
from webdnn.optimizer.match import Array, channel_constant, constant, is_floating, readers_in_program
from webdnn.optimizer.programs import ProgramBuilder
from webdnn.optimizer.rewrite import Context, merge_origins

ONE, ZERO = np.array(1.0), np.array(0.0)


@dataclass(frozen=True)
class Affine:
    """`scale`·x + `shift`: the calls `steps` of a program compute it from x, and operand `result` holds it.

    Both arrays are float64, of shape (C,) or ().
    """

    scale: Array
    shift: Array
    result: int
    steps: tuple[int, ...]


def fold_into_sum(value: Value, context: Context) -> Value | None:
    """`s·(x∗W) + b = x∗(s·W) + b` for the first steps of an epilogue: `W' = W·s` over the output channels.

    Hazards: s and b must be constants of one value a channel, and every step on the way must have no other reader in the epilogue. A scale of 0
    or below is no hazard. The weights may be shared with other ops: those keep the unscaled ones.
    """
    op = value.op
    if not _has_float_weights(value) or not isinstance(op, WithEpilogue) or op.program is None:
        return None
    channels = value.shape[-1]
    weights = constant(value.node.inputs[1])
    if not isinstance(channels, int) or weights is None:
        return None
    affine = find_affine(op.program, 0, [None, *(channel_constant(v, channels) for v in value.node.inputs[2:])])
    if not affine.steps or _is_plain_bias(op.program, affine, value.node.inputs[2:]):
        return None
    scaled = _scale_outputs(op, weights, affine.scale)
    if scaled is None or not np.isfinite(affine.shift.astype(np.float32)).all():
        return None
    builder = ProgramBuilder()
    base = builder.sum(sum_dtype(value))
    place = {0: base, **{k: builder.input(v) for k, v in enumerate(value.node.inputs[2:], start=1)}}
    place[affine.result] = _add_bias(builder, base, affine.shift, value)
    program, operands = builder.finish(_replay(op.program, affine, place, builder))
    return _rebuilt(value, scaled, program, operands)


def fold_into_next(value: Value, context: Context) -> Value | None:
    """`(s·x + b)∗W = x∗(s·W) + (b∗W)`, scaling over the input channels: batch normalisation before a convolution.

    Hazards: zero padding is put on after the shift, so a shift can only move where nothing is padded (nor, in a transposed convolution, where
    border pixels meet fewer weights); a scale can always move, 0·s = 0. s·x + b must have no other reader, else nothing is saved.
    """
    op = value.op
    if not _has_float_weights(value) or not isinstance(op, WithEpilogue):
        return None
    data = value.node.inputs[0]
    weights = constant(value.node.inputs[1])
    if weights is None or not isinstance(data.op, Elementwise) or not context.single_reader(data):
        return None
    found = _whole_affine(data, data.op.program)
    if found is None:
        return None
    x, affine = found
    shifts = bool(affine.shift.any())
    if shifts and not (
        isinstance(op, MatMul) or (isinstance(op, Conv2D | DepthwiseConv2D) and op.padding == NO_PADDING)
    ):
        return None
    scaled = _scale_inputs(op, weights, affine.scale)
    if scaled is None:
        return None
    program, operands = op.program, value.node.inputs[2:]
    if shifts:
        bias = _shift_of_sum(op, weights, affine.shift)
        if not np.isfinite(bias).all():
            return None
        builder = ProgramBuilder()
        base = _add_bias(builder, builder.sum(sum_dtype(value)), bias, data)
        program, operands = builder.finish(
            builder.inline(op.program, [base, *map(builder.input, operands)]) if op.program else base
        )
    return _rebuilt(value, scaled, program, operands, data=(x, data))


def _has_float_weights(value: Value) -> bool:
    """True for an op that multiplies floats by weights whose last axes are its channels, and gives floats."""
    layer = isinstance(value.op, Conv2D | Conv2DTranspose | DepthwiseConv2D | MatMul)
    return layer and is_floating(value) and all(map(is_floating, value.node.inputs[:2]))


def find_affine(program: Program, start: int, constants: Sequence[Array | None]) -> Affine:
    """The longest run of mul, add, sub, div, neg by constants that begins at operand `start`. `constants[k]` is input k where it is one."""
    scale, shift, current = ONE, ZERO, start
    steps: list[int] = []
    while current != program.inputs + len(program.calls) - 1:
        readers = readers_in_program(program, current)
        if len(readers) != 1:
            break
        step = _affine_step(program.calls[readers[0]], current, constants)
        if step is None:
            break
        factor, addend = step
        scale, shift = scale * factor, shift * factor + addend
        steps.append(readers[0])
        current = program.inputs + readers[0]
    return Affine(scale, shift, current, tuple(steps))


def _affine_step(call: Call, current: int, constants: Sequence[Array | None]) -> tuple[Array, Array] | None:
    """(factor, addend) with call = factor·current + addend; None when it is nothing of the kind."""
    if call.function == "neg":
        return -ONE, ZERO
    if call.function not in ("add", "sub", "mul", "div"):
        return None
    left, right = call.operands
    is_left = isinstance(left, int) and left == current
    other = _known(right if is_left else left, constants)
    if other is None:
        return None
    match call.function, is_left:
        case "add", _:
            return ONE, other
        case "sub", True:
            return ONE, -other
        case "sub", False:
            return -ONE, other
        case "mul", _:
            return other, ZERO
        case "div", True if other.all():  # constant / x is not affine
            return 1 / other, ZERO
    return None


def _known(operand: Operand, constants: Sequence[Array | None]) -> Array | None:
    if isinstance(operand, float):
        return np.array(operand)
    return constants[operand] if operand < len(constants) else None


def _is_plain_bias(program: Program, affine: Affine, extra: Sequence[Value]) -> bool:
    """True for the form that folding leaves behind: one addition of a literal or of a vector of rank 1."""
    call = program.calls[affine.steps[0]]
    vectors = all(isinstance(o, float) or o == 0 or extra[o - 1].type.rank == 1 for o in call.operands)
    return len(affine.steps) == 1 and call.function == "add" and vectors


def _whole_affine(value: Value, program: Program) -> tuple[Value, Affine] | None:
    """(x, a) when `value` is s·x + b for one x of its own shape."""
    channels = value.shape[-1] if value.shape else None
    if not isinstance(channels, int):
        return None
    constants = [channel_constant(v, channels) for v in value.node.inputs]
    variable = [k for k, array in enumerate(constants) if array is None]
    if len(variable) != 1 or value.node.inputs[variable[0]].type != value.type:
        return None
    affine = find_affine(program, variable[0], constants)
    whole = affine.result == program.inputs + len(program.calls) - 1 and len(affine.steps) == len(program.calls)
    return (value.node.inputs[variable[0]], affine) if whole else None


def _replay(program: Program, affine: Affine, place: dict[int, Operand], builder: ProgramBuilder) -> Operand:
    """The result of `program` without the steps of `affine`; `place` says what its inputs and the affine result became."""
    for i, call in enumerate(program.calls):
        if i not in affine.steps:
            place[program.inputs + i] = builder.call(
                call.function, *(place[o] if isinstance(o, int) else o for o in call.operands)
            )
    return place[program.inputs + len(program.calls) - 1]


def _add_bias(builder: ProgramBuilder, base: Operand, bias: Array, origin: Value) -> Operand:
    if not bias.any():
        return base
    return builder.call("add", base, builder.input(apply(Constant(bias.astype(origin.dtype)), origin=origin.origin)))


def _rebuilt(
    value: Value,
    scaled: Array,
    program: Program | None,
    operands: Sequence[Value],
    data: tuple[Value, Value] | None = None,
) -> Value | None:
    """The op of `value` with other weights and another epilogue; `data` is (what it reads now, what it read and replaces)."""
    op, (read, weights) = value.op, value.node.inputs[:2]
    if not isinstance(op, WithEpilogue):
        return None
    origin = value.origin
    if data is not None:
        read, origin = data[0], merge_origins(data[1].node, value.node)
    if scaled is not constant(weights):
        weights = apply(Constant(scaled), origin=weights.origin)
    return with_epilogue(op, [read, weights], program, operands, origin)


def _scale_outputs(op: WithEpilogue, weights: Array, scale: Array) -> Array | None:
    """W' = W·s along the output channels, which are the last axis, or the last two of a depthwise convolution."""
    if isinstance(op, DepthwiseConv2D) and scale.ndim:
        scale = scale.reshape(weights.shape[2:])
    return _multiply(weights, scale)


def _scale_inputs(op: WithEpilogue, weights: Array, scale: Array) -> Array | None:
    """W' = W·s along the input channels, which are the last axis but one."""
    return _multiply(weights, _over_inputs(op, weights, scale))


def _over_inputs(op: WithEpilogue, weights: Array, values: Array) -> Array:
    """Values of the input channels as a factor of the weights' last two axes; the groups of a convolution meet different channels there."""
    if not values.ndim:
        return values
    if not isinstance(op, Conv2D) or op.groups == 1:
        return values[:, None]
    return np.repeat(values.reshape(op.groups, -1).T, weights.shape[-1] // op.groups, axis=1)


def _multiply(weights: Array, scale: Array) -> Array | None:
    """The product, computed in float64 without a float64 copy; None where it overflows."""
    if (scale == 1).all():
        return weights
    result = np.empty_like(weights)
    with np.errstate(all="ignore"):
        np.multiply(weights, scale, out=result, dtype=np.float64, casting="same_kind")
    return result if np.isfinite(result).all() else None


def _shift_of_sum(op: WithEpilogue, weights: Array, shift: Array) -> Array:
    """b∗W: what an image that is `shift` everywhere gives, one value an output channel, in float64."""
    window_axes = tuple(range(weights.ndim - 2))
    per_channel = weights.sum(axis=window_axes, dtype=np.float64)  # (C, O); depthwise (C, M)
    shifted = per_channel * _over_inputs(op, weights, shift)
    return np.asarray(shifted.reshape(-1) if isinstance(op, DepthwiseConv2D) else shifted.sum(axis=0))
