"""Files that take long to make, kept from run to run in `.cache/tests` of the checkout, under a key of all that goes into them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path


def key_of(sources: Iterable[Path], packages: Iterable[str]) -> str:
    """Changes with the content of any of `sources` and with the version of any of `packages`, of Python and of the processor."""
    digest = hashlib.sha256(f"{platform.python_version()} {platform.machine()} {processor()}".encode())
    for package in packages:
        digest.update(f" {package} {version(package)}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def processor() -> str:
    """The model and the instructions of this processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor()
    return " ".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU "))}))


HOURS = 2
"""Longer than a test run."""


class Cache:
    """Folders by name. Those of another key that no run has opened for HOURS are deleted."""

    def __init__(self, root: Path, key: str) -> None:
        self.folder = root / key
        self.folder.mkdir(parents=True, exist_ok=True)
        os.utime(self.folder)
        for other in root.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process deletes it too
                if other.stat().st_mtime < time.time() - 3600 * HOURS:
                    shutil.rmtree(other)

    def get(self, name: str, make: Callable[[Path], None]) -> Path:
        """The folder `name`, which `make` fills the first time; later calls touch it. It appears whole or not at all,
        whoever else makes it meanwhile."""
        folder = self.folder / name
        if not folder.exists():
            draft = self.folder / f".{name}.{os.getpid()}"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            try:
                make(draft)
                draft.rename(folder)
            except OSError:
                if not folder.exists():
                    raise
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        else:
            os.utime(folder)
        return folder


def delete_old(root: Path, days: float) -> None:
    """Deletes the files and folders in `root` that were last touched longer ago."""
    for entry in root.iterdir() if root.exists() else ():
        with contextlib.suppress(FileNotFoundError):  # another process deletes it too
            if entry.stat().st_mtime < time.time() - 86400 * days:
                if entry.is_dir():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
