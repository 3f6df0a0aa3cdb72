"""Transposes of the factors of products: seen, not made."""

from __future__ import annotations

import pytest

from optimizer.support import Builder, optimized
from webdnn.graph.dim import symbol
from webdnn.graph.graph import apply
from webdnn.graph.ops import BatchMatMul, Transpose
from webdnn.graph.ops.elementwise import elementwise

N = symbol("N")
HEADS = Transpose((0, 2, 1, 3))


def test_heads_of_attention_are_read_as_they_lie() -> None:
    b = Builder()
    q, k, v = (b.input(N, length, 2, 4) for length in (5, 7, 7))
    turned = apply(Transpose((0, 1, 3, 2)), apply(HEADS, k))
    scores = apply(BatchMatMul(), apply(HEADS, q), turned)
    graph = optimized(b.graph(apply(BatchMatMul(), scores, apply(HEADS, v))), ["BatchMatMul", "BatchMatMul"], {"N": 3})
    outer = graph.outputs[0]
    assert outer.op.right == (0, 2, 1, 3)
    inner = outer.node.inputs[0]
    assert (inner.op.left, inner.op.right) == ((0, 2, 1, 3), (0, 2, 3, 1))


def test_a_transpose_and_its_inverse_leave_the_factor_as_it_lies() -> None:
    b = Builder()
    x, y = b.input(2, 3, 4), b.input(2, 5, 4)
    seen = apply(BatchMatMul(right=(0, 2, 1)), x, apply(Transpose((0, 2, 1)), apply(Transpose((0, 2, 1)), y)))
    assert optimized(b.graph(seen), ["BatchMatMul"]).outputs[0].op.right == (0, 2, 1)


def test_a_transpose_with_other_readers_stays_for_them() -> None:
    b = Builder()
    x, y = b.input(2, 3, 4), b.input(2, 4, 3)
    turned = apply(Transpose((0, 2, 1)), y)
    graph = optimized(b.graph(apply(BatchMatMul(), x, turned.node.inputs[0]), turned), ["BatchMatMul", "Transpose"])
    assert len(graph.outputs) == 2


@pytest.mark.parametrize("between", ["neg", "relu"])
def test_what_stands_between_is_computed(between: str) -> None:
    b = Builder()
    x, y = b.input(2, 3, 4), b.input(2, 3, 4)
    factor = elementwise(between, apply(Transpose((0, 2, 1)), y))
    optimized(b.graph(apply(BatchMatMul(), x, factor)), ["Elementwise", "BatchMatMul"])
