"""Packages that only one frontend needs, and that an installation may lack."""

from __future__ import annotations

import importlib.util

from webdnn.graph.errors import MissingPackageError


def require(frontend: str, extra: str, *packages: str) -> None:
    """Raises MissingPackageError, which says how to install them, where one of `packages` is not installed. Imports none of them."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        raise MissingPackageError(
            f"models of {frontend} need {' and '.join(packages)}, of which {' and '.join(missing)} {are} not installed: "
            f"pip install {requirement(extra)}"
        )


def requirement(extra: str) -> str:
    """What to give to pip install for WebDNN with the frontend `extra`."""
    return f"'webdnn[{extra}]'"
