"""Writes a Descriptor directory: into a temporary directory beside the target, then renamed, so that nothing is ever left half-written."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from webdnn import __version__
from webdnn.descriptor.schema import VERSION, Plan, expressions
from webdnn.descriptor.validate import validate_manifest, validate_plan
from webdnn.descriptor.weights import as_matrix, cut_shards
from webdnn.graph.dim import to_json
from webdnn.graph.errors import WebDNNError
from webdnn.graph.graph import Graph, Input, Value

MANIFEST = "descriptor.json"
LEAF_BYTES = 1 << 18
"""Of which `tree` in a `File` record takes the hashes."""


class OutputError(WebDNNError):
    """The output directory cannot be written, or holds something that must not be overwritten."""


def write_descriptor(
    directory: Path, graph: Graph, plans: Mapping[str, Plan], weights: Sequence[np.ndarray], *, force: bool = False
) -> None:
    """Writes `directory`. An existing one is replaced if it holds a Descriptor or is empty, else only with `force`.

    Raises OutputError; the old content is then still there.
    """
    check_output(directory, force=force)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        # The name's own length stays out of it: names may be as long as the file system allows.
        temporary = Path(tempfile.mkdtemp(prefix=".webdnn-", dir=directory.parent))
    except OSError as error:
        raise OutputError(f"cannot write {directory}: {error.strerror or error}") from error
    try:
        fresh = temporary / "new"
        fresh.mkdir()
        _write_files(fresh, graph, plans, weights)
        if directory.exists():
            directory.rename(temporary / "old")
        fresh.rename(directory)
    except OSError as error:
        raise OutputError(f"cannot write {directory}: {error.strerror or error}") from error
    finally:
        if not directory.exists() and (temporary / "old").exists():  # also when interrupted between the two renames
            (temporary / "old").rename(directory)
        shutil.rmtree(temporary, ignore_errors=True)


def check_output(directory: Path, *, force: bool = False) -> None:
    """Raises OutputError when `directory` must not be replaced. Worth calling before a long conversion."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise OutputError(f"{directory} exists and is not a directory; choose another --out")
    if force or (directory / MANIFEST).is_file() or not any(directory.iterdir()):
        return
    raise OutputError(f"{directory} exists and holds no {MANIFEST}; choose another --out, or replace it with --force")


def _write_files(directory: Path, graph: Graph, plans: Mapping[str, Plan], weights: Sequence[np.ndarray]) -> None:
    manifest = _manifest(graph, weights)
    for number, (content, pieces) in enumerate(cut_shards(weights)):
        file = _write(directory, f"weights.{number}", "bin", content)
        manifest["shards"].append({"file": file, "pieces": [p.to_json() for p in pieces]})
    for name, plan in plans.items():
        record = plan.to_json()
        validate_plan(record)
        files: dict[str, Any] = {"plan": _write(directory, f"plan.{name}", "json", _dump(record))}
        if plan.files:
            files["kernels"] = {v: _write(directory, f"kernels.{v}", "wasm", c) for v, c in sorted(plan.files.items())}
        manifest["backends"][name] = files
    validate_manifest(manifest)
    (directory / MANIFEST).write_bytes(_dump(manifest))


def _manifest(graph: Graph, weights: Sequence[np.ndarray]) -> dict[str, Any]:
    matrices = [as_matrix(array) for array in weights]
    return {
        "format": "webdnn",
        "version": VERSION,
        "name": graph.name,
        "converter": __version__,
        "placeholders": {n: {"minimum": p.minimum, "maximum": p.maximum} for n, p in graph.placeholders.items()},
        "constraints": [
            {"left": to_json(c.left), "relation": c.relation, "right": to_json(c.right), "reason": c.reason}
            for c in graph.constraints
        ],
        "inputs": [_tensor(v.op.label, v) for v in graph.inputs if isinstance(v.op, Input)],
        "outputs": [_tensor(n, v) for n, v in zip(graph.output_names, graph.outputs, strict=True)],
        "weights": [
            {"dtype": str(m.dtype.name), "rows": m.shape[0], "columns": m.shape[1], "encoding": "raw"} for m in matrices
        ],
        "shards": [],
        "backends": {},
    }


def _tensor(name: str, value: Value) -> dict[str, Any]:
    return {"name": name, "dtype": value.dtype, "shape": expressions(value.shape)}


def file_record(name: str, content: bytes) -> dict[str, Any]:
    """The `File` record of a file with this content."""
    leaves = (content[start : start + LEAF_BYTES] for start in range(0, len(content), LEAF_BYTES))
    hashes = b"".join(hashlib.sha256(leaf).digest() for leaf in leaves)
    return {"name": name, "bytes": len(content), "integrity": _sha256(content), "tree": _sha256(hashes)}


def _sha256(content: bytes) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"


def _write(directory: Path, stem: str, suffix: str, content: bytes) -> dict[str, Any]:
    """Writes a file whose name carries its content's hash; returns its `File` record."""
    name = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"
    (directory / name).write_bytes(content)
    return file_record(name, content)


def _dump(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
