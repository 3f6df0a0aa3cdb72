"""Products of tensors as matrix products: what NumPy's matmul and einsum mean.

In einsum every axis of an operand has a letter, as in `bij,bjk->bik`: axes of one letter run together, and letters that
the result lacks are summed over. Two operands are multiplied as matrices once their axes are sorted into four groups:
*batch* axes, which both operands and the result have; *joined* axes, which both operands have and the result lacks; the
other axes of the left operand, the *rows*; and those of the right one, the *columns*.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters

from webdnn.frontend.writer import Writer
from webdnn.graph.dim import Size, number, product
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Constant, Value
from webdnn.graph.ops.matmul import BatchMatMul, MatMul
from webdnn.graph.ops.reduction import Reduce

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def matmul(w: Writer, x: Value, y: Value) -> Value:
    """NumPy's matmul: the last two axes are matrices, and the axes before them broadcast. A vector is taken as a row on the left and as a column on
    the right, and the axis that it lacks is missing from the result, too."""
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
    """NumPy's einsum. The first two operands are multiplied, then their product and the third, and so on.

    `...` stands for axes without a letter, as many as the operand has; they broadcast, so they are counted from the last
    one. A letter that an operand has twice, as in `ii->i`, takes the diagonal of these two axes. Raises UnsupportedError
    for an equation that does not fit the operands.
    """
    *inputs, output = _letters(equation, [x.type.rank for x in operands])
    terms = [_with_distinct_letters(w, x, letters) for x, letters in zip(operands, inputs, strict=True)]
    while len(terms) > 1:
        (x, left), (y, right), *rest = terms
        later = output + "".join(letters for _, letters in rest)  # what this product must keep
        wanted = "".join(dict.fromkeys(a for a in left + right if a in later)) if rest else output
        terms = [(_product(w, x, left, y, right, wanted), wanted), *rest]
    ((x, letters),) = terms
    return _reordered(w, *_summed(w, x, letters, output), output)


def _product(w: Writer, x: Value, left: str, y: Value, right: str, wanted: str) -> Value:
    """The product of `x`, whose axes have the letters `left`, and `y` with the letters `right`. It is summed over all letters
    but `wanted`; the axes of the result are in the order of these.

    The first factor gives the rows of the result. Where the second one's axes come first in `wanted`, the two are exchanged, so that the result need
    not be transposed; a constant stays the second, as a weight."""
    if _comes_first(right, left, wanted) and not isinstance(y.op, Constant):
        x, left, y, right = y, right, x, left
    (x, left), (y, right) = _summed(w, x, left, wanted + right), _summed(w, y, right, wanted + left)
    batch = [a for a in left if a in right and a in wanted]
    joined = [a for a in left if a in right and a not in wanted]
    rows, columns = [a for a in left if a not in right], [a for a in right if a not in left]
    # An axis of size 1 in one operand broadcasts, so the other operand has the size of the result.
    sizes = {**dict(zip(left, x.shape, strict=True)), **_without_ones(dict(zip(right, y.shape, strict=True)))}
    x = _matrices(w, _reordered(w, x, left, "".join(batch + rows + joined)), len(batch), len(rows))
    y = _matrices(w, _reordered(w, y, right, "".join(batch + joined + columns)), len(batch), len(joined))
    shape = [sizes.get(a, 1) for a in batch + rows + columns]
    return _reordered(w, w.reshape(matmul(w, x, y), shape), "".join(batch + rows + columns), wanted)


def _comes_first(letters: str, others: str, wanted: str) -> bool:
    """Whether the first axis of `wanted` that only one factor has is that of the factor with these `letters`."""
    own = next((a for a in wanted if (a in letters) != (a in others)), None)
    return own is not None and own in letters


def _with_distinct_letters(w: Writer, x: Value, letters: str) -> tuple[Value, str]:
    """`x` and its letters, with the diagonal of two axes of one letter in their place, as the last axis: `iji` becomes `ji`."""
    repeated = next((a for a in letters if letters.count(a) > 1), None)
    if repeated is None:
        return x, letters
    first = letters.index(repeated)
    second = letters.index(repeated, first + 1)
    rest = "".join(a for axis, a in enumerate(letters) if axis not in (first, second))
    return _with_distinct_letters(w, diagonal(w, x, first, second), rest + repeated)


def diagonal(w: Writer, x: Value, first: int, second: int, offset: int = 0) -> Value:
    """The elements at (i, i + offset) of the axes `first` and `second`, for every i for which there are such; they become the
    last axis of the result. Raises UnsupportedError where one of the axes is symbolic."""
    rank = x.type.rank
    pair = [axis % rank for axis in (first, second)]
    moved = w.transpose(x, [*(axis for axis in range(rank) if axis not in pair), *pair])
    rows, columns = moved.shape[-2:]
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise UnsupportedError(f"the diagonal of the symbolic sizes {rows} and {columns}")
    # The two axes as one: element (i, j) stands at i · columns + j.
    places = [i * columns + i + offset for i in range(rows) if 0 <= i + offset < columns]
    return w.take(w.reshape(moved, (*moved.shape[:-2], rows * columns)), rank - 2, places)


def contract(w: Writer, x: Value, y: Value, left: Sequence[int], right: Sequence[int]) -> Value:
    """The product of x and y, summed over pairs of axes: `left[i]` of x runs together with `right[i]` of y. The result has the other axes of x, then
    those of y. This is NumPy's tensordot."""
    rows = list(LETTERS[: x.type.rank])
    columns = list(LETTERS[x.type.rank : x.type.rank + y.type.rank])
    for a, b in zip(left, right, strict=True):
        columns[b] = rows[a]
    kept = [name for axis, name in enumerate(rows) if axis not in left]
    kept += [name for axis, name in enumerate(columns) if axis not in right]
    return einsum(w, f"{''.join(rows)},{''.join(columns)}->{''.join(kept)}", x, y)


