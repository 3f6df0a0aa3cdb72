"""Code of the user: the Python files that define a model's own layers, models and functions."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from webdnn.frontend.keras.old_names import old_names
from webdnn.frontend.keras.tensorflow_stand_in import advice
from webdnn.graph.errors import ModelError


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
    """The module in a Python file, run anew each time; it may import its neighbours."""
    spec = importlib.util.spec_from_file_location(file.stem, file) if file.suffix == ".py" else None
    if spec is None or spec.loader is None or not file.is_file():
        raise ModelError(f"--custom_objects {str(file)!r} is not a Python file that exists")
    module = importlib.util.module_from_spec(spec)
    folder = str(file.resolve().parent)
    sys.path.insert(0, folder)
    is_new = (
        sys.modules.setdefault(module.__name__, module) is module
    )  # Dataclasses look for the module that they stand in.
    try:
        with old_names(importlib.import_module("keras")):
            spec.loader.exec_module(module)
    except Exception as error:  # the code is the user's
        raise ModelError(
            f"--custom_objects {str(file)!r} cannot be run: {type(error).__name__}: {error}{_advice(error, file)}"
        ) from error
    finally:
        sys.path.remove(folder)
        if is_new:
            del sys.modules[module.__name__]
    return module


def _advice(error: Exception, file: Path) -> str:
    missing = (error.name or "").split(".")[0] if isinstance(error, ImportError) else ""
    if missing == "torch":
        return f"; WebDNN traces keras.ops, and no torch: {_replacements(file, missing)}"
    return f"; install it with pip install {missing}, or import it only where it is used" if missing else ""


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
