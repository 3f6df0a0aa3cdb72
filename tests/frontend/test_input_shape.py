from __future__ import annotations

import numpy as np
import pytest

from webdnn.frontend.input_shape import (
    InputShape,
    as_input_shapes,
    match_input_shapes,
    merge_placeholders,
    parse_input_shape,
)
from webdnn.graph.dim import symbol
from webdnn.graph.errors import ModelError
from webdnn.graph.graph import Placeholder

N, H, W, T = map(symbol, "NHWT")
IMAGE = [("image", (None, None, None, 3))]


@pytest.mark.parametrize(
    ("text", "name", "shape", "placeholders"),
    [
        ("(1,224,224,3)", None, (1, 224, 224, 3), {}),
        (" ( 1 , 224 ) ", None, (1, 224), {}),
        ("(7,)", None, (7,), {}),
        ("()", None, (), {}),
        ("(N,3)", None, (N, 3), {"N": Placeholder()}),
        ("(N<=8,H,W,3)", None, (N, H, W, 3), {"N": Placeholder(1, 8), "H": Placeholder(), "W": Placeholder()}),
        ("(4 <= N <= 32, T)", None, (N, T), {"N": Placeholder(4, 32), "T": Placeholder()}),
        ("(4<=N,N<=8)", None, (N, N), {"N": Placeholder(4, 8)}),
        ("name=(1,64)", "name", (1, 64), {}),
        ("serving/x:0 = (1,)", "serving/x:0", (1,), {}),
    ],
)
def test_parse(text: str, name: str | None, shape: tuple[object, ...], placeholders: dict[str, Placeholder]) -> None:
    assert parse_input_shape(text) == InputShape(name, shape, placeholders)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a list of sizes in brackets"),
        ("1,2", "not a list of sizes in brackets"),
        ("(1,2", "not a list of sizes in brackets"),
        ("=(1,2)", "not a list of sizes in brackets"),
        ("a=b=(1)", "not a list of sizes in brackets"),
        ("(1,(2))", "not a list of sizes in brackets"),
        ("(0,3)", "size 0 is less than 1"),
        ("(-1,3)", "'-1' is neither"),
        ("(1,,3)", "'' is neither"),
        ("(2*N,3)", r"'2\*N' is neither"),
        ("(N>=8,)", "'N>=8' is neither"),
        ("(1.5,)", "'1.5' is neither"),
        ("(٣,)", "'٣' is neither"),
        ("(9<=N<=8,)", "leaves no positive size for N"),
        ("(N<=0,)", "leaves no positive size for N"),
        ("(0<=N,)", "leaves no positive size for N"),
        ("(_N,3)", "'_N' is neither"),  # the runtime refuses such names
        (f"({'N' * 62},3)", "is neither"),
        ("(3000000000,)", "size 3000000000 is more than"),
        ("(N<=3000000000,)", "bounds N by more than"),
        ("(N<=4,9<=N)", "no size satisfies both"),
        ("(__import__('os').system('true'),)", "not a list of sizes"),
    ],
)
def test_parse_refuses(text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        parse_input_shape(text)


def test_bounds_of_several_shapes_are_intersected() -> None:
    shapes = [parse_input_shape("(N<=8,3)"), parse_input_shape("(2<=N,T)")]
    assert merge_placeholders(shapes) == {"N": Placeholder(2, 8), "T": Placeholder()}


def test_without_shapes_the_batch_is_one() -> None:
    assert match_input_shapes([("a", (None, 8, 3)), ("b", (4, 2))], []) == ([(1, 8, 3), (4, 2)], {})


def test_shapes_go_by_name_then_by_order() -> None:
    inputs = [("a", (None, 1)), ("b", (None, 2)), ("c", (None, 3))]
    shapes = [parse_input_shape(text) for text in ("(5,1)", "b=(6,2)", "(7,3)")]
    assert match_input_shapes(inputs, shapes)[0] == [(5, 1), (6, 2), (7, 3)]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([], r"input 'image' has shape \(\?, \?, \?, 3\).*--input_shape '\(1,H,W,3\)'"),
        (["(1,8,3)"], r"input 'image' has rank 4, shape \(\?, \?, \?, 3\), in the model; got rank 3, '\(1, 8, 3\)'"),
        (["(1,8,8,4)"], r"input 'image' has size 3 on axis 3, .* got 4"),
        (["(1,8,8,C)"], r"input 'image' has size 3 on axis 3, .* got C"),
        (["(1,8,8,3)", "(1,2)"], r"the model has 1 input, got 2 input shapes.*inputs: 'image' \(\?, \?, \?, 3\)"),
        (["picture=(1,8,8,3)"], "names an input that the model does not have; inputs: 'image'"),
    ],
)
def test_match_refuses(shapes: list[str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        match_input_shapes(IMAGE, [parse_input_shape(text) for text in shapes])


def test_match_refuses_two_shapes_for_an_input() -> None:
    shapes = [parse_input_shape("a=(1,2)"), parse_input_shape("a=(1,3)")]
    with pytest.raises(ModelError, match="input 'a' has two input shapes"):
        match_input_shapes([("a", (None, None)), ("b", (None, None))], shapes)


GIVEN = {
    "a tuple": ((1, 224, 224, 3), ["(1, 224, 224, 3)"]),
    "a list of tuples": ([(1, 2), (3, 4)], ["(1, 2)", "(3, 4)"]),
    "names": (("N<=8", "H", 3), ["(N, H, 3)"]),
    "text": ("(1,2)", ["(1, 2)"]),
    "texts": (["(1,2)", "b=(N,4)"], ["(1, 2)", "b=(N, 4)"]),
    "a list of sizes": ([1, 224, 3], ["(1, 224, 3)"]),
    "by name": ({"a": (1, 2), "b": "(N,4)"}, ["a=(1, 2)", "b=(N, 4)"]),
    "symbols": ((N, 2 * N), ["(N, 2*N)"]),
    "parsed": (parse_input_shape("x=(1,2)"), ["x=(1, 2)"]),
    "numbers of numpy": ((np.int64(1), np.int32(4)), ["(1, 4)"]),
    "an empty tuple in a list": ([()], ["()"]),
    "nothing": ((), []),
}


@pytest.mark.parametrize("name", GIVEN)
def test_b14_shapes_as_programs_write_them(name):
    given, expected = GIVEN[name]
    assert [str(shape) for shape in as_input_shapes(given)] == expected


def test_b14_bounds_are_kept():
    (shape,) = as_input_shapes(("2<=N<=8", 3))
    assert shape.placeholders == {"N": Placeholder(2, 8)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((None, 224, 3), "None is neither"),
        ([(1, 2.5)], "2.5 is neither"),
        ((1, True), "True is neither"),
        (224, "a int"),
        (None, "NoneType"),
        ([[1, [2]]], r"\[2\] is neither"),
        ((0, 3), "size 0 is less than 1"),
        (("N!", 3), "'N!' is neither"),
        ({"a": "b=(1,2)"}, "given for the input 'a'"),
        ({1: (1, 2)}, "given for the input 1"),
    ],
)
def test_b14_what_is_no_shape(given, message):
    with pytest.raises(ModelError, match=message):
        as_input_shapes(given)
