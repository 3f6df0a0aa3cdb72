"""Questions that several rules ask about a value."""

from __future__ import annotations

from typing import Any

import numpy as np

from webdnn.graph.dim import Dim
from webdnn.graph.graph import Constant, Op, Value
from webdnn.graph.ops import Fill
from webdnn.graph.program import Operand, Program

Array = np.ndarray


def constant(value: Value) -> Array | None:
    """The array of a Constant."""
    return value.op.array if isinstance(value.op, Constant) else None


def scalar(value: Value) -> float | None:
    """The number that `value` is everywhere: a Constant of one element, or a Fill."""
    if isinstance(value.op, Fill):
        return float(value.op.value)
    array = constant(value)
    return float(array.item()) if array is not None and array.size == 1 else None


def is_floating(value: Value) -> bool:
    return value.dtype.startswith("float")


def is_per_channel(value: Value) -> bool:
    """True for a scalar and for a vector along the last axis: all other axes have size 1."""
    return all(size == 1 for size in value.shape[:-1])


def channel_constant(value: Value, channels: int) -> Array | None:
    """A Constant that differs along the last axis only, as float64 of shape (channels,) or (); None for other values and for NaN or infinity."""
    array = constant(value)
    if array is None or not is_floating(value) or not is_per_channel(value) or array.size not in (1, channels):
        return None
    flat = array.astype(np.float64).reshape(() if array.size == 1 else (channels,))
    return flat if np.isfinite(flat).all() else None


def readers_in_program(program: Program, operand: Operand) -> list[int]:
    """Indices of the calls that read `operand`, one entry for each time."""
    return [i for i, call in enumerate(program.calls) for o in call.operands if isinstance(o, int) and o == operand]


def is_static(op: Op, *values: Value) -> bool:
    """True when neither the op's attributes nor the shapes of `values` hold a placeholder."""
    return not _has_dim(tuple(op.attributes().values())) and not any(_has_dim(v.shape) for v in values)


def _has_dim(attribute: Any) -> bool:
    if isinstance(attribute, tuple):
        return any(map(_has_dim, attribute))
    return isinstance(attribute, Dim)
