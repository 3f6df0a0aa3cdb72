"""Puts files into their places together: they are written aside, and moved when all of them are there.

A directory may hold files of others, which stay. The file that is moved last decides: a Descriptor is the old one until its manifest is replaced,
and the new one from then on, also when the program is ended in between.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from webdnn.graph.errors import WebDNNError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PREFIX = ".webdnn-"


class OutputError(WebDNNError):
    """The output directory cannot be written, or holds something that must not be overwritten."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError into ours, naming `path`."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


class Staging:
    """Files for `directory` and for places beside it; used with `with`, which deletes what was not published."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._names: list[str] = []
        self._beside: list[tuple[Path, Path]] = []

    def __enter__(self) -> Staging:
        with writing(self.directory), contextlib.ExitStack() as undo:
            self._target = target = self.directory.resolve()  # a link to a directory stays a link
            self._existed = target.is_dir()
            if self._existed:
                undo.enter_context(_locked(target))
            undo.callback(_remove_empty, [folder for folder in target.parents if not folder.exists()])
            place = target if self._existed else target.parent
            place.mkdir(parents=True, exist_ok=True)
            # The directory's own name stays out of it: names may be as long as the file system allows.
            temporary = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
            undo.callback(shutil.rmtree, temporary, ignore_errors=True)
            self._fresh = temporary / "new"  # made with the user's umask; mkdtemp's folder is for its owner alone
            self._fresh.mkdir()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def write(self, name: str, content: bytes) -> None:
        """A file of the directory."""
        with writing(self.directory):
            (self._fresh / name).write_bytes(content)
        if name not in self._names:
            self._names.append(name)

    def write_beside(self, path: Path, content: str) -> None:
        """A text file somewhere else."""
        with writing(path):
            handle, name = tempfile.mkstemp(prefix=PREFIX, dir=path.absolute().parent)
            draft = Path(name)
            self._undo.callback(_deleted, draft)
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode("utf-8", "backslashreplace"))
            draft.chmod(0o666 & ~_umask())  # mkstemp's file is for its owner alone
        self._beside.append((draft, path))

    def publish(self, stale: Iterable[str]) -> list[Path]:
        """Moves everything to its place, the last file that was written last; deletes `stale`, names in the directory.

        Returns what could not be deleted. Raises OutputError, the directory being what it was, when a file cannot be moved.
        """
        with writing(self.directory):
            if self._existed:
                self._move_into_directory()
            else:
                self._fresh.rename(self._target)
        for draft, path in self._beside:
            with writing(path):
                draft.replace(path)
        old = [self._target / name for name in stale if name not in self._names]
        return [path for path in old if not _deleted(path)]

    def _move_into_directory(self) -> None:
        added = [self._target / name for name in self._names if not os.path.lexists(self._target / name)]
        try:
            for name in self._names:
                (self._fresh / name).replace(self._target / name)
        except BaseException:
            if (self._fresh / self._names[-1]).exists():  # else the new files are in force already
                for place in added:
                    place.unlink(missing_ok=True)
            raise


def _deleted(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _remove_empty(folders: Iterable[Path]) -> None:
    """Deletes those of `folders`, the innermost first, that hold nothing."""
    for folder in folders:
        with contextlib.suppress(OSError):  # it is in use, or never was made
            folder.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keeps other conversions out of `directory`, where the system has such locks. The system gives it up with the process."""
    if fcntl is None:
        yield
        return
    with _opened(directory) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"another conversion is writing {directory}; wait for it, or choose another --out"
            ) from error
        yield


@contextlib.contextmanager
def _opened(directory: Path) -> Iterator[int]:
    handle = os.open(directory, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)
