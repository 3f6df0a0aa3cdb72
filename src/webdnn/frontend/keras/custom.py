"""Code of the user: the Python files that define a model's own layers, models and functions."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from webdnn.frontend.user_files import run_file


def own_objects(keras: Any, files: Sequence[str | os.PathLike[str]]) -> dict[str, Any]:
    """The classes and functions that Python files define, import from their neighbours, or register with Keras, by both names that a model's
    file may use. Raises ModelError for a file that cannot be run."""
    found: dict[str, Any] = {}
    for file in map(Path, files):
        before = dict(keras.saving.get_custom_objects())
        module = run_file(file, "--custom_objects")
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


_REWRITE = "write the Lambda as a layer with keras.ops in a Python file, and name that with --custom_objects"


def code_advice(error: Exception) -> str:
    """What to do when Python code of a model's file fails: it was stored without the imports of the file that it stood in, and compiled."""
    if isinstance(error, NameError):
        return f"; code in a model's file is stored without its imports: {_REWRITE}"
    if "marshal" in str(error):
        return f"; its code was compiled by another version of Python than this ({sys.version.split()[0]}): {_REWRITE}"
    return ""
