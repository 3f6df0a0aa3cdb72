"""Python files of the user's, which are run: what defines a model's own layers, and plugins."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from webdnn.graph.errors import ModelError


def run_file(file: Path, option: str, advise: Callable[[Exception, Path], str] | None = None) -> ModuleType:
    """The module in a Python file, run anew each time; it may import its neighbours. Raises ModelError for a file that cannot be run; `option` is
    how it was named, and `advise` says what to do about an error."""
    spec = importlib.util.spec_from_file_location(file.stem, file) if file.suffix == ".py" else None
    if spec is None or spec.loader is None or not file.is_file():
        raise ModelError(f"{option} {str(file)!r} is not a Python file that exists")
    module = importlib.util.module_from_spec(spec)
    with _importable(module, file.resolve().parent):
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # the code is the user's
            what = f"{type(error).__name__}: {error}{(advise or missing_advice)(error, file)}"
            raise ModelError(f"{option} {str(file)!r}{line_in(error, file)} cannot be run: {what}") from error
    return module


@contextmanager
def _importable(module: ModuleType, folder: Path) -> Iterator[None]:
    """Modules of `folder` can be imported, and `module` itself is known by its name, where dataclasses look for it."""
    sys.path.insert(0, str(folder))
    is_new = module.__name__ not in sys.modules
    if is_new:
        sys.modules[module.__name__] = module
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        if is_new:
            sys.modules.pop(module.__name__, None)


def line_in(error: BaseException, file: Path) -> str:
    """`, line 3` of the last place in `file` that `error` came by, or nothing."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f", line {line}," if line else ""


def missing_advice(error: Exception, file: Path) -> str:
    """What to do where a package is missing."""
    missing = (error.name or "").split(".")[0] if isinstance(error, ImportError) else ""
    return f"; install it with pip install {missing}, or import it only where it is used" if missing else ""
