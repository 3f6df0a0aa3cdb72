"""The optimizer on integers and truth: what is right for floats alone does not fire, what is right for all does."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.support import Builder, optimized
from webdnn.graph.graph import Constant, Value, apply
from webdnn.graph.ops import BatchMatMul, Elementwise, Fill, Gather, Iota, MatMul, Pad, Pool2D
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program


def whole(values: object, dtype: str = "int32") -> Value:
    return apply(Constant(np.asarray(values, dtype)))


def calls(value: Value) -> tuple[Call, ...]:
    return value.op.program.calls  # type: ignore[attr-defined, no-any-return]


def test_scalars_are_literals_beside_integers() -> None:
    b = Builder()
    y = elementwise("add", b.input(2, 3, dtype="int32"), whole([7]))
    assert calls(optimized(b.graph(y), ["Elementwise"]).outputs[0]) == (Call("add", (0, 7.0)),)


def test_of_scalars_alone_one_stays_an_input_that_tells_the_dtype() -> None:
    b = Builder()
    y = elementwise("where", b.input(2, 3, dtype="bool"), whole([1]), whole([-1]))
    graph = optimized(b.graph(y), ["Elementwise"])
    assert graph.outputs[0].dtype == "int32"


def test_sums_of_integer_literals_are_not_joined() -> None:
    b = Builder()
    x = b.input(2, 3, dtype="int32")
    y = elementwise("add", elementwise("add", x, 2147483647.0), 2147483647.0)
    assert len(calls(optimized(b.graph(y), ["Elementwise"]).outputs[0])) == 2


def test_a_difference_of_unsigned_literals_is_none() -> None:
    b = Builder()
    y = elementwise("sub", b.input(2, 3, dtype="uint8"), 3.0)
    assert calls(optimized(b.graph(y), ["Elementwise"]).outputs[0]) == (Call("sub", (0, 3.0)),)


@pytest.mark.parametrize(("function", "neutral"), [("add", 0.0), ("mul", 1.0), ("sub", 0.0)])
def test_neutral_elements_go(function: str, neutral: float) -> None:
    b = Builder()
    x = b.input(2, 3, dtype="int32")
    assert optimized(b.graph(elementwise(function, x, neutral)), []).outputs == (x,)


def test_a_cast_to_its_own_dtype_goes() -> None:
    b = Builder()
    x = b.input(2, 3, dtype="int8")
    assert optimized(b.graph(elementwise("to_int8", x)), []).outputs == (x,)


def test_a_chain_of_several_dtypes_is_one_op() -> None:
    b = Builder()
    x, i = b.input(2, 3), b.input(2, 3, dtype="int32")
    mask = elementwise("logical_and", elementwise("less", x, 0.5), elementwise("not_equal", i, 0.0))
    y = elementwise("where", mask, elementwise("to_float32", i), elementwise("exp", x))
    optimized(b.graph(y), ["Elementwise"])


def test_a_fill_is_a_literal() -> None:
    b = Builder()
    y = elementwise("mul", b.input(2, 3), apply(Fill((2, 3), 2.0)))
    assert calls(optimized(b.graph(y), ["Elementwise"]).outputs[0]) == (Call("mul", (0, 2.0)),)


def test_what_is_computed_from_a_small_iota_is_known() -> None:
    b = Builder()
    places = elementwise("mul", apply(Iota(3)), 2.0)
    y = apply(Gather(0), b.input(6, 2), places)
    graph = optimized(b.graph(y), ["Gather"])
    assert graph.outputs[0].node.inputs[1].op.array.tolist() == [0, 2, 4]  # type: ignore[attr-defined]


def test_scales_stay_outside_of_integer_weights_and_of_computed_ones() -> None:
    b = Builder()
    product = apply(MatMul(), b.input(2, 3, dtype="int32"), whole(np.arange(12).reshape(3, 4)))
    scaled = elementwise("mul", elementwise("add", product, whole([1, 2, 3, 4])), whole([3, 1, 2, 5]))
    optimized(b.graph(scaled), ["MatMul"])
    b = Builder()
    seen = apply(BatchMatMul((1, 0)), b.input(3, 2), b.weights(3, 4))
    optimized(b.graph(elementwise("mul", seen, b.weights(4))), ["BatchMatMul"])


def test_truth_is_not_folded_into_a_number() -> None:
    b = Builder()
    known = apply(Constant(np.array([True])))
    y = elementwise("where", elementwise("logical_or", b.input(2, 3, dtype="bool"), known), b.input(2, 3), 0.0)
    optimized(b.graph(y), ["Elementwise"])


def test_a_literal_is_no_step_of_its_number() -> None:
    """tanh(x − 5) · 2, where the product is step 2: no square, so padding with zeros stays."""
    b = Builder()
    program = Program(1, (Call("add", (0, -5.0)), Call("tanh", (1,)), Call("mul", (2, 2.0))))
    y = apply(Pad(((0, 0), (1, 1), (1, 1), (0, 0)), 0.0), apply(Elementwise(program), b.input(1, 4, 4, 2)))
    optimized(b.graph(apply(Pool2D("max", (2, 2), (2, 2)), y)), ["Elementwise", "Pad", "Pool2D"])


def test_zeros_of_both_signs_are_two_fills() -> None:
    b = Builder()
    x = b.input(2, 3)
    quotients = [elementwise("div", elementwise("abs", x), apply(Fill((2, 3), zero))) for zero in (0.0, -0.0)]
    optimized(b.graph(*quotients))


def test_an_epilogue_that_forgets_its_sum_is_none() -> None:
    b = Builder()
    program = Program(2, (Call("neg", (1,)), Call("neg", (2,))))
    product = apply(MatMul(), b.input(2, 3), b.weights(3, 4))
    optimized(b.graph(apply(Elementwise(program), product, b.input(4))))
