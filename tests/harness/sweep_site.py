"""Makes a folder with a page that measures the errors of a GPU: PYTHONPATH=src:tests python -m harness.sweep_site SITE [DENSITY]

`sweep.html?model=functions&backend=webgpu` runs every elementwise function on samples of float32, `model=special` every kind of op on infinities
and NaN. The page compares each element with the fallback backend's, which is computed in float64 and rounded once, and posts one JSON object to
/result: for every output the largest difference in ulp and the operands where it occurs, and how many elements are NaN or infinite on one side only.
Any server will do that serves SITE and takes the post.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness import special_values, sweep
from harness.cases import Array, graph_of
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.precision import FLUSHED
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.graph import Graph

BACKENDS = ("webgpu", "webgl", "fallback")
RUNTIME = Path(__file__).parents[2] / "webdnn_js" / "dist"
PAGE = Path(__file__).with_name("sweep.html")


def write_model(folder: Path, graph: Graph, inputs: Sequence[Array], operands: Mapping[str, int]) -> None:
    """The Descriptor of `graph`, its inputs, and names.json: the outputs' names, with the number of operands that say where an element is."""
    table = WeightTable.of(graph)
    targets = {name: importlib.import_module(f"webdnn.backend.{name}").TARGET for name in BACKENDS}
    plans = {name: build_plan(graph, target, table) for name, target in targets.items()}
    write_descriptor(folder / "model", graph, plans, table.arrays, force=True)
    for number, array in enumerate(inputs):
        (folder / f"{number}.bin").write_bytes(np.ascontiguousarray(array, "<f4").tobytes())
    record = {"outputs": list(operands.items()), "flushed": FLUSHED, "smallDivisor": sweep.SMALL_DIVISOR}
    (folder / "names.json").write_text(json.dumps(record), encoding="utf-8")


def write_site(site: Path, density: float) -> None:
    """Everything that the page needs."""
    site.mkdir(parents=True, exist_ok=True)
    shutil.copy(PAGE, site / PAGE.name)
    for file in RUNTIME.glob("webdnn*.*js"):
        shutil.copy(file, site / file.name)
    programs, inputs = sweep.programs(), sweep.inputs("webgpu", density)
    (site / "functions").mkdir(exist_ok=True)
    functions = sweep.graph_of_programs(programs, len(inputs[0]))
    write_model(site / "functions", functions, inputs, {name: program.inputs for name, program in programs.items()})
    outputs = {name: value for part in special_values.OUTPUTS.values() for name, value in part.items()}
    given = special_values.inputs()
    (site / "special").mkdir(exist_ok=True)
    special = graph_of(list(given), list(outputs.values()))
    write_model(site / "special", special, list(given.values()), dict.fromkeys(outputs, 0))


if __name__ == "__main__":
    write_site(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.2)
