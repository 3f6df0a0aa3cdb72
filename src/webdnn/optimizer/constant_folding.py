"""f(constants) = constant."""

from __future__ import annotations

import numpy as np

from webdnn.graph.functions import JUMPS
from webdnn.graph.graph import Constant, Op, Value, apply
from webdnn.graph.ops import Elementwise, Fill, Iota
from webdnn.optimizer.match import Array, constant, is_static
from webdnn.optimizer.rewrite import Context, merge_origins

SMALL = 16384  # elements that a result may always have


def fold_constants(value: Value, context: Context) -> Value | None:
    """`f(A, B) = C`, computed in float64 and stored in the dtype of the value; in float32, as in the page, where f rounds, casts to integers or
    compares: 0.7 · 10 is 7 there, and 6.9999999 in float64, with the 0.7 of float32.

    Hazards: a result larger than what it is made from would only enlarge the download (a broadcast, a resize); a loop is left alone, its
    body is a graph of its own; an op with a placeholder has no value yet.
    """
    node = value.node
    if not node.inputs or node.op.bodies:
        return None
    arrays = [_array(v) for v in node.inputs]
    known: list[Array] = [a for a in arrays if a is not None]
    if len(known) != len(arrays) or not is_static(node.op, value, *node.inputs):
        return None
    elements = value.type.elements
    if not isinstance(elements, int) or elements > max(SMALL, sum(a.size for a in known)):
        return None
    precise = not _jumps(node.op)
    with np.errstate(all="ignore"):
        results = node.op.evaluate([a.astype(np.float64) if precise and a.dtype.kind == "f" else a for a in known])
        array = np.ascontiguousarray(results[value.index], dtype=value.dtype).reshape(value.shape)  # type: ignore[arg-type]
    return apply(Constant(array), origin=merge_origins(*(v.node for v in node.inputs), node))


def _jumps(op: Op) -> bool:
    return isinstance(op, Elementwise) and any(call.function in JUMPS for call in op.program.calls)


def _array(value: Value) -> Array | None:
    """The array of a Constant, or of a small Fill or Iota, which stay what they are where nothing can be computed from them."""
    if not isinstance(value.op, Fill | Iota) or not is_static(value.op, value):
        return constant(value)
    elements = value.type.elements
    return value.op.evaluate([])[0] if isinstance(elements, int) and elements <= SMALL else None
