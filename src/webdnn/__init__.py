"""WebDNN: compiles trained neural networks ahead of time for the web browser."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from webdnn.api import convert, load

__all__ = ["__version__", "convert", "load", "runtime_directory"]
__version__ = "2.0.0"


def runtime_directory() -> Path:
    """The folder with the built browser runtime (`webdnn.mjs` and its neighbours): installed, or in the checkout."""
    installed = Path(__file__).parent / "runtime"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "webdnn_js" / "dist"


def __getattr__(name: str) -> Any:
    """`load` and `convert`, whose module is imported when they are first asked for, so that `import webdnn.graph` needs no more than NumPy."""
    if name not in ("convert", "load"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from webdnn import api

    return getattr(api, name)
