"""What ops promise: `infer` says what `evaluate` gives, and inputs that do not fit are refused in words."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import numpy as np
import pytest

from harness.cases import CASES, Case
from webdnn.graph import ops
from webdnn.graph.dim import evaluate, symbol
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Input, Op, apply
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import (
    OPS,
    ArgReduce,
    ArgSort,
    BatchMatMul,
    Conv2D,
    CumulativeSum,
    Gather,
    GatherElements,
    Resize2D,
)
from webdnn.graph.ops.elementwise import WithEpilogue
from webdnn.graph.ops.indexing import take
from webdnn.graph.types import TensorType


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_infer_agrees_with_evaluate(case: Case) -> None:
    for run, symbols in enumerate(case.runs):
        with np.errstate(all="ignore"):
            outputs = interpret(case.graph, case.inputs(run), symbols)
        for value, array in zip(case.graph.outputs, outputs, strict=True):
            assert tuple(evaluate(size, symbols) for size in value.shape) == array.shape
            assert value.dtype == array.dtype


REFUSED = [
    (Conv2D(groups=2), ((1, 5, 5, 6), (3, 3, 6, 4)), "has 6 channels, the weights .* want 2 groups of 6"),
    (
        Conv2D(groups=3),
        ((1, 5, 5, 6), (3, 3, 2, 4)),
        "the 4 output channels of the weights .* do not fall into 3 groups",
    ),
    (Conv2D(groups=4), ((1, 5, 5, 6), (3, 3, 1, 4)), "want 4 groups of 1"),
    (Conv2D(groups=0), ((1, 5, 5, 6), (3, 3, 6, 4)), "groups must be at least 1, got 0"),
    (Conv2D(groups=2), ((5, 5, 6), (3, 3, 3, 4)), "must have rank 4"),
    (Conv2D(), ((1, 5, 5, 6), (3, 3, 3, 4)), "has 6 channels, the weights .* want 3"),
    (BatchMatMul(), ((2, 3), (4, 5)), r"matrices \(…, M, K\) and \(…, K, P\) wanted"),
    (BatchMatMul(), ((3,), (3, 5)), "wanted"),
    (BatchMatMul(), ((2, 4, 3), (3, 3, 5)), "do not broadcast"),
    (Gather(2), ((3, 4), (2,)), "axis 2 does not fit"),
    (Gather(0), ((3, 4), (2, 2)), "indices must be int32, got float32"),
    (GatherElements(), ((3, 4), (2, 4)), "indices must be int32"),
    (ArgReduce("max", -1), ((3, 4),), "axis -1 does not fit"),
    (ArgReduce("mean", 0), ((3, 4),), "kind must be max or min, got 'mean'"),
    (ArgSort(5), ((3, 4),), "5 of 4 elements"),
    (ArgSort(0), ((3, 4),), "0 of 4 elements"),
    (CumulativeSum(1), ((3,),), "axis 1 does not fit"),
    (Resize2D(2, 2, "area"), ((1, 4, 4, 1),), "'area' is not one of nearest, bilinear, bicubic"),
    (Resize2D(2, 2, "nearest", "centre"), ((1, 4, 4, 1),), "'centre' is not one of half_pixel"),
    (Resize2D(2, 2, "nearest", rounding="up"), ((1, 4, 4, 1),), "'up' is not one of floor"),
]


@pytest.mark.parametrize(("op", "shapes", "message"), REFUSED, ids=str)
def test_refused(op: Op, shapes: tuple[tuple[int, ...], ...], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        op.infer([TensorType(shape) for shape in shapes])


def test_depth_of_a_product_may_be_symbolic() -> None:
    t, u = symbol("T"), symbol("U")
    types = [TensorType((2, 3, t)), TensorType((u, 4))]
    assert BatchMatMul().infer(types)[0].shape == (2, 3, 4)
    assert (t, u) in BatchMatMul().requirements(types)


def test_take_counts_from_the_end_and_stays_inside() -> None:
    x = apply(Input("x", TensorType((5, 2))))
    (_, indices) = take(x, 0, (-1, 0)).node.inputs
    np.testing.assert_array_equal(indices.op.attributes()["array"], [4, 0])
    with pytest.raises(GraphError, match="do not lie in an axis of size 5"):
        take(x, 0, (5,))
    with pytest.raises(GraphError, match="do not lie in an axis of size N"):
        take(apply(Input("x", TensorType((symbol("N"), 2)))), 0, (-1,))


@pytest.mark.parametrize("family", [module.name for module in pkgutil.iter_modules(ops.__path__)])
def test_every_op_is_in_the_table_of_its_family(family: str) -> None:
    module = import_module(f"webdnn.graph.ops.{family}")
    defined = {c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__}
    assert {c for c in defined if issubclass(c, Op) and c is not WithEpilogue} == set(module.OPS) <= set(OPS)
