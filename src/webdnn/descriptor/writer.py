"""Writes a Descriptor directory: its files are staged, then moved together, so that nothing is ever left half-written."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from webdnn import __version__
from webdnn.descriptor.schema import VERSION, Plan, expressions
from webdnn.descriptor.staging import OutputError, Staging
from webdnn.descriptor.validate import validate_manifest, validate_plan
from webdnn.descriptor.weights import as_matrix, cut_shards
from webdnn.graph.dim import to_json
from webdnn.graph.graph import Graph, Input, Value
from webdnn.graph.types import storage_of

MANIFEST = "descriptor.json"
_HASHED_NAME = re.compile(r"(weights\.\d+|plan\.\w+|kernels\.[\w-]+)\.[0-9a-f]{12}\.(bin|json|wasm)", re.ASCII)
LEAF_BYTES = 1 << 18
"""Of which `tree` in a `File` record takes the hashes."""


def write_descriptor(
    directory: Path, graph: Graph, plans: Mapping[str, Plan], weights: Sequence[np.ndarray], *, force: bool = False
) -> list[Path]:
    """Writes `directory` at once; see `stage` and `publish`."""
    check_output(directory, force=force)
    with Staging(directory) as staging:
        stage(staging, graph, plans, weights)
        return publish(staging)


def check_output(directory: Path, *, force: bool = False) -> None:
    """Raises OutputError when nothing must be written into `directory`. Worth calling before a long conversion."""
    if not directory.exists():
        if directory.is_symlink():
            raise OutputError(
                f"{directory} is a link to {directory.readlink()}, which does not exist; choose another --out"
            )
        return
    if not directory.is_dir():
        raise OutputError(f"{directory} exists and is not a directory; choose another --out")
    if force or (directory / MANIFEST).is_file() or not any(directory.iterdir()):
        return
    raise OutputError(
        f"{directory} exists and holds no {MANIFEST}; choose another --out, or write into it with --force"
    )


def stage(staging: Staging, graph: Graph, plans: Mapping[str, Plan], weights: Sequence[np.ndarray]) -> dict[str, int]:
    """Writes the files of a Descriptor to `staging`, the manifest last; returns the bytes of each."""
    files = _Files(staging)
    manifest = _manifest(graph, weights)
    for number, (content, pieces) in enumerate(cut_shards(weights)):
        file = files.write_hashed(f"weights.{number}", "bin", content)
        manifest["shards"].append({"file": file, "pieces": [p.to_json() for p in pieces]})
    for name, plan in plans.items():
        record = plan.to_json()
        validate_plan(record)
        written: dict[str, Any] = {"plan": files.write_hashed(f"plan.{name}", "json", json_bytes(record))}
        if plan.files:
            kernels = sorted(plan.files.items())
            written["kernels"] = {v: files.write_hashed(f"kernels.{v}", "wasm", content) for v, content in kernels}
        manifest["backends"][name] = written
    validate_manifest(manifest)
    files.write(MANIFEST, json_bytes(manifest))
    return files.bytes


def publish(staging: Staging) -> list[Path]:
    """Replaces the Descriptor in the directory of `staging`, of which only the files that its manifest names are deleted.

    Returns those that could not be deleted. Raises OutputError; the old Descriptor is then still there.
    """
    return staging.publish(files_of(staging.directory))


def files_of(directory: Path) -> list[str]:
    """The files of the Descriptor in `directory`, as its manifest names them; none where there is no manifest that can be read.

    Only names that the writer may have given count: whoever wrote the manifest must not choose what is deleted.
    """
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    found: list[str] = []
    pending: list[Any] = [manifest]
    while pending:
        part = pending.pop()
        pending += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        name = part.get("name") if isinstance(part, dict) else None
        if isinstance(name, str) and _HASHED_NAME.fullmatch(name):
            found.append(name)
    return sorted(set(found))


class _Files:
    """Writes files to a staging area, and keeps how large they are."""

    def __init__(self, staging: Staging) -> None:
        self.bytes: dict[str, int] = {}
        self._staging = staging

    def write(self, name: str, content: bytes) -> None:
        self._staging.write(name, content)
        self.bytes[name] = len(content)

    def write_hashed(self, stem: str, suffix: str, content: bytes) -> dict[str, Any]:
        """Writes a file whose name carries its content's hash; returns its `File` record."""
        name = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"
        self.write(name, content)
        return file_record(name, content)


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
            {"storage": storage_of(str(array.dtype)), "rows": m.shape[0], "columns": m.shape[1], "encoding": "raw"}
            for array, m in zip(weights, matrices, strict=True)
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


def json_bytes(record: Mapping[str, Any]) -> bytes:
    """The content of a Descriptor's JSON file."""
    text = json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # What UTF-8 cannot hold, half of a surrogate pair in a name, is written as JSON's own escape.
    return text.encode("utf-8", "backslashreplace")
