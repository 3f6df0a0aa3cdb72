"""Programs of Node: threads of their own, and true words about them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.graphs import small_graph
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.cli.backends import load_target
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.interpreter import interpret

ROOT = Path(__file__).resolve().parents[2]
X = np.random.default_rng(3).standard_normal((1, 8, 8, 3)).astype(np.float32)

SCRIPT = """
import { load } from %s;
const runner = await load('model', { backendOrder: %s, ...%s });
runner.inputs[0].set(%s);
await runner.run();
await runner.run();
console.log(JSON.stringify({ output: Array.from(runner.outputs[0]), info: runner.info }));
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    graph = small_graph()
    table = WeightTable.of(graph)
    plans = {name: build_plan(graph, load_target(name), table) for name in ("webassembly", "fallback")}
    write_descriptor(folder / "model", graph, plans, table.arrays)
    return folder


def run(folder: Path, backend: str, **options: Any) -> tuple[dict[str, Any], str]:
    """What a program tells that loads the model and does not dispose of it, and its stderr. It must end by itself."""
    address = json.dumps((ROOT / "webdnn_js/dist/webdnn.mjs").as_uri())
    script = SCRIPT % (address, json.dumps(backend), json.dumps(options), json.dumps(X.ravel().tolist()))
    node = shutil.which("node") or "node"
    done = subprocess.run(
        [node, "--input-type=module", "-e", script], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert np.abs(np.array(answer["output"]) - interpret(small_graph(), [X])[0].ravel()).max() < 1e-5
    return answer["info"], done.stderr


def test_c11_threads(folder):
    info, errors = run(folder, "webassembly", backendOptions={"webassembly": {"threads": 3}})
    assert (info["thread"], info["threads"], info["variant"]) == ("worker", 3, "simd-threads")
    assert errors == ""


def test_c11_as_many_as_processors(folder):
    info, errors = run(folder, "webassembly")
    assert info["threadsReason"] == f"of {len(os.sched_getaffinity(0))} processors"
    assert info["threads"] >= min(2, len(os.sched_getaffinity(0)))
    assert errors == ""


def test_c11_fallback_has_a_worker_too(folder):
    info, errors = run(folder, "fallback")
    assert info["thread"] == "worker"
    assert errors == ""


@pytest.mark.parametrize("backend", ["webassembly", "fallback"])
def test_c11_a_worker_that_is_missing(folder, backend):
    """It still runs, says why, and speaks of no page's headers."""
    missing = (folder / "none/webdnn-worker.js").as_uri()
    info, errors = run(folder, backend, workerUrl=missing)
    assert info["thread"].startswith("main thread, because no worker could start: ")
    assert "Cannot find module" in info["thread"]
    assert "Copy webdnn-" in errors
    assert "COOP" not in json.dumps(info)
