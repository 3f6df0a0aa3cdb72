"""The four backends have one shape: the same files, and lowerings that say which op they are for."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

import pytest

from webdnn.backend.builder import Builder
from webdnn.backend.target import Lowerings, merge_tables
from webdnn.graph.graph import Node

BACKENDS = ("webgpu", "webgl", "webassembly", "fallback")
FAMILIES = ("convolution", "elementwise", "indexing", "matmul", "pooling", "reduction", "resize", "shape")
"""As in graph/ops; what is not computed but moved is `shape`."""
FILES = {"__init__.py", "target.py", "dialect.py", "emit.py", *(f"lower_{family}.py" for family in FAMILIES)}
FOLDER = Path(__file__).parents[2] / "src" / "webdnn" / "backend"

each_backend = pytest.mark.parametrize("backend", BACKENDS)
each_family = pytest.mark.parametrize("family", FAMILIES)


def load(backend: str, family: str) -> ModuleType:
    return importlib.import_module(f"webdnn.backend.{backend}.lower_{family}")


def tables(backend: str) -> dict[str, Lowerings]:
    """LOWERINGS of each family, by its name."""
    return {family: load(backend, family).LOWERINGS for family in FAMILIES}


@each_backend
def test_files_are_those_that_every_backend_has(backend: str) -> None:
    """Others may be there too, but none that lowers: what an op becomes is in the file of its family."""
    have = {file.name for file in (FOLDER / backend).glob("*.py")}
    assert have >= FILES
    assert {name for name in have if name.startswith("lower")} <= FILES


@each_backend
@each_family
def test_a_lowering_is_typed_by_the_op_that_it_is_registered_for(backend: str, family: str) -> None:
    module = load(backend, family)
    for op, lowering in module.LOWERINGS.items():
        hints = get_type_hints(lowering, vars(module) | {"Builder": Builder, "Node": Node})
        names = list(inspect.signature(lowering).parameters)
        assert [hints[name] for name in names] == [Builder, Node, op], f"{lowering.__qualname__} of {op.__name__}"
        assert hints["return"] is type(None)


@each_backend
def test_an_op_is_lowered_in_the_file_of_its_family(backend: str) -> None:
    """That of the file in graph/ops which defines it; a backend may have no lowering, but no other file may have one."""
    for family, table in tables(backend).items():
        assert {op.__module__.removeprefix("webdnn.graph.ops.") for op in table} <= {family}


@each_backend
def test_the_target_has_the_tables_of_all_families(backend: str) -> None:
    target = importlib.import_module(f"webdnn.backend.{backend}").TARGET
    assert target.name == backend
    assert target.lowerings == merge_tables(*tables(backend).values())


@each_backend
def test_nothing_is_asserted(backend: str) -> None:
    """Source raises: an assertion is no error of ours, and gone under -O."""
    for file in (FOLDER / backend).glob("*.py"):
        found = [node.lineno for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Assert)]
        assert not found, f"{file.name}: lines {found}"


def test_an_op_that_is_lowered_twice_is_found() -> None:
    table = load("fallback", "pooling").LOWERINGS
    with pytest.raises(ValueError, match="Pool2D is lowered twice"):
        merge_tables(table, table)
