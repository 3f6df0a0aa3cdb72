"""Integers and truth: functions against Python's integers, which have no end, and ops against ONNX's reference evaluator."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from math import isnan, trunc
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from harness.dtype_cases import DTYPE_CASES
from webdnn.graph.errors import GraphError
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.graph import Op
from webdnn.graph.ops import (
    ArgSort,
    BatchMatMul,
    CumulativeSum,
    Gather,
    MatMul,
    Reduce,
    ScatterElements,
    ScatterRows,
)
from webdnn.graph.program import Call, Program, single
from webdnn.graph.types import DTYPES, INTEGERS, TensorType

Array = np.ndarray

CORNERS = {
    dtype: [np.iinfo(dtype).min, np.iinfo(dtype).min + 1, np.iinfo(dtype).max - 1, np.iinfo(dtype).max]
    for dtype in INTEGERS
}
SMALL = {"int32": range(-40, 41), "uint8": range(41), "int8": range(-40, 41)}


def bits_of(dtype: str) -> int:
    return np.dtype(dtype).itemsize * 8


def wrapped(x: int, dtype: str) -> int:
    """The whole number in the range of `dtype` that differs from x by a multiple of its number of values."""
    low = int(np.iinfo(dtype).min)
    return (x - low) % 2 ** bits_of(dtype) + low


def shifted_left(x: int, amount: int, dtype: str) -> int:
    return x << amount if 0 <= amount < bits_of(dtype) else 0


def shifted_right(x: int, amount: int, dtype: str) -> int:
    return x >> amount if 0 <= amount < bits_of(dtype) else -(x < 0)


def quotient_towards_zero(x: int, y: int) -> int:
    return 0 if y == 0 else abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


MEANINGS: dict[str, Callable[..., int]] = {
    "neg": operator.neg,
    "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0),
    "square": lambda x: x * x,
    "relu": lambda x: x if x > 0 else 0,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "max": max,
    "min": min,
    "mod": lambda x, y: x % y if y else 0,
    "floor_div": lambda x, y: x // y if y else 0,
    "trunc_div": quotient_towards_zero,
    "trunc_mod": lambda x, y: x - quotient_towards_zero(x, y) * y if y else 0,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
    "bitwise_not": operator.invert,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "clip": lambda x, low, high: min(max(x, low), high),
}


def test_every_function_of_integers_has_a_meaning() -> None:
    named = {name for name, function in FUNCTIONS.items() if "int32" in function.domain}
    assert named == {*MEANINGS, "shift_left", "shift_right", "where", *(f"to_{dtype}" for dtype in DTYPES)}


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", [*MEANINGS, "shift_left", "shift_right"])
def test_functions_of_integers(name: str, dtype: str) -> None:
    arity = FUNCTIONS[name].arity
    numbers = sorted({*CORNERS[dtype], *list(SMALL[dtype])[:: 4 if arity == 3 else 1]})
    operands = [
        np.array(numbers, dtype).reshape([-1 if axis == k else 1 for axis in range(arity)]) for k in range(arity)
    ]
    have = single(name, *[None] * arity).evaluate(operands)
    grids = [grid.ravel().tolist() for grid in np.broadcast_arrays(*operands)]
    shifts = {"shift_left": shifted_left, "shift_right": shifted_right}
    if name in shifts:
        want = [shifts[name](x, amount, dtype) for x, amount in zip(*grids, strict=True)]
    else:
        want = [MEANINGS[name](*values) for values in zip(*grids, strict=True)]
    result = FUNCTIONS[name].result or dtype
    assert have.dtype == result
    np.testing.assert_array_equal(have.ravel(), [w if result == "bool" else wrapped(w, dtype) for w in want])


@pytest.mark.parametrize("dtype", INTEGERS)
def test_casts_of_floats_go_towards_zero_and_stay_inside(dtype: str) -> None:
    x = np.array(
        [0.9, -0.9, 254.5, 255.9, 256, -128.9, -129, 3e9, -3e9, np.inf, -np.inf, np.nan, 2147483520, -2147483648],
        np.float32,
    )
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    want = [0 if isnan(v) else low if v < low else high if v > high else trunc(v) for v in x.tolist()]
    np.testing.assert_array_equal(single(f"to_{dtype}", None).evaluate([x]), np.array(want, dtype))


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("source", INTEGERS)
def test_casts_of_integers_keep_the_lowest_bits(source: str, dtype: str) -> None:
    x = np.array(CORNERS[source] + [0, 1, 100], source)
    np.testing.assert_array_equal(single(f"to_{dtype}", None).evaluate([x]), [wrapped(int(v), dtype) for v in x])


def test_casts_of_truth_and_to_truth() -> None:
    x = np.array([np.nan, 0.0, -0.0, 1e-45, -2.0], np.float32)
    np.testing.assert_array_equal(single("to_bool", None).evaluate([x]), [True, False, False, True, True])
    for dtype in ("float32", *INTEGERS):
        result = single(f"to_{dtype}", None).evaluate([np.array([True, False])])
        assert (result.dtype, result.tolist()) == (dtype, [1, 0])
    assert single("to_float32", None).evaluate([np.array([2**24 + 3], np.int32)]).item() == 2**24 + 4


@pytest.mark.parametrize(
    ("program", "dtypes", "message"),
    [
        (single("add", None, None), ("int32", "float32"), "add of float32 and int32: operands must have one dtype"),
        (single("where", None, None, None), ("int32", "int8", "int8"), "chooses by a bool, got int32"),
        (single("exp", None), ("int32",), "exp takes float32, got int32; cast it first"),
        (single("bitwise_and", None, None), ("float32", "float32"), "takes int32, uint8, int8, got float32"),
        (single("add", None, 0.5), ("int32",), "the literal 0.5 is no int32"),
        (single("clip", None, -1.0, 9.0), ("uint8",), "the literal -1 is no uint8"),
        (single("less", None, None), ("bool", "bool"), "less takes .*, got bool"),
        (single("add", None, None), ("int32",), "takes 2 inputs, got 1"),
    ],
)
def test_refused_programs(program: Program, dtypes: tuple[str, ...], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        program.infer(dtypes)


def test_a_literal_has_the_dtype_of_its_company() -> None:
    program = Program(2, (Call("where", (0, 3.0, 1)), Call("less", (2, 5.0)), Call("where", (3, 1.0, 0.0))))
    assert [call.dtype for call in program.typed(["bool", "int8"])] == ["int8", "bool", "float32"]
    assert program.typed(["bool", "int8"])[0].taken == ("bool", "int8", "int8")


REFUSED_OPS: list[tuple[Op, Sequence[TensorType], str]] = [
    (Gather(0), [TensorType((3, 4)), TensorType((2,))], "indices must be int32, got float32; cast it first"),
    (MatMul(), [TensorType((3, 4), "uint8"), TensorType((4, 2), "uint8")], "must be float32 or int32, got uint8"),
    (MatMul(), [TensorType((3, 4), "int32"), TensorType((4, 2))], "the second factor must be int32, got float32"),
    (BatchMatMul((0, 0)), [TensorType((3, 4)), TensorType((4, 2))], r"permutation \(0, 0\) does not fit"),
    (Reduce("mean", (0,)), [TensorType((3, 4), "int32")], "what mean reduces must be float32, got int32"),
    (Reduce("sum", (0,)), [TensorType((3, 4), "bool")], "got bool"),
    (
        ScatterElements("mean"),
        [TensorType((3,)), TensorType((2,), "int32"), TensorType((2,))],
        "must be one of none, add",
    ),
    (ScatterRows(), [TensorType((3, 2)), TensorType((2,), "int32"), TensorType((2, 3))], r"updates \(K, C\) wanted"),
    (
        ScatterRows("add"),
        [TensorType((3, 2), "bool"), TensorType((2,), "int32"), TensorType((2, 2), "bool")],
        "data must be",
    ),
]


@pytest.mark.parametrize(("op", "types", "message"), REFUSED_OPS, ids=lambda v: str(v)[:40])
def test_refused_ops(op: Op, types: Sequence[TensorType], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        op.infer(types)


def onnx_node(kind: str, **attributes: Any) -> Callable[..., Array]:
    """The ONNX operator as a function of arrays."""

    def run(*arrays: Array) -> Array:
        names = [f"x{i}" for i in range(len(arrays))]
        node = onnx.helper.make_node(kind, names, ["y"], **attributes)
        infos = [
            onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in zip(names, arrays, strict=True)
        ]
        graph = onnx.helper.make_graph([node], "g", infos, [onnx.helper.make_empty_tensor_value_info("y")])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
        return np.asarray(ReferenceEvaluator(model).run(None, dict(zip(names, arrays, strict=True)))[0])

    return run


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_scatter_is_onnxs(reduction: str, dtype: str) -> None:
    random = np.random.default_rng(3)
    data, updates = (random.integers(-9, 9, shape).astype(dtype) for shape in ((4, 6), (4, 5)))
    indices = random.permuted(np.tile(np.arange(6), (4, 1)), axis=1)[:, :5]
    if reduction != "none":
        indices[:, 1] = indices[:, 0]  # which of several stays is not defined there
    have = ScatterElements(reduction).evaluate([data, indices.astype(np.int32), updates])[0]
    np.testing.assert_array_equal(
        have, onnx_node("ScatterElements", axis=1, reduction=reduction)(data, indices, updates)
    )
    rows = np.array([3, 0, 2])
    have = ScatterRows(reduction).evaluate([data, rows.astype(np.int32), updates[:3, :1] + data[:3]])[0]
    want = onnx_node("ScatterND", reduction=reduction)(data, rows[:, None], updates[:3, :1] + data[:3])
    np.testing.assert_array_equal(have, want)


def test_the_last_of_several_updates_stays_and_indices_are_moved_inside() -> None:
    data, indices = np.zeros((1, 4), np.float32), np.array([[1, 9, 1, -3]], np.int32)
    have = ScatterElements().evaluate([data, indices, np.array([[1, 2, 3, 4]], np.float32)])[0]
    np.testing.assert_array_equal(have, [[4, 3, 0, 2]])


def test_sums_and_products_wrap() -> None:
    x = np.full((3, 2), 2**30, np.int32)
    assert Reduce("sum", (0,)).evaluate([x])[0].tolist() == [wrapped(3 * 2**30, "int32")] * 2
    assert Reduce("prod", (0, 1)).evaluate([np.full((2, 2), 16, np.uint8)])[0] == 0
    assert CumulativeSum(0).evaluate([x])[0][:, 0].tolist() == [2**30, -(2**31), -(2**30)]
    assert MatMul().evaluate([x, np.full((2, 1), 3, np.int32)])[0].tolist() == [[wrapped(3 * 2**31, "int32")]] * 3
    assert (
        BatchMatMul().evaluate([np.full((1, 1041), 127, np.int32), np.full((1041, 1), 127, np.int32)])[0].item()
        == 1041 * 127**2
    )


def test_order_of_the_least_and_the_largest_integer() -> None:
    x = np.array([[0, -(2**31), 2**31 - 1, 0, -1]], np.int32)
    assert ArgSort(5).evaluate([x])[0].tolist() == [[2, 0, 3, 4, 1]]
    assert ArgSort(2).evaluate([np.array([[0, 255, 7]], np.uint8)])[0].tolist() == [[1, 2]]


@pytest.mark.parametrize("case", DTYPE_CASES, ids=lambda case: case.name)
def test_infer_agrees_with_evaluate(case: Any) -> None:
    for run in range(len(case.runs)):
        for value, array in zip(case.graph.outputs, case.expected(run), strict=True):
            assert (value.dtype, value.type.rank) == (str(array.dtype).replace("float64", "float32"), array.ndim)
