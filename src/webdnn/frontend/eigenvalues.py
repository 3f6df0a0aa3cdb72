"""Eigenvalues of symmetric matrices and singular values, by Jacobi's rotations.

A rotation of two columns makes this pair orthogonal (or one element off the diagonal 0), and disturbs others by less. After a
*sweep*, in which every pair had its turn, what is left is about the square of what there was, so a fixed number of sweeps is
enough for float32, whatever the matrix. In an iteration each column has a partner, as in a tournament, so that half as many
rotations as columns are computed at once.

The columns c and p, partners, become cos · c − sin · p and sin · c + cos · p. Seen from p, the angle is the opposite one, so
both are cos · own − sin · partner.
"""

from __future__ import annotations

import numpy as np

from webdnn.frontend.linear_algebra import (
    diagonal_of,
    flipped,
    identities,
    matrix_sizes,
    product,
    qr,
    square_size,
)
from webdnn.frontend.loops import Values, loop
from webdnn.frontend.writer import Array, Writer
from webdnn.graph.dim import Size, number
from webdnn.graph.graph import Value
from webdnn.graph.ops.indexing import ArgSort, Gather, GatherElements
from webdnn.graph.ops.reduction import Reduce

SWEEPS = 8
"""And one for each doubling of the size. Matrices of 4 columns are done after five, of 64 after nine."""


