"""Code of the user: the Python files that define a model's own layers, models and functions."""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from webdnn.frontend.keras.old_names import old_names
from webdnn.frontend.keras.tensorflow_stand_in import advice
from webdnn.frontend.user_files import missing_advice, run_file


def own_objects(keras: Any, files: Sequence[str | os.PathLike[str]]) -> dict[str, Any]:
    """The classes and functions that Python files define, import from their neighbours, or register with Keras, by both names that a model's
    file may use. Raises ModelError for a file that cannot be run."""
    found: dict[str, Any] = {}
    for file in map(Path, files):
        before = dict(keras.saving.get_custom_objects())
        module = _run(file)
        for name, value in vars(module).items():
            if callable(value) and not name.startswith("__") and _is_beside(value, module, file):
                found[name] = found[keras.saving.get_registered_name(value)] = value
        registered = keras.saving.get_custom_objects()
        found |= {name: value for name, value in registered.items() if before.get(name) is not value}
    return found


def _is_beside(value: Any, module: ModuleType, file: Path) -> bool:
    """Whether a class or function is defined in `file`, or in a module of its folder."""
    name = getattr(value, "__module__", None)
    if name == module.__name__:
        return True
    source = getattr(sys.modules.get(str(name)), "__file__", None)
    return (
        source is not None and file.resolve().parent in Path(source).resolve().parents and "site-packages" not in source
    )


def _run(file: Path) -> ModuleType:
    """The module in a Python file, run anew each time, which may have been written for Keras 1 or 2."""
    with old_names(importlib.import_module("keras")):
        return run_file(file, "--custom_objects", _advice)


def _advice(error: Exception, file: Path) -> str:
    missing = (error.name or "").split(".")[0] if isinstance(error, ImportError) else ""
    if missing == "torch":
        return f"; WebDNN traces keras.ops, and no torch: {_replacements(file, missing)}"
    return missing_advice(error, file)


def _replacements(file: Path, framework: str) -> str:
    """What to write in place of the functions that a file calls of another framework."""
    keras = importlib.import_module("keras")
    called = {}
    tree = ast.parse(file.read_text())
    names = _names_of(tree, framework)
    for node in ast.walk(tree):
        path = _path(node.func) if isinstance(node, ast.Call) else ""
        root, _, rest = path.partition(".")
        if root in names and rest:
            full = f"{names[root]}.{rest}"
            called[full] = f"for {full}, {advice(keras, full.partition('.')[2])}"
    return "; ".join(sorted(called.values())) or "import keras in its place"


def _names_of(tree: ast.AST, framework: str) -> dict[str, str]:
    """The names under which a file imports modules of a framework, with the modules' own: {"F": "torch.nn.functional"}."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] == framework:
                    found[name.asname or framework] = name.name if name.asname else framework
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == framework:
            found |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
    return found


def _path(node: ast.AST) -> str:
    """`a.b.c` of an expression that is only names, or nothing."""
    if isinstance(node, ast.Name):
        return node.id
    around = _path(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{around}.{node.attr}" if around and isinstance(node, ast.Attribute) else ""


_REWRITE = "write the Lambda as a layer with keras.ops in a Python file, and name that with --custom_objects"


def code_advice(error: Exception) -> str:
    """What to do when Python code of a model's file fails: it was stored without the imports of the file that it stood in, and compiled."""
    if isinstance(error, NameError):
        return f"; code in a model's file is stored without its imports: {_REWRITE}"
    if "marshal" in str(error):
        return f"; its code was compiled by another version of Python than this ({sys.version.split()[0]}): {_REWRITE}"
    return ""