def _without_ones(sizes: dict[str, Size]) -> dict[str, Size]:
    """The sizes that are not 1, by letter."""
    return {name: size for name, size in sizes.items() if size != 1}


def _letters(equation: str, ranks: Sequence[int]) -> list[str]:
    """The letters of every operand's axes, then those of the result's, for operands of these `ranks`.

    In place of `...` stand letters that the equation does not use; an operand with fewer such axes gets the last ones of
    them, as broadcasting wants it. Without `->` the result has the letters that occur once, in alphabetical order, as NumPy
    says.
    """
    left, arrow, output = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ranks) or any(x.count("...") > 1 for x in inputs):
        raise UnsupportedError(f"einsum {equation!r} of {len(ranks)} operands")
    hidden = [rank - len(x.replace("...", "")) if "..." in x else 0 for x, rank in zip(inputs, ranks, strict=True)]
    most = max(hidden)
    if not arrow:
        letters = left.replace("...", "").replace(",", "")
        output = ("..." if most else "") + "".join(sorted(a for a in set(letters) if letters.count(a) == 1))
    free = [letter for letter in ascii_letters if letter not in equation][:most]
    named = [x.replace("...", "".join(free[most - count :])) for x, count in zip(inputs, hidden, strict=True)]
    return [*named, output.replace("...", "".join(free))]


def _summed(w: Writer, x: Value, letters: str, wanted: str) -> tuple[Value, str]:
    """`x` and its letters, summed over the axes whose letters are not `wanted`: neither another operand nor the result has them."""
    gone = tuple(axis for axis, a in enumerate(letters) if a not in wanted)
    return (w.apply(Reduce("sum", gone), x), "".join(a for a in letters if a in wanted)) if gone else (x, letters)


def _reordered(w: Writer, x: Value, letters: str, wanted: str) -> Value:
    """`x` with its axes in the order of `wanted`, which has the same letters. A constant stays one, since only constants are weights of a MatMul."""
    permutation = [letters.index(a) for a in wanted]
    if isinstance(x.op, Constant) and permutation != sorted(permutation):
        return w.literal(x.op.array.transpose(permutation))
    return w.transpose(x, permutation)


def _matrices(w: Writer, x: Value, batch: int, rows: int) -> Value:
    """x as matrices: its first `batch` axes stay, the next `rows` axes become one, and so do the rest. A constant stays one, as in `_reordered`."""
    shape = (*x.shape[:batch], product(x.shape[batch : batch + rows]), product(x.shape[batch + rows :]))
    if isinstance(x.op, Constant):
        return w.literal(x.op.array.reshape([number(size) for size in shape]))
    return w.reshape(x, shape)
