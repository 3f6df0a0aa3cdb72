"""`--dump`: everything that a conversion made, in files that people can read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from webdnn.descriptor.schema import Plan
from webdnn.graph.graph import Graph

SUFFIXES = {"webgpu": "wgsl", "webgl": "frag"}


def dump(folder: Path, graph: Graph, plans: Mapping[str, Plan]) -> None:
    """Writes `graph.txt`, and for each backend `plan.txt`, `plan.json` and the sources of its kernels. Existing files are overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "graph.txt", f"{graph}\n")
    for name, plan in plans.items():
        _dump_plan(folder / name, plan)


def sources(plan: Plan) -> list[str]:
    """What is compiled for `plan`: one source of all kernels, or one of each; none for `fallback`."""
    return [plan.source] if plan.source else [k.text for k in plan.kernels if k.text is not None]


def _dump_plan(folder: Path, plan: Plan) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "plan.txt", f"{plan}\n")
    _write(folder / "plan.json", json.dumps(plan.to_json(), indent=1, ensure_ascii=False))
    for variant, content in plan.files.items():
        (folder / f"{variant}.wasm").write_bytes(content)
    if plan.source:
        _write(folder / "kernels.c", plan.source)
    for index, kernel in enumerate(plan.kernels):
        if kernel.text is not None:
            stem = re.sub(r"\W+", "_", kernel.name)
            file = folder / "kernels" / f"{index:03}_{stem}.{SUFFIXES.get(plan.backend, 'txt')}"
            file.parent.mkdir(exist_ok=True)
            _write(file, kernel.text)


def _write(file: Path, text: str) -> None:
    # Names of layers may hold what UTF-8 cannot: halves of surrogate pairs.
    file.write_text(text, encoding="utf-8", errors="backslashreplace")
