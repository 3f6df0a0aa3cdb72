"""Solutions and decompositions of matrices, as loops over their columns.

Matrices are the last two axes of a tensor, of known sizes; the axes before them may be symbolic. An iteration works on the column k, whose number it
gets as an array (1): so it can be picked from all matrices of the batch at once, by `Gather`. Rows are told apart by masks, as `rows > k`, which
keeps every iteration the same.
"""

from __future__ import annotations

import numpy as np

from webdnn.frontend.loops import Values, loop, numbers
from webdnn.frontend.writer import Writer
from webdnn.graph.dim import number
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.indexing import ArgReduce, Gather
from webdnn.graph.ops.matmul import BatchMatMul
from webdnn.graph.ops.reduction import Reduce


def matrix_sizes(x: Value) -> tuple[int, int]:
    """(rows, columns). Raises UnsupportedError where they are symbolic."""
    rows, columns = x.shape[-2:]
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise UnsupportedError(f"matrices of the symbolic size {rows}×{columns}; fix the size in --input_shape")
    return rows, columns


def square_size(x: Value) -> int:
    """The number of rows and of columns. Raises UnsupportedError where they differ."""
    rows, columns = matrix_sizes(x)
    if rows != columns:
        raise UnsupportedError(f"matrices of {rows}×{columns}; square ones are wanted")
    return rows


def flipped(w: Writer, x: Value) -> Value:
    """The matrices transposed."""
    return w.swap(x, x.type.rank - 2, x.type.rank - 1)


def product(w: Writer, x: Value, y: Value) -> Value:
    return w.apply(BatchMatMul(), x, y)


def triangle(w: Writer, x: Value, upper: bool, offset: int = 0) -> Value:
    """x with zeros below (`upper`) or above a diagonal."""
    keep = (np.triu if upper else np.tril)(np.ones(matrix_sizes(x), bool), offset)
    return w.elementwise("where", w.literal(keep), x, 0.0)


def diagonal_of(w: Writer, x: Value) -> Value:
    """(…, M, N) → (…, min(M, N)): a mask and a sum, which costs a kernel and needs no indices."""
    size = min(matrix_sizes(x))
    square = w.cut(w.cut(x, x.type.rank - 2, 0, size), x.type.rank - 1, 0, size)
    kept = w.elementwise("where", w.literal(np.eye(size, dtype=bool)), square, 0.0)
    return w.apply(Reduce("sum", (x.type.rank - 1,)), kept)


def identities(w: Writer, x: Value, size: int) -> Value:
    """An identity matrix for each matrix of x."""
    return w.elementwise("add", w.fill((*x.shape[:-2], size, size), 0, "float32"), w.literal(np.eye(size)))


def _row(w: Writer, x: Value, k: Value) -> Value:
    """The row k: (…, 1, N)."""
    return w.apply(Gather(x.type.rank - 2), x, k)


def _column(w: Writer, x: Value, k: Value) -> Value:
    """The column k: (…, M, 1)."""
    return w.apply(Gather(x.type.rank - 1), x, k)


def _rows(w: Writer, size: int) -> Value:
    return w.literal(np.arange(size).reshape(-1, 1))


def _columns(w: Writer, size: int) -> Value:
    return w.literal(np.arange(size))


def _total(w: Writer, x: Value, axis: int) -> Value:
    """The sum along an axis, counted from the end, which is kept."""
    return w.apply(Reduce("sum", (x.type.rank + axis,), True), x)


