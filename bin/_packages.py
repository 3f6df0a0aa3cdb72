"""Finds a Python that can run a convert command. Only the standard library is used here, and nothing is installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


COMPILER = ("jinja2", "jsonschema", "numpy", "rich")
"""What every conversion imports."""


def require(*packages: str, extra: str = "") -> None:
    """Returns in a Python that has `packages` and sees this checkout's webdnn; ends the program with a message when there is none. They are
    installed with WebDNN and its `extra`."""
    source = str(ROOT / "src")
    if source not in sys.path:
        sys.path.insert(0, source)
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if sys.version_info >= (3, 11) and not missing:
        return
    if PYTHON.exists() and Path(sys.prefix).resolve() != VENV.resolve():
        command = [str(PYTHON), *sys.argv]
        if os.name == "nt":  # exec on Windows returns to the shell at once
            sys.exit(subprocess.run(command, check=False).returncode)
        os.execv(PYTHON, command)
    if sys.version_info < (3, 11):  # noqa: UP036 - whichever python3 there is runs this file
        sys.exit(f"WebDNN needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    what = f"{ROOT}[{extra}]" if extra else str(ROOT)
    sys.exit(
        f"Python packages are missing: {', '.join(missing)}\n"
        f"Install WebDNN with them: {sys.executable} -m pip install '{what}'"
    )
