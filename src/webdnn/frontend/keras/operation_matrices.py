"""Operations of keras.ops.linalg: solutions, decompositions and norms of matrices of known size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from webdnn.frontend.eigenvalues import eigen_symmetric, inverse_values, pseudo_inverse, singular, singular_values
from webdnn.frontend.keras.lowering import Context, array_of, positive_axes
from webdnn.frontend.keras.operation_elementwise import OperationLowering, tensor
from webdnn.frontend.keras.operation_reductions import reduced, without
from webdnn.frontend.linear_algebra import (
    cholesky,
    determinant,
    flipped,
    identities,
    inverse,
    log_determinant,
    lu,
    matrix_sizes,
    pivots_of,
    product,
    qr,
    solve,
    solve_triangular,
    square_size,
)
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import Reduce

EPSILON = float(np.finfo(np.float32).eps)


def of_matrices(compute: Callable[[Context, Value], Any]) -> OperationLowering:
    """What `compute(context, x)` gives for an operation without arguments."""
    return lambda c, _, x: compute(c, x)


def lower_lu(c: Context, _: Any, x: Value) -> list[Value]:
    factors, pivots = lu(c, x, min(matrix_sizes(x)))
    return [factors, pivots_of(c, pivots)]


def lower_solve(c: Context, _: Any, a: Any, b: Any) -> Value:
    """A vector for b where it has one axis, or where it cannot be a matrix."""
    x, y = tensor(c, a), tensor(c, b)
    is_matrix = y.type.rank > 1 and y.shape[-2] == square_size(x)
    return _solved(c, x, y, is_matrix, lambda y: solve(c, x, y))


def lower_solve_triangular(c: Context, operation: Any, a: Any, b: Any) -> Value:
    """Several vectors for b where it has one axis less than a, and matching sizes."""
    x, y = tensor(c, a), tensor(c, b)
    is_matrix = y.type.rank > 1 and not (y.type.rank == x.type.rank - 1 and y.shape[-1] == square_size(x))
    return _solved(c, x, y, is_matrix, lambda y: solve_triangular(c, x, y, bool(operation.lower)))


def _solved(c: Context, a: Value, b: Value, is_matrix: bool, solve_: Callable[[Value], Value]) -> Value:
    """`solve_(b)`, where a vector is a matrix of one column."""
    if is_matrix:
        return solve_(b)
    if b.shape[-1] != square_size(a):
        raise UnsupportedError(f"a right side of shape {b.shape} for matrices {a.shape}")
    found = solve_(c.reshape(b, (*b.shape, 1)))
    return c.reshape(found, found.shape[:-1])


def lower_cholesky(c: Context, operation: Any, x: Value) -> Value:
    lower = cholesky(c, x)
    return flipped(c, lower) if operation.upper else lower


def lower_cholesky_inverse(c: Context, operation: Any, x: Value) -> Value:
    """The inverse of the matrix whose triangular factor is x."""
    factor = solve_triangular(c, x, identities(c, x, square_size(x)), lower=not operation.upper)
    return product(c, factor, flipped(c, factor)) if operation.upper else product(c, flipped(c, factor), factor)


def lower_qr(c: Context, operation: Any, x: Value) -> list[Value]:
    q, r = qr(c, x)
    if operation.mode == "complete":
        return [q, r]
    if operation.mode != "reduced":
        raise UnsupportedError(f"mode {operation.mode!r}; reduced and complete are supported")
    size, rank = min(matrix_sizes(x)), x.type.rank
    return [c.cut(q, rank - 1, 0, size), c.cut(r, rank - 2, 0, size)]


def lower_svd(c: Context, operation: Any, x: Value) -> list[Value]:
    if not operation.compute_uv:
        _ = operation.full_matrices  # which says how many columns there would be
        return [singular_values(c, x)]
    return list(singular(c, x, bool(operation.full_matrices)))


def lower_pseudo_inverse(c: Context, operation: Any, x: Value) -> Value:
    usual = 10 * max(matrix_sizes(x)) * EPSILON
    return pseudo_inverse(c, x, usual if operation.rcond is None else float(array_of(operation.rcond)))


def lower_least_squares(c: Context, operation: Any, a: Any, b: Any) -> Value:
    """The shortest of the y for which a y is nearest to b."""
    x, y = tensor(c, a), tensor(c, b)
    relative = max(matrix_sizes(x)) * EPSILON if operation.rcond is None else float(array_of(operation.rcond))
    relative = EPSILON if relative < 0 else relative
    u, values, v = singular(c, x, is_full=False)
    largest = c.cut(values, 0, 0, 1)
    # What is as small as the limit still counts, so the limit is the next smaller number.
    limit = c.elementwise("mul", largest, relative * (1 - EPSILON / 2))
    scale = c.reshape(inverse_values(c, values, limit), (values.shape[0], 1))
    columns = y if y.type.rank == 2 else c.reshape(y, (*y.shape, 1))
    found = product(c, flipped(c, v), c.elementwise("mul", scale, product(c, flipped(c, u), columns)))
    return found if y.type.rank == 2 else c.reshape(found, found.shape[:1])


def lower_rank(c: Context, operation: Any, x: Value) -> Value:
    """How many singular values are larger than `tol`."""
    values = singular_values(c, x)
    last = values.type.rank - 1
    usual = max(matrix_sizes(x)) * EPSILON
    limit = float(array_of(operation.tol)) if operation.tol is not None else None
    least = c.elementwise("mul", c.cut(values, last, 0, 1), usual) if limit is None else limit
    return c.apply(Reduce("sum", (last,)), c.cast(c.elementwise("greater", values, least), "int32"))


def lower_norm(c: Context, operation: Any, x: Value) -> Value:
    return norm(c, x, operation.ord, operation.axis, bool(operation.keepdims))


def norm(c: Context, x: Value, order: Any, axis: Any, keep: bool) -> Value:
    """Of vectors along one axis, of matrices along two. Without an order it is the root of the sum of squares, over any number of axes."""
    axes = positive_axes(axis, x.type.rank)
    if order is None or (order == "fro" and len(axes) == 2) or (order == 2 and len(axes) == 1):
        return c.elementwise("sqrt", reduced(c, "sum", c.elementwise("square", x), axes, keep))
    if len(axes) == 1 and not isinstance(order, str):
        return vector_norm(c, x, float(order), axes, keep)
    if len(axes) == 2:
        given = (0, 1) if axis is None else axis
        rows, columns = (int(axis) % x.type.rank for axis in given)
        return without(c, matrix_norm(c, x, order, rows, columns), axes, keep)
    raise UnsupportedError(f"norm of order {order!r} over {len(axes)} axes")


def vector_norm(c: Context, x: Value, order: float, axes: tuple[int, ...], keep: bool) -> Value:
    size = c.elementwise("abs", x)
    if math.isinf(order):
        return reduced(c, "max" if order > 0 else "min", size, axes, keep)
    if order == 0:
        return reduced(c, "sum", c.cast(c.elementwise("not_equal", x, 0.0), "float32"), axes, keep)
    if order == 1:
        return reduced(c, "sum", size, axes, keep)
    total = reduced(c, "sum", c.elementwise("pow", size, order), axes, keep)
    return c.elementwise("pow", total, 1 / order)


def matrix_norm(c: Context, x: Value, order: Any, rows: int, columns: int) -> Value:
    """The largest or smallest sum of a column (1, −1) or of a row (∞, −∞), the largest or smallest singular value (2, −2), or their sum ("nuc")."""
    if order in (1, -1, math.inf, -math.inf):
        inner, outer = (rows, columns) if abs(order) == 1 else (columns, rows)
        sums = c.apply(Reduce("sum", (inner,), True), c.elementwise("abs", x))
        return c.apply(Reduce("max" if order > 0 else "min", (outer,), True), sums)
    kinds = {2: "max", -2: "min", "nuc": "sum"}
    if order not in kinds:
        raise UnsupportedError(f"norm of order {order!r} over two axes")
    others = [axis for axis in range(x.type.rank) if axis not in (rows, columns)]
    values = singular_values(c, c.transpose(x, [*others, rows, columns]))
    found = c.apply(Reduce(kinds[order], (values.type.rank - 1,)), values)
    return c.reshape(found, [1 if axis in (rows, columns) else size for axis, size in enumerate(x.shape)])


OPERATIONS: dict[str, OperationLowering] = {
    "Cholesky": lower_cholesky,
    "CholeskyInverse": lower_cholesky_inverse,
    "Det": of_matrices(determinant),
    "Eigh": of_matrices(eigen_symmetric),
    "Inv": of_matrices(inverse),
    "Logdet": of_matrices(lambda c, x: log_determinant(c, x)[1]),
    "Lstsq": lower_least_squares,
    "LuFactor": lower_lu,
    "MatrixRank": lower_rank,
    "Norm": lower_norm,
    "Pinv": lower_pseudo_inverse,
    "Qr": lower_qr,
    "SVD": lower_svd,
    "Slogdet": of_matrices(log_determinant),
    "Solve": lower_solve,
    "SolveTriangular": lower_solve_triangular,
}
