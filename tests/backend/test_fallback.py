"""The two halves of the fallback backend, Python and TypeScript, name the same things."""

from __future__ import annotations

import re
from pathlib import Path

from webdnn.backend.fallback import TARGET
from webdnn.backend.fallback.dialect import FUNCTIONS
from webdnn.graph import program
from webdnn.graph.ops import OPS, Concat, Repeat, Reshape

SOURCES = Path(__file__).parents[2] / "webdnn_js" / "src" / "fallback"
PYTHON = Path(__file__).parents[2] / "src" / "webdnn" / "backend" / "fallback"


def table(text: str, name: str) -> set[str]:
    """Keys of the object literal `export const <name> = {…}`; nothing in it is nested."""
    body = re.search(rf"^export const {name}\b[^=]*= \{{(.*?)\}}[^{{}}]*;$", text, re.DOTALL | re.MULTILINE)
    assert body, name
    return set(re.findall(r"(?:^|,)\s*(\w+)(?=\s*[:,]|\s*$)", re.sub(r":.*?,$", ",", body[1], flags=re.MULTILINE)))


def test_every_op_has_a_lowering() -> None:
    assert set(TARGET.lowerings) == set(OPS) - {Concat, Repeat, Reshape}


def test_every_function_is_in_both_tables() -> None:
    assert set(program.FUNCTIONS) == FUNCTIONS
    assert table((SOURCES / "functions.ts").read_text(), "FUNCTIONS") == FUNCTIONS


def test_kernels_are_those_that_plans_name() -> None:
    tables = [file.read_text() for file in SOURCES.glob("*.ts") if file.name != "kernels.ts"]
    have = set().union(*(table(text, "KERNELS") for text in tables if "export const KERNELS" in text))
    lowering = (PYTHON / "lowering.py").read_text()
    assert have == set(re.findall(r'(?:_step_of|builder\.kernel)\(\s*"(\w+)"', lowering))
