"""Folders are stages, and a stage imports only what the table below lists. Modules import each other in no circle but those that are stated.

A stage is a folder of src/webdnn, or a folder of backend/ or frontend/ ("backend.webgl"); the files directly in
backend/ and frontend/ are stages "backend" and "frontend". An import counts wherever it stands, in a function and under
TYPE_CHECKING too.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "webdnn"

# Stage → the modules, with all below them, that it may import besides its own. "" is webdnn/__init__.py, which imports
# the functions for programs only when they are asked for, so that `import webdnn.graph` needs no more than NumPy.
ALLOWED: dict[str, set[str]] = {
    "": {"api"},
    "children": set(),  # programs that any stage may start
    "graph": set(),
    "optimizer": {"graph"},
    "frontend": {"graph", "children"},
    "frontend.*": {"graph", "frontend"},
    "backend": {"graph", "children", "descriptor.schema"},
    "backend.*": {"graph", "children", "descriptor.schema", "backend"},
    "descriptor": {"graph"},
    "plugin": {"graph", "optimizer", "backend", "frontend"},
}
UNRESTRICTED = {"cli", "api", "__main__"}

# (stage, imported stage) → why one folder may import a sibling.
EXCEPTIONS: dict[tuple[str, str], str] = {}

# (module, imported module) → why this import may close a circle. Without these imports there is no circle at all.
CIRCLES: dict[tuple[str, str], str] = {
    ("backend.target", "backend.builder"): "a type: lowerings take the builder, which has the target that lists them",
    (
        "backend.loops",
        "backend.builder",
    ): "a type: the builder hands itself to what lowers a loop, which is the other half of its walk",
}

FAMILIES = {"backend", "frontend"}


def stage_of(module: str, source: Path) -> str:
    """`module` is relative to webdnn: "graph.ops" → "graph", "backend.webgl.conv" → "backend.webgl"."""
    first, *rest = module.split(".")
    if first in FAMILIES and rest and (source / first / rest[0]).is_dir():
        return f"{first}.{rest[0]}"
    return first


def module_of(file: Path, source: Path) -> str:
    """The module's name below webdnn; that of a package is its folder's."""
    parts = file.relative_to(source).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def exists(module: str, source: Path) -> bool:
    path = source.joinpath(*module.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def imported_modules(file: Path, source: Path) -> Iterator[tuple[str, int]]:
    """Yields (module below webdnn, line) for each import of ours; `from webdnn import graph` names "graph"."""
    package = ["webdnn", *file.relative_to(source).parent.parts]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            if name == "webdnn" or not name.startswith("webdnn."):
                continue
            below = name.removeprefix("webdnn.")
            while below and not exists(below, source):
                below = below.rpartition(".")[0]
            if below:
                yield below, node.lineno


def imports_of_all(source: Path) -> dict[str, dict[str, int]]:
    """Module → the modules that it imports by name, each with a line. That a module's packages are imported before it is no import of this kind."""
    found: dict[str, dict[str, int]] = {}
    for file in sorted(source.rglob("*.py")):
        module = module_of(file, source)
        found[module] = {target: line for target, line in imported_modules(file, source) if target != module}
    return found


def circles(source: Path, stated: Collection[tuple[str, str]]) -> list[str]:
    """A circle for each import that closes one, `a → b → a`; imports that are `stated` count as none."""
    imports = imports_of_all(source)
    found: list[str] = []
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            found.append(" → ".join([*path[path.index(module) :], module]))
        elif module not in done:
            for target in imports.get(module, {}):
                if (module, target) not in stated:
                    visit(target, [*path, module])
            done.add(module)

    for module in imports:
        visit(module, [])
    return found


def may_import(stage: str, module: str, source: Path) -> bool:
    target = stage_of(module, source)
    if stage in UNRESTRICTED or target == stage or (stage, target) in EXCEPTIONS:
        return True
    family = stage.split(".")[0]
    for allowed in ALLOWED.get(f"{family}.*" if "." in stage else stage, set()):
        if allowed in FAMILIES:  # the files directly in the folder, not its sub-folders
            if target == allowed:
                return True
        elif module == allowed or module.startswith(f"{allowed}."):
            return True
    return False


