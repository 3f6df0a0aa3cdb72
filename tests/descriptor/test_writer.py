"""What is left of an output directory when its replacement is interrupted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.cases import graph_of, source
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.fallback import TARGET
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.ops.elementwise import elementwise


def test_interrupted_between_the_renames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = source("x", 2)
    graph = graph_of([x], [elementwise("neg", x)])
    plans = {"fallback": build_plan(graph, TARGET, WeightTable.of(graph))}
    out = tmp_path / "output"
    weights: list[np.ndarray] = []
    write_descriptor(out, graph, plans, weights)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    rename = Path.rename

    def interrupted(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_descriptor(out, graph, plans, weights)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert list(tmp_path.iterdir()) == [out]
