"""Graphs in the place of Keras models, so that most tests of the commands need no Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from webdnn.graph.graph import Graph


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Callable[[Graph], list[object]]:
    """`give(graph)` makes the command read `graph` from any file; the list collects what the frontend was asked."""

    def install(graph: Graph) -> list[object]:
        asked: list[object] = []

        def load(
            path: Path,
            shapes: Sequence[object],
            *,
            allow_unsafe: bool = False,
            custom_objects: object = None,
            timeout: float | None = None,
        ) -> Graph:
            asked.append((path, [str(shape) for shape in shapes], allow_unsafe))
            return graph

        monkeypatch.setattr("webdnn.frontend.keras.load", load)
        return asked

    return install


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory of the command."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