def lu(w: Writer, x: Value, steps: int) -> tuple[Value, Value]:
    """Gauss's elimination of the first `steps` columns of x (…, M, N), with the largest pivot of each column.

    Gives x with U in and above the diagonal and the factors L below it, and the row with which each was exchanged: (steps, …, 1, 1). Columns from
    `steps` on become L⁻¹P times themselves. A pivot of 0 leaves its column alone, and a 0 in the diagonal of U.
    """
    e = w.elementwise
    height, width = matrix_sizes(x)
    rows, columns = _rows(w, height), _columns(w, width)

    def step(states: Values, elements: Values, _: Values) -> tuple[Values, Values]:
        (a,), (k,) = states, elements
        sizes = e("where", e("less", rows, k), -1.0, e("abs", _column(w, a, k)))
        best = w.apply(ArgReduce("max", a.type.rank - 2, True), sizes)
        is_best, is_here = e("equal", rows, best), e("equal", rows, k)
        pivot_row = _total(w, e("where", is_best, a, 0.0), -2)
        a = e("where", is_here, pivot_row, e("where", is_best, _row(w, a, k), a))
        pivot = _column(w, pivot_row, k)
        pivot = e("where", e("equal", pivot, 0.0), 1.0, pivot)
        below = e("greater", rows, k)
        factors = e("where", below, e("div", _column(w, a, k), pivot), 0.0)
        rest = e("sub", a, e("mul", factors, e("where", e("greater", columns, k), pivot_row, 0.0)))
        after = e("where", e("logical_and", below, e("equal", columns, k)), factors, rest)
        return [after], [best]

    (found,), (pivots,) = loop(w, steps, [x], [numbers(w, steps)], [], step)
    return found, pivots


def pivots_of(w: Writer, pivots: Value) -> Value:
    """The pivots of `lu` as (…, steps)."""
    flat = w.reshape(pivots, pivots.shape[:-2])
    return w.transpose(flat, [*range(1, flat.type.rank), 0])


def signs_of(w: Writer, pivots: Value) -> Value:
    """The determinant of the exchanges, (…): −1 for each."""
    rows = pivots_of(w, pivots)
    moved = w.elementwise("not_equal", rows, w.literal(np.arange(number(pivots.shape[0]))))
    signs = w.elementwise("where", moved, w.fill((), -1, "float32"), 1.0)
    return w.apply(Reduce("prod", (rows.type.rank - 1,)), signs)


def determinant(w: Writer, x: Value) -> Value:
    """(…, N, N) → (…)."""
    factors, pivots = lu(w, x, square_size(x))
    product_ = w.apply(Reduce("prod", (x.type.rank - 2,)), diagonal_of(w, factors))
    return w.elementwise("mul", product_, signs_of(w, pivots))


def log_determinant(w: Writer, x: Value) -> tuple[Value, Value]:
    """The sign of the determinant, and the logarithm of its size: 0 and −∞ where it is 0."""
    e = w.elementwise
    factors, pivots = lu(w, x, square_size(x))
    diagonal = diagonal_of(w, factors)
    last = (x.type.rank - 2,)
    sign = e("mul", w.apply(Reduce("prod", last), e("sign", diagonal)), signs_of(w, pivots))
    return sign, w.apply(Reduce("sum", last), e("log", e("abs", diagonal)))


def solve_triangular(w: Writer, a: Value, b: Value, lower: bool) -> Value:
    """The y with a y = b, where a (…, N, N) is taken as triangular: its other half is not looked at; b (…, N, M)."""
    e = w.elementwise
    size = square_size(a)
    rows = _rows(w, size)

    def step(states: Values, elements: Values, fixed: Values) -> tuple[Values, Values]:
        (y,), (k,), (matrix,) = states, elements, fixed
        column = _column(w, matrix, k)
        solved = e("div", _row(w, y, k), _row(w, column, k))
        rest = e("sub", y, e("mul", column, solved))
        is_open = e("greater" if lower else "less", rows, k)
        return [e("where", e("equal", rows, k), solved, e("where", is_open, rest, y))], []

    a, b = _same_batch(w, a, b)
    (found,), _ = loop(w, size, [b], [numbers(w, size)], [a], step, reverse=not lower)
    return found


