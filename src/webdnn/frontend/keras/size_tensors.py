"""Sizes that code put into a tensor and takes out of it again: `ops.tile(x, ops.concatenate([ops.shape(y)[:1], [1, 1]]))`.

What such a tensor holds is followed through the few ops with which tensors of sizes are made, on arrays whose elements are sizes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from webdnn.graph.dim import Dim, maximum, minimum, number
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Constant, Value
from webdnn.graph.ops.elementwise import Elementwise
from webdnn.graph.ops.reduction import Reduce
from webdnn.graph.ops.shape import Concat, Fill, Reshape, Slice

Sizes = np.ndarray  # of ints and Dims, as objects


def sizes_in(value: Value) -> Sizes:
    """What a tensor of whole numbers holds. Raises UnsupportedError where that is no matter of sizes alone."""
    op, inputs = value.op, value.node.inputs
    if value.type.dtype == "int32":
        if isinstance(op, Constant):
            return op.array.astype(object)
        if isinstance(op, Fill) and all(isinstance(size, int) for size in op.shape):
            return np.full([number(size) for size in op.shape], int(op.value), object)
        if isinstance(op, Reduce) and op.kind == "sum" and isinstance(inputs[0].op, Fill) and inputs[0].type.rank == 1:
            return np.array(inputs[0].shape[0] * int(inputs[0].op.value), object)
        if isinstance(op, Reshape):
            return sizes_in(inputs[0]).reshape([number(size) for size in op.shape])
        if isinstance(op, Slice):
            ends = zip(op.starts, op.sizes, strict=True)
            return sizes_in(inputs[0])[tuple(slice(number(a), number(a) + number(n)) for a, n in ends)]
        if isinstance(op, Concat):
            return np.concatenate([sizes_in(x) for x in inputs], op.axis)
        if isinstance(op, Elementwise):
            return _computed(op, [sizes_in(x) for x in inputs])
    raise UnsupportedError("a size that is computed from the values of a tensor, which a graph does not know")


def _computed(op: Elementwise, inputs: list[Sizes]) -> Sizes:
    known: list[Any] = list(inputs)
    for call in op.program.calls:
        if call.function not in _FUNCTIONS:
            raise UnsupportedError(f"a size that is computed with {call.function}")
        operands = [known[x] if isinstance(x, int) else int(x) for x in call.operands]
        known.append(np.asarray(np.frompyfunc(_FUNCTIONS[call.function], len(operands), 1)(*operands), object))
    result: Sizes = known[-1]
    return result


def as_size(x: Any) -> int | Dim:
    """An element of what `sizes_in` gives."""
    return x if isinstance(x, Dim) else int(x)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "floor_div": operator.floordiv,
    "max": maximum,
    "min": minimum,
    "mod": operator.mod,
    "mul": operator.mul,
    "neg": operator.neg,
    "sub": operator.sub,
    "to_int32": lambda x: x,
}
