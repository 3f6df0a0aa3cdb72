"""Layer and RMS normalization written out, in the ways of exporters."""

from __future__ import annotations

import pytest

from optimizer.support import Builder, optimized
from webdnn.graph.dim import symbol
from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import GroupNormalize, Normalize, Reduce, Reshape
from webdnn.graph.ops.elementwise import elementwise

N = symbol("N")


def mean(x: Value, axis: int = 2) -> Value:
    return apply(Reduce("mean", (axis,), True), x)


SQUARES = {
    "square": lambda d: elementwise("square", d),
    "power": lambda d: elementwise("pow", d, 2.0),
    "product": lambda d: elementwise("mul", d, d),
}
QUOTIENTS = {
    "division": lambda d, v: elementwise("div", d, elementwise("sqrt", v)),
    "reciprocal root": lambda d, v: elementwise("mul", d, elementwise("rsqrt", v)),
    "root first": lambda d, v: elementwise("mul", elementwise("rsqrt", v), d),
}


@pytest.mark.parametrize("quotient", QUOTIENTS)
@pytest.mark.parametrize("square", SQUARES)
@pytest.mark.parametrize("centre", [True, False])
def test_written_out(square: str, quotient: str, centre: bool) -> None:
    b = Builder()
    x = b.input(N, 3, 8)
    d = elementwise("sub", x, mean(x)) if centre else x
    variance = elementwise("add", mean(SQUARES[square](d)), 1e-5)
    y = QUOTIENTS[quotient](d, variance)
    scaled = elementwise("add", elementwise("mul", y, b.weights(8)), b.weights(8))
    (op,) = [optimized(b.graph(scaled), ["Normalize"], {"N": 2}).outputs[0].op]
    assert isinstance(op, Normalize)
    assert (op.centre, op.epsilon) == (centre, 1e-5)
    assert op.program is not None


def test_each_of_two_means_is_made_for_itself() -> None:
    """x − mean(x) may be computed twice."""
    b = Builder()
    x = b.input(2, 3, 8)
    variance = elementwise("add", mean(elementwise("square", elementwise("sub", x, mean(x)))), 1e-5)
    optimized(b.graph(elementwise("div", elementwise("sub", x, mean(x)), elementwise("sqrt", variance))), ["Normalize"])


def look_alikes(x: Value, other: Value) -> dict[str, Value]:
    d = elementwise("sub", x, mean(x))
    root = elementwise("sqrt", elementwise("add", mean(elementwise("square", d)), 1e-5))
    rows = elementwise("sqrt", elementwise("add", mean(elementwise("square", x), 1), 1e-5))
    computed = elementwise("sqrt", elementwise("add", mean(elementwise("square", d)), mean(other)))
    total = elementwise("sqrt", elementwise("add", apply(Reduce("sum", (2,), True), elementwise("square", x)), 1e-5))
    return {
        "another dividend": elementwise("div", other, root),
        "the other way round": elementwise("div", root, d),
        "another axis": elementwise("div", x, rows),
        "an epsilon that is computed": elementwise("div", d, computed),
        "a sum": elementwise("div", x, total),
        "x by the deviation": elementwise("div", x, root),
    }


@pytest.mark.parametrize("name", look_alikes(Builder().input(2, 3, 8), Builder().input(2, 3, 8)))
def test_look_alikes_stay(name: str) -> None:
    b = Builder()
    graph = b.graph(look_alikes(b.input(2, 3, 8), b.input(2, 3, 8))[name])
    result = optimized(graph)
    assert not any(isinstance(node.op, Normalize) for node in result.nodes())


def standardized(x: Value, axes: tuple[int, ...], epsilon: float = 1e-3) -> Value:
    d = elementwise("sub", x, apply(Reduce("mean", axes, True), x))
    variance = apply(Reduce("mean", axes, True), elementwise("square", d))
    return elementwise("mul", d, elementwise("rsqrt", elementwise("add", variance, epsilon)))


# Shape, axes of the mean, and the groups of the op that does it; 0 where rows are normalized.
SPREAD = {
    "groups": ((N, 5, 4, 3, 5), (1, 2, 4), 3),
    "groups of an axis of size 1": ((N, 5, 1, 3, 4, 1), (1, 2, 4, 5), 3),
    "groups of one image": ((5, 4, 3, 6), (0, 1, 3), 3),
    "several axes": ((N, 5, 4, 6), (1, 2, 3), 0),
    "channels first": ((N, 3, 2, 5, 4), (2, 3, 4), 0),
    "everything": ((5, 4), (0, 1), 0),
}


@pytest.mark.parametrize("name", SPREAD)
def test_over_several_axes(name: str) -> None:
    shape, axes, groups = SPREAD[name]
    b = Builder()
    graph = optimized(b.graph(standardized(b.input(*shape), axes)), symbols={"N": 2})
    (op,) = [n.op for n in graph.nodes() if isinstance(n.op, GroupNormalize | Normalize)]
    assert getattr(op, "groups", 0) == groups
    assert not any(isinstance(n.op, Reduce) for n in graph.nodes())


def test_scales_of_groups_are_scales_of_channels() -> None:
    b = Builder()
    normal = standardized(b.input(N, 5, 4, 3, 4), (1, 2, 4))
    scaled = elementwise("add", elementwise("mul", normal, b.weights(1, 1, 1, 3, 4)), b.weights(3, 4))
    back = apply(Reshape((N, 5, 4, 12)), scaled)
    optimized(b.graph(back), ["Reshape", "GroupNormalize", "Reshape"], {"N": 2})


@pytest.mark.parametrize("axes", [(0, 2, 4), (1, 3), (0,), (1, 2)], ids=str)
def test_other_axes_stay(axes: tuple[int, ...]) -> None:
    b = Builder()
    graph = optimized(b.graph(standardized(b.input(2, 3, 4, 5, 6), axes)))
    assert any(isinstance(n.op, Reduce) for n in graph.nodes())


def test_groups_that_are_not_centred_stay() -> None:
    b = Builder()
    x = b.input(2, 4, 3, 5)
    square = apply(Reduce("mean", (1, 3), True), elementwise("square", x))
    graph = optimized(b.graph(elementwise("div", x, elementwise("sqrt", elementwise("add", square, 1e-3)))))
    assert any(isinstance(n.op, Reduce) for n in graph.nodes())
