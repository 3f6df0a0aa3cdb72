"""Folders are stages, and a stage imports only what the table below lists.

A stage is a folder of src/webdnn, or a folder of backend/ or frontend/ ("backend.webgl"); the files directly in
backend/ and frontend/ are stages "backend" and "frontend". An import counts wherever it stands, in a function and under
TYPE_CHECKING too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "webdnn"

# Stage → the modules, with all below them, that it may import besides its own. "" is webdnn/__init__.py, which stays
# free of imports so that `import webdnn.graph` needs no more than NumPy.
ALLOWED: dict[str, set[str]] = {
    "": set(),
    "graph": set(),
    "optimizer": {"graph"},
    "frontend": {"graph"},
    "frontend.*": {"graph", "frontend"},
    "backend": {"graph", "descriptor.schema"},
    "backend.*": {"graph", "descriptor.schema", "backend"},
    "descriptor": {"graph"},
}
UNRESTRICTED = {"cli"}

# (stage, imported stage) → why one folder may import a sibling.
EXCEPTIONS: dict[tuple[str, str], str] = {}

FAMILIES = {"backend", "frontend"}


def stage_of(module: str, source: Path) -> str:
    """`module` is relative to webdnn: "graph.ops" → "graph", "backend.webgl.conv" → "backend.webgl"."""
    first, *rest = module.split(".")
    if first in FAMILIES and rest and (source / first / rest[0]).is_dir():
        return f"{first}.{rest[0]}"
    return first


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
        parts = file.relative_to(source).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        stage = stage_of(module, source)
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
