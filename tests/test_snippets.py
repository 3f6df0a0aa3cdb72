"""The examples in the documents run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from webdnn.backend.builder import WeightTable, build_plan
from webdnn.cli.backends import load_target
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.graph import Constant, Graph, Input, apply
from webdnn.graph.ops import MatMul, Reduce
from webdnn.graph.types import TensorType

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "example").glob("*/README.md"))]
_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def snippets(language: str) -> list[object]:
    """The blocks of a language, named after their document and line."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            if match["language"] == language:
                line = text.count("\n", 0, match.start()) + 1
                found.append(pytest.param(match["code"], id=f"{document.relative_to(ROOT).as_posix()}:{line}"))
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands beside the page: a Descriptor of a small classifier of pictures, and a picture of another size."""
    from skimage.io import imsave

    folder = tmp_path_factory.mktemp("site")
    x = apply(Input("image", TensorType((1, 224, 224, 3))))
    weights = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    y = apply(MatMul(), apply(Reduce("mean", (1, 2), False), x), apply(Constant(weights)))
    graph = Graph((x,), (y,), ("classes",), name="classifier")
    table = WeightTable.of(graph)
    plans = {name: build_plan(graph, load_target(name), table) for name in ("webgl", "fallback")}
    write_descriptor(folder / "output", graph, plans, table.arrays)
    picture = np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8)
    imsave(folder / "cat.png", picture, check_contrast=False)
    return folder


@pytest.mark.parametrize("code", snippets("js"))
def test_c13_javascript(page, serve, site, code, runtime_dist):
    server = serve({"/site/": site, "/site/webdnn/": runtime_dist})
    head = "<!doctype html><meta charset=utf-8><link rel=icon href=data:,><img src=cat.png><canvas></canvas>"
    server.add("/site/index.html", f"{head}<script type=module>{code}\nglobalThis.done = true;</script>")
    page.goto(server.url("/site/index.html"))
    page.wait_for_function("globalThis.done === true", timeout=20_000)


@pytest.mark.parametrize("code", snippets("python"))
@pytest.mark.slow
def test_b14_python(tmp_path, code):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_there_are_snippets():
    assert len(snippets("js")) >= 2
    assert snippets("python")
