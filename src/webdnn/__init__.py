"""WebDNN: compiles trained neural networks ahead of time for the web browser."""

from pathlib import Path

__version__ = "2.0.0"


def runtime_directory() -> Path:
    """The folder with the built browser runtime (`webdnn.mjs` and its neighbours): installed, or in the checkout."""
    installed = Path(__file__).parent / "runtime"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "webdnn_js" / "dist"
