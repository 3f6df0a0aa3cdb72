"""Normalisation by statistics of the data itself, as reductions and elementwise functions."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.frontend.writer import Writer
from webdnn.graph.dim import product
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import Reduce


def mean(w: Writer, x: Value, axes: Sequence[int]) -> Value:
    """The mean over `axes`, which stay with size 1."""
    return w.apply(Reduce("mean", tuple(axes), True), x)


def variance(w: Writer, x: Value, axes: Sequence[int]) -> Value:
    """mean((x − mean(x))²) over `axes`, which stay with size 1."""
    centred = w.elementwise("sub", x, mean(w, x, axes))
    return mean(w, w.elementwise("square", centred), axes)


def standardize(w: Writer, x: Value, axes: Sequence[int], epsilon: float) -> Value:
    """(x − mean) / √(variance + ε) over `axes`."""
    centred = w.elementwise("sub", x, mean(w, x, axes))
    return w.elementwise(
        "mul", centred, _inverse_deviation(w, mean(w, w.elementwise("square", centred), axes), epsilon)
    )


def over_deviation(w: Writer, x: Value, axes: Sequence[int], epsilon: float) -> Value:
    """x / √(variance + ε) over `axes`."""
    return w.elementwise("mul", x, _inverse_deviation(w, variance(w, x, axes), epsilon))


def over_root_mean_square(w: Writer, x: Value, axes: Sequence[int], epsilon: float) -> Value:
    """x / √(mean(x²) + ε) over `axes`."""
    return w.elementwise("mul", x, _inverse_deviation(w, mean(w, w.elementwise("square", x), axes), epsilon))


def _inverse_deviation(w: Writer, square: Value, epsilon: float) -> Value:
    return w.elementwise("rsqrt", w.elementwise("add", square, epsilon))


def over_length(w: Writer, x: Value, axes: Sequence[int], least: float) -> Value:
    """x / max(√Σx², least) over `axes`."""
    total = w.apply(Reduce("sum", tuple(axes), True), w.elementwise("square", x))
    return w.elementwise("mul", x, w.elementwise("rsqrt", w.elementwise("max", total, least * least)))


def standardize_groups(w: Writer, x: Value, axis: int, groups: int, epsilon: float) -> Value:
    """`standardize` over everything but the batch and, of `axis`, the group: its C channels are `groups` runs of neighbours."""
    before, after = x.shape[1:axis], x.shape[axis + 1 :]
    size = x.shape[axis] // groups
    grouped = w.reshape(x, (x.shape[0], product(before), groups, size, product(after)))
    kept = standardize(w, grouped, (1, 3, 4), epsilon)
    return w.reshape(kept, x.shape)
