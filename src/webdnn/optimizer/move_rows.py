"""Reshapes and transposes in a row are as few as can be."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from webdnn.graph.graph import Op, Value
from webdnn.graph.ops import Reshape, Transpose
from webdnn.optimizer.moves import applied, cut, steps, trace
from webdnn.optimizer.rewrite import Context, merge_origins


def shorten_moves(value: Value, context: Context) -> Value | None:
    """`transpose(reshape(transpose(x))) = reshape(x)`, and every other row of them in its shortest form: at most a reshape, a transpose, a reshape.

    The row is read as one change of places of factors of axes (`optimizer/moves.py`); so a transpose commutes with a reshape that splits
    or joins axes which move together, and comes after it. Hazard: what other values of the row have readers stays for them; the new form must
    have no more transposes than what it replaces, and fewer ops where it has as many.
    """
    if not isinstance(value.op, Reshape | Transpose):
        return None
    source, move = trace(value)
    row = _row(value, source)
    if len(row) < 2:
        return None
    ops = steps(move, source.shape)
    alone = [step for i, step in enumerate(row) if i == 0 or all(map(context.single_reader, row[1 : i + 1]))]
    swapped = len(alone) == len(row) == len(ops) and [op.key() for op in ops] != [v.op.key() for v in reversed(row)]
    before, after = _cost([v.op for v in alone]), _cost(ops)
    if after > before or (after == before and not swapped):
        _explain(value, row[1], context)
        return None
    result = applied(source, ops, merge_origins(*(v.node for v in reversed(row))))
    return result if result.type == value.type else None


def _explain(value: Value, before: Value, context: Context) -> None:
    """Says why the transpose `before` a reshape does not come after it."""
    pieces = cut(before.shape, value.shape) if isinstance(value.op, Reshape) else None
    if pieces is None or not isinstance(before.op, Transpose):
        return
    origin = before.op.permutation
    for (left, axis, _), (right, other, _) in pairwise(pieces):
        if axis == other and left != right and origin[right] != origin[left] + 1:
            name = f"{value.op.name} '{', '.join(value.origin)}'"
            context.stays(before, f"{name} merges axes {left} and {right}, which are not neighbours before it")
            return


def _row(value: Value, source: Value) -> list[Value]:
    """The moves that make `value` of `source`, from the last to the first."""
    row = []
    while value != source:
        row.append(value)
        value = value.node.inputs[0]
    return row


def _cost(ops: Sequence[Op]) -> tuple[int, int]:
    """Transposes copy, reshapes seldom do."""
    return sum(isinstance(op, Transpose) for op in ops), len(ops)
