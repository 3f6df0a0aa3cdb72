"""The two halves of the fallback backend, Python and TypeScript, name the same things."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from harness.cases import graph_of, source
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.fallback import TARGET
from webdnn.descriptor.schema import Plan
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import OPS, Concat, Elementwise, Repeat, Reshape
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program

SOURCES = Path(__file__).parents[2] / "webdnn_js" / "src" / "fallback"
PYTHON = Path(__file__).parents[2] / "src" / "webdnn" / "backend" / "fallback"


def table(text: str, name: str) -> set[str]:
    """Keys of the object literal `export const <name> = {…}`; nothing in it is nested."""
    body = re.search(rf"^export const {name}\b[^=]*= \{{(.*?)\}}[^{{}}]*;$", text, re.DOTALL | re.MULTILINE)
    assert body, name
    return set(re.findall(r"(?:^|,)\s*(\w+)(?=\s*[:,]|\s*$)", re.sub(r":.*?,$", ",", body[1], flags=re.MULTILINE)))


def plan_of(*outputs: Value) -> Plan:
    """The plan of a graph whose inputs are those of the first output."""
    graph = graph_of(list(outputs[0].node.inputs), list(outputs))
    return build_plan(graph, TARGET, WeightTable.of(graph))


def test_every_op_has_a_lowering() -> None:
    assert set(TARGET.lowerings) == set(OPS) - {Concat, Repeat, Reshape}


@pytest.mark.parametrize(
    ("name", "dtypes"), [("FLOATS", {"float32"}), ("INTEGERS", {"int32", "uint8", "int8", "bool"})]
)
def test_every_function_is_in_the_tables_of_its_dtypes(name: str, dtypes: set[str]) -> None:
    text = (SOURCES / "functions.ts").read_text()
    taken = {name for name, function in FUNCTIONS.items() if dtypes & set(function.domain)}
    assert table(text, "ALL") | table(text, name) == taken
    assert not table(text, "ALL") & table(text, name)


def test_kernels_are_those_that_plans_name() -> None:
    tables = [file.read_text() for file in SOURCES.glob("*.ts") if file.name != "kernels.ts"]
    have = set().union(*(table(text, "KERNELS") for text in tables if "export const KERNELS" in text))
    named = [
        re.findall(r'(?:emit|kernel)\(\s*builder,(?:\s*node,)?\s*"(\w+)"', f.read_text())
        for f in PYTHON.glob("lower_*.py")
    ]
    assert have == set().union(*named)


def test_calls_of_a_program_have_the_dtype_of_their_operands() -> None:
    i, x = source("i", 2, 3, dtype="uint8"), source("x", 2, 3)
    calls = (
        Call("add", (0, 1.0)), Call("less", (2, 5.0)), Call("to_float32", (2,)), Call("where", (3, 4, 1)),
        Call("mul", (5, np.inf)),
    )  # fmt: skip
    (kernel,) = plan_of(apply(Elementwise(Program(2, calls)), i, x)).kernels
    assert kernel.to_json()["attributes"] == {
        "program": [
            ["add", "uint8", 0, {"value": 1.0}],
            ["less", "uint8", 2, {"value": 5.0}],
            ["to_float32", "uint8", 2],
            ["where", "float32", 3, 4, 1],
            ["mul", "float32", 5, {"value": "inf"}],
        ]
    }


def test_kernels_are_one_only_if_their_literals_have_the_same_bits() -> None:
    x = source("x", 4)
    plan = plan_of(*(elementwise("add", x, literal) for literal in (0.0, -0.0, 0.0, 1.0)))
    values = [k.to_json()["attributes"]["program"][0][3]["value"] for k in plan.kernels]
    assert list(map(str, values)) == ["0.0", "-0.0", "1.0"]