def _same_batch(w: Writer, a: Value, b: Value) -> tuple[Value, Value]:
    """Both with the axes before the matrices that they have together: states keep their shape, so it must be that of the result."""
    if a.shape[:-2] == b.shape[:-2]:
        return a, b
    rank = max(a.type.rank, b.type.rank)
    a, b = (w.reshape(x, (1,) * (rank - x.type.rank) + x.shape) for x in (a, b))
    batch = tuple(m if n == 1 else n for m, n in zip(a.shape[:-2], b.shape[:-2], strict=True))
    whole = w.fill((*batch, 1, 1), 0, "float32")
    return w.elementwise("add", a, whole), w.elementwise("add", b, whole)


def solve(w: Writer, a: Value, b: Value) -> Value:
    """The y with a y = b; a (…, N, N), b (…, N, M)."""
    size = square_size(a)
    a, b = _same_batch(w, a, b)
    eliminated, _ = lu(w, w.concat([a, b], a.type.rank - 1), size)
    upper = w.cut(eliminated, a.type.rank - 1, 0, size)
    right = w.cut(eliminated, a.type.rank - 1, size, b.shape[-1])
    return solve_triangular(w, upper, right, lower=False)


def inverse(w: Writer, x: Value) -> Value:
    return solve(w, x, identities(w, x, square_size(x)))


def cholesky(w: Writer, x: Value) -> Value:
    """The lower triangular L with L Lᵀ = (x + xᵀ) / 2; NaN where x is not positive definite."""
    e = w.elementwise
    size = square_size(x)
    rows = _rows(w, size)

    def step(states: Values, elements: Values, _: Values) -> tuple[Values, Values]:
        (a,), (k,) = states, elements
        column = _column(w, a, k)
        root = e("sqrt", _row(w, column, k))
        factor = e("where", e("greater", rows, k), e("div", column, root), 0.0)
        factor = e("where", e("equal", rows, k), root, factor)
        return [e("sub", a, e("mul", factor, flipped(w, factor)))], [factor]

    symmetric = e("mul", e("add", x, flipped(w, x)), 0.5)
    _, (columns,) = loop(w, size, [symmetric], [numbers(w, size)], [], step)
    flat = w.reshape(columns, columns.shape[:-1])  # (size, …, N)
    return w.transpose(flat, [*range(1, flat.type.rank), 0])


def qr(w: Writer, x: Value) -> tuple[Value, Value]:
    """x (…, M, N) = Q (…, M, M) R (…, M, N), by Householder's reflections.

    Each of them makes the elements of a column below the diagonal 0; where they are 0 already there is none. The diagonal of R gets the sign
    opposite to what stood there, as in LAPACK, so that nothing cancels.
    """
    e = w.elementwise
    height, width = matrix_sizes(x)
    steps = min(height, width)
    rows = _rows(w, height)

    def step(states: Values, elements: Values, _: Values) -> tuple[Values, Values]:
        (q, r), (k,) = states, elements
        column = _column(w, r, k)
        below = e("where", e("greater", rows, k), column, 0.0)
        alpha = _row(w, column, k)
        square = _total(w, e("square", below), -2)
        length = e("sqrt", e("add", e("square", alpha), square))
        beta = e("where", e("less", alpha, 0.0), length, e("neg", length))
        is_done = e("equal", square, 0.0)
        gap = e("where", is_done, 1.0, e("sub", alpha, beta))
        factor = e("where", is_done, 0.0, e("div", gap, e("where", is_done, 1.0, e("neg", beta))))
        v = e("where", e("equal", rows, k), 1.0, e("div", below, gap))
        r = e("sub", r, e("mul", e("mul", v, factor), _total(w, e("mul", v, r), -2)))
        across = flipped(w, v)
        q = e("sub", q, e("mul", e("mul", _total(w, e("mul", q, across), -1), factor), across))
        return [q, r], []

    (q, r), _ = loop(w, steps, [identities(w, x, height), x], [numbers(w, steps)], [], step)
    return q, triangle(w, r, upper=True)
