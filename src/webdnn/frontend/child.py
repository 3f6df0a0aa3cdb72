"""The child process of `isolation.py`: `python -m webdnn.frontend.child SECONDS FILE` reads a model file and writes frames to stdout.

It imports neither Keras nor anything else that the file could make work.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from webdnn.frontend.archive import members, read_member
from webdnn.frontend.budget import LARGEST_TEXT, LEAST, Budget
from webdnn.graph.errors import ModelError

Frame = tuple[Mapping[str, Any], bytes | memoryview]
# What the libraries raise while they read a damaged file.
DAMAGED = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_SPARE = 4 * LEAST  # address space of Python, NumPy and HDF5
_SKIPPED = ("optimizer", "optimizer_weights")


def main(seconds: float, path: Path) -> None:
    size = path.stat().st_size
    limit(seconds, _SPARE + 4 * size + Budget(size).total)
    output = sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing else may come between the frames
    try:
        for frame, content in READERS[path.suffix](path, Budget(size)):
            send(output, frame, content)
        send(output, {"kind": "end"})
    except ModelError as error:
        send(output, {"kind": "error", "message": f"is refused: {error}"})
    except MemoryError:
        send(
            output,
            {"kind": "error", "message": "needs more memory than a file of its size may; it is probably damaged"},
        )
    except DAMAGED as error:
        kind = {".keras": "a .keras (zip) file"}.get(path.suffix, "HDF5")
        text = f"cannot be read as {kind}; it is damaged, cut off or another kind of file: {error}"
        send(output, {"kind": "error", "message": text})


def send(output: IO[bytes], frame: Mapping[str, Any], content: bytes | memoryview = b"") -> None:
    output.write(json.dumps(frame).encode() + b"\n")
    output.write(content)
    output.flush()


def limit(seconds: float, memory: int) -> None:
    """Limits this process, as far as the system can: the parent's clock holds everywhere."""
    if sys.platform == "win32":
        return
    import fcntl
    import resource

    # The alarm comes from the system's clock, so a loop in C does not hold it up; it counts when the parent cannot.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds + 5)
    for name, value in (("RLIMIT_AS", memory), ("RLIMIT_CORE", 0)):
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, OSError, ValueError):  # macOS refuses some
            continue
    # The parent holds the other end of stdin and never writes: a signal, which ends this process, says that the parent is gone.
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def read_keras(path: Path, budget: Budget) -> Iterator[Frame]:
    """Keras 3's archive: config.json and model.weights.h5."""
    import h5py

    with zipfile.ZipFile(path) as archive:
        names = members(archive)
        if "config.json" not in names:
            raise ModelError("it is a zip file but no Keras model: config.json is missing")
        config = text_frame(read_member(archive, "config.json", budget, LARGEST_TEXT))
        weights = "model.weights.h5"
        if weights not in names:
            found = sorted(name for name in names if name.startswith("model.weights"))
            raise ModelError(
                f"{weights} is missing{f'; {found[0]} cannot be read' if found else ''}: save it with model.save('model.keras')"
            )
        if "metadata.json" in names:
            yield versions_frame(read_member(archive, "metadata.json", budget, LARGEST_TEXT))
        yield config
        for name in sorted(names):
            if name.startswith("assets/") and name.endswith("/vocabulary.txt"):
                text = _text(read_member(archive, name, budget, LARGEST_TEXT))
                yield {"kind": "asset", "path": name, "text": text}, b""
        content = BytesIO(read_member(archive, weights, budget))
    with h5py.File(content, "r") as root:
        yield from tree_frames(root, Budget(budget.file_size))


def read_hdf5(path: Path, budget: Budget) -> Iterator[Frame]:
    """The format of Keras 1 and 2, which Keras 3 still writes."""
    import h5py

    from webdnn.frontend.hdf5 import open_group, text_of

    with h5py.File(path, "r") as root:
        config = text_of(root, "model_config", budget)
        if config is None and (
            "layer_names" in root.attrs or "layers" in root or "_layer_checkpoint_dependencies" in root
        ):
            raise ModelError(
                "it holds weights only, without the layers; save the whole model with model.save('model.keras')"
            )
        if config is None:
            raise ModelError("it is an HDF5 file but no Keras model: its attribute 'model_config' is missing")
        weights = open_group(root, "model_weights")
        places = (root, weights)
        versions = {
            name: next(filter(None, (_text(text_of(place, name, budget) or "") for place in places)), "")
            for name in ("keras_version", "backend")
        }
        yield {"kind": "versions", **versions}, b""
        yield text_frame(config)
        yield from tree_frames(weights, budget)


def text_frame(content: str | bytes) -> Frame:
    if len(content) > LARGEST_TEXT:
        raise ModelError(f"its configuration has {len(content):,} bytes; at most {LARGEST_TEXT:,} are read")
    return {"kind": "config", "text": _text(content)}, b""


def versions_frame(content: bytes) -> Frame:
    found = json.loads(content)
    version = found.get("keras_version") if isinstance(found, dict) else None
    return {"kind": "versions", "keras_version": version if isinstance(version, str) else ""}, b""


def _text(content: str | bytes) -> str:
    return content.decode("utf-8") if isinstance(content, bytes) else content


def tree_frames(root: Any, budget: Budget) -> Iterator[Frame]:
    from webdnn.frontend.hdf5 import Tree

    for path, found in Tree(budget, _SKIPPED).walk(root):
        if isinstance(found, dict):
            yield {"kind": "group", "path": path, "names": found}, b""
        else:
            head = {"kind": "array", "path": path, "dtype": found.dtype.str, "shape": found.shape}
            yield head, memoryview(found.reshape(-1).view("u1")) if found.size else b""


READERS: dict[str, Callable[[Path, Budget], Iterator[Frame]]] = {
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ".keras": read_keras,
}

if __name__ == "__main__":
    main(float(sys.argv[1]), Path(sys.argv[2]))
