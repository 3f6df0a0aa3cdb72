"""Layer and RMS normalization written out, in the ways of exporters."""

from __future__ import annotations

import pytest

from optimizer.support import Builder, optimized
from webdnn.graph.dim import symbol
from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import Normalize, Reduce
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
