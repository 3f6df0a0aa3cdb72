"""Elementwise programs: those that are composed of others mean what NumPy's function of that name means."""

from __future__ import annotations

import numpy as np
import pytest

from webdnn.graph.errors import GraphError
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.program import COMPOSED, Call, literal_to_json, single

LINE = np.concatenate([-np.geomspace(1e-6, 40, 60)[::-1], [0.0], np.geomspace(1e-6, 40, 60)])
UNIT = np.concatenate([np.linspace(-1, 1, 41), [1 - 1e-6, -1 + 1e-6, 1e-6]])
TRUTH = np.array([0.0, 1.0, -2.0, 0.5])

# What each composed function must equal, and where.
MEANINGS = {
    "tan": (np.tan, np.linspace(-1.5, 1.5, 40)),
    "asin": (np.arcsin, UNIT),
    "acos": (np.arccos, UNIT),
    "sinh": (np.sinh, LINE),
    "cosh": (np.cosh, LINE),
    "asinh": (np.arcsinh, np.concatenate([LINE, LINE * 1e6, LINE * 7e36])),
    "acosh": (np.arccosh, 1 + np.abs(np.concatenate([LINE, LINE * 1e6, LINE * 7e36]))),
    "atanh": (np.arctanh, UNIT[2:-3] * 0.999),
    "log_sigmoid": (lambda x: -np.logaddexp(0, -x), LINE),
    "floor_divide": (np.floor_divide, LINE[:120]),
    "logical_not": (lambda x: np.logical_not(x).astype(x.dtype), TRUTH),
    "logical_and": (lambda x, y: np.logical_and(x, y).astype(x.dtype), TRUTH),
    "logical_or": (lambda x, y: np.logical_or(x, y).astype(x.dtype), TRUTH),
    "logical_xor": (lambda x, y: np.logical_xor(x, y).astype(x.dtype), TRUTH),
}


@pytest.mark.parametrize("name", COMPOSED)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_composed_function_is_numpys(name: str, dtype: str) -> None:
    meaning, domain = MEANINGS[name]
    program = COMPOSED[name]
    x = domain.astype(dtype)
    arguments = [x] if program.inputs == 1 else [x[:, None], x[x != 0] if name == "floor_divide" else x]
    wanted = meaning(*(a.astype("float64") for a in arguments))
    # Every element to a few units in the last place: nothing is lost near 0, nor near 1.
    np.testing.assert_allclose(program.evaluate(arguments), wanted, rtol=20 * np.finfo(dtype).eps)


def test_no_name_is_both_a_function_and_composed() -> None:
    assert not set(FUNCTIONS) & set(COMPOSED)


def test_single_takes_composed_functions_with_literals() -> None:
    program = single("floor_divide", 7.0, None)
    assert program.inputs == 1
    assert Call("mod", (7.0, 0)) in program.calls
    np.testing.assert_array_equal(program.evaluate([np.array([2.0, -2.0])]), [3.0, -4.0])


def test_single_refuses_a_wrong_number_of_operands() -> None:
    with pytest.raises(GraphError, match="takes 1 operands, got 2"):
        single("tan", None, None)


def test_comparisons_give_truth() -> None:
    x = np.array([-1.0, 0.0, 2.0], np.float32)
    for name, wanted in (
        ("less", [1, 0, 0]),
        ("less_equal", [1, 1, 0]),
        ("equal", [0, 1, 0]),
        ("not_equal", [1, 0, 1]),
    ):
        result = single(name, None, 0.0).evaluate([x])
        assert result.dtype == bool
        np.testing.assert_array_equal(result, wanted)


def test_a5_literals_may_be_infinite_or_nan() -> None:
    x = np.array([-np.inf, -1, 0, 2, np.inf, np.nan], np.float32)
    np.testing.assert_array_equal(single("clip", None, 0.0, np.inf).evaluate([x]), [0, 0, 0, 2, np.inf, np.nan])
    np.testing.assert_array_equal(
        single("where", None, 7.0, -np.inf).evaluate([x == 2]), [-np.inf] * 3 + [7] + [-np.inf] * 2
    )
    np.testing.assert_array_equal(single("max", None, 1e39).evaluate([x]), [np.inf] * 5 + [np.nan])
    assert [literal_to_json(x) for x in (-np.inf, 1e39, np.nan, 0.5)] == ["-inf", "inf", "nan", 0.5]


def test_a5_calls_are_equal_when_their_literals_are() -> None:
    nan = [Call("add", (0, float("nan"))) for _ in range(2)]
    assert nan[0] == nan[1]
    assert hash(nan[0]) == hash(nan[1])
    assert Call("mul", (0, 0.0)) != Call("mul", (0, -0.0))  # 1 / (x · −0) is another infinity
    assert Call("add", (0, 1)) != Call("add", (0, 1.0))


@pytest.mark.parametrize("name", COMPOSED)
def test_e8_composed_functions_of_special_values_are_numpys(name: str) -> None:
    special = np.array([0, 1, -1, 2, -3, np.inf, -np.inf, np.nan, 200, -200], np.float32)
    meaning, _ = MEANINGS[name]
    program = COMPOSED[name]
    arguments = [special] if program.inputs == 1 else [special[:, None], special]
    with np.errstate(all="ignore"):
        wanted = np.asarray(meaning(*arguments), np.float32)
    np.testing.assert_allclose(
        program.evaluate(arguments), np.broadcast_to(wanted, program.evaluate(arguments).shape), rtol=2e-6
    )


def test_e1_gelu_keeps_its_digits_far_below_zero() -> None:
    x = np.array([-1e6, -100, -8, -np.inf])
    np.testing.assert_allclose(single("gelu", None).evaluate([x]), [0, 0, -4.976768459e-15, np.nan], rtol=1e-9)