def partners(size: int) -> Array:
    """(iterations, size): whom each of `size` players meets, so that each pair meets once a sweep. Who has no partner meets itself."""
    count = size + size % 2
    rounds = []
    others = list(range(1, count))
    for _ in range(max(count - 1, 1)):
        table = [0, *others]
        opponent = np.arange(count)
        for one, two in zip(table[: count // 2], table[: count // 2 - 1 : -1], strict=True):
            opponent[one], opponent[two] = two, one
        opponent = opponent[:size]
        rounds.append(np.where(opponent < size, opponent, np.arange(size)))
        others = others[-1:] + others[:-1]
    return np.tile(np.array(rounds), (SWEEPS + size.bit_length(), 1))


def _rotations(w: Writer, own: Value, other: Value, joint: Value, partner: Value) -> tuple[Value, Value]:
    """(cos, sin) of the rotation that makes columns orthogonal whose squared lengths are `own` and, of their partners, `other`, and whose products
    with these are `joint`."""
    e = w.elementwise
    places = w.literal(np.arange(number(partner.shape[0])))
    is_alone = e("logical_or", e("equal", joint, 0.0), e("equal", partner, places))
    half = e("div", e("sub", other, own), e("where", is_alone, 1.0, e("mul", joint, 2.0)))
    first = e("where", e("less", places, partner), w.fill((), 1, "float32"), -1.0)
    side = e("where", e("equal", half, 0.0), first, e("sign", half))
    size = e("abs", half)
    # √(1 + size²), without the square of what is large
    least, most = e("min", size, 1.0), e("max", size, 1.0)
    root = e("mul", most, e("sqrt", e("add", e("square", e("div", least, most)), 1.0)))
    tangent = e("where", is_alone, 0.0, e("div", side, e("add", size, root)))
    cosine = e("rsqrt", e("add", e("square", tangent), 1.0))
    return cosine, e("mul", cosine, tangent)


def _turned(w: Writer, x: Value, cosine: Value, sine: Value, partner: Value) -> Value:
    """The columns of x after the rotation."""
    across = w.apply(Gather(x.type.rank - 1), x, partner)
    return w.elementwise("sub", w.elementwise("mul", x, cosine), w.elementwise("mul", across, sine))


def _of_rank_3(w: Writer, x: Value) -> Value:
    """x with one axis before the matrices."""
    count: Size = 1
    for size in x.shape[:-2]:
        count = count * size
    return w.reshape(x, (count, *x.shape[-2:]))


def eigen_symmetric(w: Writer, x: Value) -> tuple[Value, Value]:
    """Eigenvalues (…, N) of (x + xᵀ) / 2, the smallest first, and its eigenvectors as columns (…, N, N). Their signs are of our choice."""
    e = w.elementwise
    size = square_size(x)
    flat = _of_rank_3(w, x)

    def step(states: Values, elements: Values, _: Values) -> tuple[Values, Values]:
        (a, vectors), (partner,) = states, elements
        own = w.reshape(diagonal_of(w, a), (a.shape[0], 1, size))
        other = w.apply(Gather(2), own, partner)
        joint = w.reshape(diagonal_of(w, w.apply(Gather(2), a, partner)), own.shape)
        cosine, sine = _rotations(w, own, other, joint, partner)
        half = flipped(w, _turned(w, a, cosine, sine, partner))
        return [_turned(w, half, cosine, sine, partner), _turned(w, vectors, cosine, sine, partner)], []

    symmetric = e("mul", e("add", flat, flipped(w, flat)), 0.5)
    schedule = partners(size)
    (found, vectors), _ = loop(
        w, len(schedule), [symmetric, identities(w, flat, size)], [w.literal(schedule)], [], step
    )
    vectors, lengths = _of_length_one(w, vectors)
    values = e("div", diagonal_of(w, found), e("square", w.reshape(lengths, (flat.shape[0], size))))
    order = w.apply(ArgSort(size), e("neg", values))
    values = w.apply(GatherElements(), values, order)
    return w.reshape(values, x.shape[:-1]), w.reshape(_columns_in_order(w, vectors, order), x.shape)


def _of_length_one(w: Writer, vectors: Value) -> tuple[Value, Value]:
    """Columns divided by their lengths, and these (B, 1, N). Rounding lets rotations stretch a little, also what was turned along with these."""
    lengths = w.elementwise("sqrt", w.apply(Reduce("sum", (1,), True), w.elementwise("square", vectors)))
    return w.elementwise("div", vectors, lengths), lengths


def _columns_in_order(w: Writer, x: Value, order: Value) -> Value:
    """x (B, M, N) with its columns in the order (B, N) of each matrix."""
    rows = w.reshape(order, (order.shape[0], 1, order.shape[1]))
    rows = w.elementwise("add", rows, w.literal(np.zeros((number(x.shape[1]), 1), np.int32)))
    return w.apply(GatherElements(), x, rows)


def _orthogonal_columns(w: Writer, x: Value) -> tuple[Value, Value]:
    """(x V, V) for x (B, M, N), where the columns of x V are orthogonal and V is a rotation."""
    e = w.elementwise
    schedule = partners(number(x.shape[2]))

    def step(states: Values, elements: Values, _: Values) -> tuple[Values, Values]:
        (a, v), (partner,) = states, elements
        own = w.apply(Reduce("sum", (1,), True), e("square", a))
        joint = w.apply(Reduce("sum", (1,), True), e("mul", a, w.apply(Gather(2), a, partner)))
        cosine, sine = _rotations(w, own, w.apply(Gather(2), own, partner), joint, partner)
        return [_turned(w, state, cosine, sine, partner) for state in (a, v)], []

    start = identities(w, x, schedule.shape[1])
    (found, rotation), _ = loop(w, len(schedule), [x, start], [w.literal(schedule)], [], step)
    rotation, lengths = _of_length_one(w, rotation)
    return e("div", found, lengths), rotation


def _lengths_in_order(w: Writer, x: Value) -> tuple[Value, Value]:
    """The lengths (B, N) of the columns of x, the longest first, and their order."""
    lengths = w.elementwise("sqrt", w.apply(Reduce("sum", (1,)), w.elementwise("square", x)))
    order = w.apply(ArgSort(lengths.shape[1]), lengths)
    return w.apply(GatherElements(), lengths, order), order


def singular_values(w: Writer, x: Value) -> Value:
    """(…, M, N) → (…, min(M, N)), the largest first."""
    height, width = matrix_sizes(x)
    flat = _of_rank_3(w, x)
    turned, _ = _orthogonal_columns(w, flat if height >= width else flipped(w, flat))
    lengths, _ = _lengths_in_order(w, turned)
    return w.reshape(lengths, (*x.shape[:-2], lengths.shape[1]))


def singular(w: Writer, x: Value, is_full: bool) -> tuple[Value, Value, Value]:
    """x (…, M, N) = U S Vᵀ: (U, the diagonal of S, Vᵀ), with K = min(M, N) columns in U and rows in Vᵀ, or all if `is_full`. Signs are of our choice.

    A column of x V is one of U times its singular value. U is taken from its decomposition into Q and R, which finds the
    further columns, too, and those of singular values that are 0.
    """
    height, width = matrix_sizes(x)
    if height < width:
        v, values, transposed_u = singular(w, flipped(w, x), is_full)
        return flipped(w, transposed_u), values, flipped(w, v)
    turned, rotation = _orthogonal_columns(w, _of_rank_3(w, x))
    values, order = _lengths_in_order(w, turned)
    q, r = qr(w, _columns_in_order(w, turned, order))
    diagonal = w.reshape(diagonal_of(w, r), (values.shape[0], 1, width))
    ones = w.fill(diagonal.shape, 1, "float32")
    signs = w.elementwise("where", w.elementwise("less", diagonal, 0.0), w.elementwise("neg", ones), ones)
    u = w.elementwise("mul", w.cut(q, 2, 0, width), signs)
    if is_full and height > width:
        u = w.concat([u, w.cut(q, 2, width, height - width)], 2)
    v = _columns_in_order(w, rotation, order)
    batch = x.shape[:-2]
    return (
        w.reshape(u, (*batch, *u.shape[1:])),
        w.reshape(values, (*batch, width)),
        w.reshape(flipped(w, v), (*batch, width, width)),
    )


def inverse_values(w: Writer, values: Value, least: Value) -> Value:
    """1 / s where s > least, else 0."""
    keep = w.elementwise("greater", values, least)
    return w.elementwise("where", keep, w.elementwise("reciprocal", w.elementwise("where", keep, values, 1.0)), 0.0)


def pseudo_inverse(w: Writer, x: Value, relative: float) -> Value:
    """(…, M, N) → (…, N, M); singular values up to `relative` times the largest count as 0."""
    u, values, v = singular(w, x, is_full=False)
    last = values.type.rank - 1
    inverted = inverse_values(w, values, w.elementwise("mul", w.cut(values, last, 0, 1), relative))
    weighted = w.elementwise("mul", flipped(w, v), w.reshape(inverted, (*values.shape[:-1], 1, values.shape[-1])))
    return product(w, weighted, flipped(w, u))