def violations(source: Path) -> list[str]:
    found = []
    for file in sorted(source.rglob("*.py")):
        stage = stage_of(module_of(file, source), source)
        where = file.relative_to(source).as_posix()
        if (f"{stage.split('.')[0]}.*" if "." in stage else stage) not in ALLOWED.keys() | UNRESTRICTED:
            found.append(f"{where}: stage {stage!r} is not in the table of tests/test_layering.py")
            continue
        for target, line in imported_modules(file, source):
            if not may_import(stage, target, source):
                found.append(f"{where}:{line}: stage {stage!r} imports webdnn.{target}")
    return found


def test_stages_import_only_what_they_may():
    assert any(SOURCE.rglob("*.py")), f"no module under {SOURCE}: this test saw nothing"
    assert violations(SOURCE) == []


def test_no_circle_but_those_that_are_stated():
    assert circles(SOURCE, CIRCLES) == []


@pytest.mark.parametrize("edge", CIRCLES)
def test_what_is_stated_closes_a_circle(edge):
    """Else the statement can go."""
    assert circles(SOURCE, CIRCLES.keys() - {edge})


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"a": "from webdnn import b", "b": "import webdnn.c", "c": "import os"}, []),
        ({"a": "from webdnn import b", "b": "from . import a"}, ["a → b → a"]),
        ({"a": "import webdnn.b", "b": "def f():\n    from webdnn.c import g", "c": "import webdnn.b"}, ["b → c → b"]),
        (
            {"a": "from typing import X\nif X:\n    from webdnn.b import g", "b": "from webdnn.a import h"},
            ["a → b → a"],
        ),
        ({"p/__init__": "from webdnn.p.q import f", "p/q": "from webdnn.p import g"}, ["p → p.q → p"]),
        ({"p/__init__": "from webdnn.p.q import f", "p/q": "from webdnn.p import r", "p/r": ""}, []),
        (
            {"p/__init__": "from webdnn.p.q import f", "p/q": "from .r import g", "p/r": "from .q import h"},
            ["p.q → p.r → p.q"],
        ),
    ],
)
def test_circles_are_found(tmp_path, files, found):
    for name, text in files.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert circles(tmp_path, ()) == found
    edges = {tuple(found[0].split(" → ")[:2])} if found else set()
    assert circles(tmp_path, edges) == []


@pytest.mark.parametrize(
    ("file", "text", "allowed"),
    [
        ("graph/value.py", "from webdnn.graph.node import Node", True),
        ("graph/value.py", "from .node import Node", True),
        ("graph/value.py", "from ..optimizer import run", False),
        ("graph/value.py", "from webdnn import optimizer", False),
        ("graph/value.py", "from .. import optimizer", False),
        ("graph/value.py", "def f():\n    import webdnn.cli.main", False),
        ("optimizer/run.py", "import webdnn.graph.node, numpy", True),
        ("optimizer/run.py", "from webdnn.backend import common", False),
        ("backend/webgl/conv.py", "from webdnn.backend.webgl import plan", True),
        ("backend/webgl/conv.py", "from webdnn.backend import common", True),
        ("backend/webgl/conv.py", "from ..common import tile", True),
        ("backend/webgl/conv.py", "from webdnn.descriptor.schema import Step", True),
        ("backend/webgl/conv.py", "from webdnn.descriptor import schema", True),
        ("backend/webgl/conv.py", "from webdnn.descriptor import write", False),
        ("backend/webgl/conv.py", "from webdnn.backend.webgpu import plan", False),
        ("backend/webgl/conv.py", "from ..webgpu import plan", False),
        ("backend/webgl/conv.py", "from webdnn.optimizer import run", False),
        ("backend/common.py", "from webdnn.backend.webgl import plan", False),
        ("frontend/keras/convert.py", "from webdnn.frontend.onnx import convert", False),
        ("frontend/keras/convert.py", "from webdnn.frontend import errors", True),
        ("cli/main.py", "from webdnn.frontend.keras import convert", True),
        ("extra/thing.py", "", False),
        ("__init__.py", "from webdnn import graph", False),
    ],
)
def test_the_check_itself(tmp_path, file, text, allowed):
    for name in (
        "__init__ graph/node optimizer/run backend/common backend/webgl/plan backend/webgpu/plan descriptor/schema "
        "descriptor/write frontend/errors frontend/keras/convert frontend/onnx/convert cli/main"
    ).split():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert (violations(tmp_path) == []) is allowed
