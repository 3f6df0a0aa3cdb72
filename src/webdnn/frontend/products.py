"""Products of tensors as matrix products: what NumPy's matmul and einsum mean."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.frontend.writer import Writer
from webdnn.graph.dim import Size, number, product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Constant, Value
from webdnn.graph.ops.matmul import BatchMatMul, MatMul
from webdnn.graph.ops.reduction import Reduce

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ELLIPSIS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def matmul(w: Writer, x: Value, y: Value) -> Value:
    """NumPy's: the last two axes are matrices, those before them broadcast; a vector is a row on the left and a column on the right."""
    rows = x if x.type.rank > 1 else w.reshape(x, (1, *x.shape))
    columns = y if y.type.rank > 1 else w.reshape(y, (*y.shape, 1))
    op = MatMul() if isinstance(columns.op, Constant) and columns.type.rank == 2 else BatchMatMul()
    result = w.apply(op, rows, columns)
    shape = list(result.shape)
    if y.type.rank == 1:
        shape.pop()
    if x.type.rank == 1:
        shape.pop(-2 if y.type.rank > 1 else -1)
    return w.reshape(result, shape)


def einsum(w: Writer, equation: str, *operands: Value) -> Value:
    """One or two operands, no axis twice in one; `...` stands for the axes of the longest operand that have no letter."""
    *inputs, output = _letters(equation, [x.type.rank for x in operands])
    if len(operands) == 1:
        (letters,) = inputs
        return _reordered(w, *_summed(w, operands[0], letters, output), output)
    if len(operands) != 2:
        raise UnsupportedError(f"einsum {equation!r} of {len(operands)} operands; one or two are supported")
    (x, left), (y, right) = (
        _summed(w, operand, letters, output + other)
        for operand, letters, other in zip(operands, inputs, reversed(inputs), strict=True)
    )
    batch = [a for a in left if a in right and a in output]
    joined = [a for a in left if a in right and a not in output]
    rows, columns = [a for a in left if a not in right], [a for a in right if a not in left]
    sizes = {**dict(zip(left, x.shape, strict=True)), **_large(dict(zip(right, y.shape, strict=True)))}
    x = _matrices(w, _reordered(w, x, left, "".join(batch + rows + joined)), len(batch), len(rows))
    y = _matrices(w, _reordered(w, y, right, "".join(batch + joined + columns)), len(batch), len(joined))
    shape = [sizes.get(a, 1) for a in batch + rows + columns]
    return _reordered(w, w.reshape(matmul(w, x, y), shape), "".join(batch + rows + columns), output)


def contract(w: Writer, x: Value, y: Value, left: Sequence[int], right: Sequence[int]) -> Value:
    """The sum over pairs of axes, `left[i]` of x with `right[i]` of y; the result has the other axes of x, then those of y."""
    rows = list(LETTERS[: x.type.rank])
    columns = list(LETTERS[x.type.rank : x.type.rank + y.type.rank])
    for a, b in zip(left, right, strict=True):
        columns[b] = rows[a]
    kept = [name for axis, name in enumerate(rows) if axis not in left]
    kept += [name for axis, name in enumerate(columns) if axis not in right]
    return einsum(w, f"{''.join(rows)},{''.join(columns)}->{''.join(kept)}", x, y)


def _large(sizes: dict[str, Size]) -> dict[str, Size]:
    """Without axes of size 1, which broadcast."""
    return {name: size for name, size in sizes.items() if size != 1}


def _letters(equation: str, ranks: Sequence[int]) -> list[str]:
    """The letters of every operand, and of the result, with letters for `...`."""
    left, arrow, output = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ranks) or any(x.count("...") > 1 for x in inputs):
        raise UnsupportedError(f"einsum {equation!r} of {len(ranks)} operands")
    hidden = [rank - len(x.replace("...", "")) if "..." in x else 0 for x, rank in zip(inputs, ranks, strict=True)]
    most = max(hidden)
    if not arrow:
        letters = left.replace("...", "").replace(",", "")
        output = ("..." if most else "") + "".join(sorted(a for a in set(letters) if letters.count(a) == 1))
    named = [x.replace("...", ELLIPSIS[most - count : most]) for x, count in zip(inputs, hidden, strict=True)]
    named.append(output.replace("...", ELLIPSIS[:most]))
    if any(len(set(x)) != len(x) for x in named):
        raise UnsupportedError(f"einsum {equation!r}: an axis twice in one operand")
    return named


def _summed(w: Writer, x: Value, letters: str, wanted: str) -> tuple[Value, str]:
    """`x` without the axes that nothing else mentions."""
    gone = tuple(axis for axis, a in enumerate(letters) if a not in wanted)
    return (w.apply(Reduce("sum", gone), x), "".join(a for a in letters if a in wanted)) if gone else (x, letters)


def _reordered(w: Writer, x: Value, letters: str, wanted: str) -> Value:
    permutation = [letters.index(a) for a in wanted]
    if isinstance(x.op, Constant) and permutation != sorted(permutation):
        return w.literal(x.op.array.transpose(permutation))
    return w.transpose(x, permutation)


def _matrices(w: Writer, x: Value, batch: int, rows: int) -> Value:
    """x (batch…, rows…, columns…) → (batch…, product of rows, product of columns)."""
    shape = (*x.shape[:batch], product(x.shape[batch : batch + rows]), product(x.shape[batch + rows :]))
    if isinstance(x.op, Constant):
        return w.literal(x.op.array.reshape([number(size) for size in shape]))  # still a constant, for MatMul
    return w.reshape(x, shape)
