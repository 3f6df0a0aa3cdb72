"""docs/extending.md works as it is written: its op, put where it says into a copy of the sources, is right on all four backends.

And it says true how little that touches: one file of a family in each place, besides new files for kernels.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.node import run_in_node
from harness.page import RUNNER_PAGE, job, run_jobs

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ("webgpu", "webgl", "webassembly", "fallback")
OP = "Differences"

WRITE_CASES = """
import importlib, json, sys
from pathlib import Path

import numpy as np

from harness.cases import CASES
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.ops import OPS

assert "Differences" in {op.__name__ for op in OPS}
out = Path(sys.argv[1])
cases = [case for case in CASES if case.name.startswith("differences")]
for number, case in enumerate(cases):
    table = WeightTable.of(case.graph)
    plans = {name: build_plan(case.graph, importlib.import_module(f"webdnn.backend.{name}").TARGET, table) for name in sys.argv[2:]}
    write_descriptor(out / str(number), case.graph, plans, table.arrays)
    for run, symbols in enumerate(case.runs):
        np.savez(out / f"{number}.{run}.npz", x=case.inputs(run)[0], y=case.expected(run)[0])
(out / "runs.json").write_text(json.dumps([case.runs for case in cases]))
"""


def blocks(text: str) -> dict[str, str]:
    """The code of each kind, by a name of what it is for."""
    found = {}
    meaning = re.search(r"```py\n(@dataclass.*?)```", text, re.S)
    assert meaning
    found["meaning"] = meaning.group(1)
    for target in TARGETS:
        section = text.split(f"\n### {target}\n")[1].split("\n### ")[0].split("\n## ")[0]
        for language, code in re.findall(r"```(py|ts|c|wgsl|glsl)\n(.*?)```", section, re.S):
            found[f"{target} {'lowering' if language == 'py' else 'kernel'}"] = code
    cases = re.search(r"```py\n(    cases \+= .*?)```", text, re.S)
    assert cases
    found["cases"] = cases.group(1)
    return found


class Tree:
    """A copy of the sources, and which of their files were changed and added."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.changed: list[str] = []
        self.added: list[str] = []
        for folder in ("src/webdnn", "tests/harness", "webdnn_js/src"):
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
        for file in (ROOT / "webdnn_js").iterdir():
            if file.is_file():
                shutil.copy(file, root / "webdnn_js" / file.name)
        (root / "webdnn_js" / "node_modules").symlink_to((ROOT / "webdnn_js" / "node_modules").resolve())

    def add(self, file: str, text: str) -> None:
        assert not (self.root / file).exists()
        (self.root / file).write_text(text, encoding="utf-8")
        self.added.append(file)

    def change(self, file: str, *insertions: tuple[str, str]) -> None:
        """Puts each text before the only place where its pattern matches."""
        text = (self.root / file).read_text(encoding="utf-8")
        for pattern, inserted in insertions:
            (place,) = re.finditer(pattern, text, re.M)
            text = text[: place.start()] + inserted + text[place.start() :]
        (self.root / file).write_text(text, encoding="utf-8")
        self.changed.append(file)


def follow(tree: Tree, code: dict[str, str]) -> None:
    """Does what the document says."""
    tree.change(
        "src/webdnn/graph/ops/reduction.py",
        (r"^OPS: ", code["meaning"] + "\n\n"),
        (r"(?<=^OPS: tuple\[type\[Op\], \.\.\.\] = \()", f"{OP}, "),
    )
    suffixes = {"webgpu": "wgsl", "webgl": "glsl", "webassembly": "c"}
    for target in TARGETS:
        folder = f"src/webdnn/backend/{target}"
        tree.change(
            f"{folder}/lower_reduction.py",
            (r"^from webdnn\.graph\.ops import", f"from webdnn.graph.ops.reduction import {OP}\n"),
            (r"^LOWERINGS: ", code[f"{target} lowering"] + "\n\n"),
            (r"(?<=^LOWERINGS: Lowerings = \{)", f"\n    {OP}: lower_differences,"),
        )
        if target in suffixes:
            tree.add(f"{folder}/kernels/differences.{suffixes[target]}.jinja", code[f"{target} kernel"])
    tree.change(
        "webdnn_js/src/fallback/reduction.ts",
        (r"^export const KERNELS", code["fallback kernel"] + "\n"),
        (r"(?<=^export const KERNELS = \{)", "\n  differences,"),
    )
    tree.change(
        "tests/harness/cases.py",
        (r"^from webdnn\.graph\.ops import \(", f"from webdnn.graph.ops.reduction import {OP}\n"),
        (r"^    cases \+= \[Case\(f\"softmax over", code["cases"]),
    )


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = Tree(tmp_path_factory.mktemp("extending"))
    follow(tree, blocks((ROOT / "docs" / "extending.md").read_text(encoding="utf-8")))
    return tree


@pytest.fixture(scope="module")
def written(followed: Tree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the Descriptors of the op's cases, for all targets, and their inputs and outputs."""
    out = tmp_path_factory.mktemp("differences")
    paths = f"{followed.root / 'src'}:{followed.root / 'tests'}"
    command = [sys.executable, "-c", WRITE_CASES, str(out), *TARGETS]
    done = subprocess.run(
        command,
        env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin", "HOME": str(Path.home())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def jobs(written: Path, where: str, backend: str) -> tuple[list[dict[str, Any]], list[list[np.ndarray]]]:
    """What to run, and the answers wanted."""
    asked, wanted = [], []
    for number, runs in enumerate(json.loads((written / "runs.json").read_text())):
        arrays = [np.load(written / f"{number}.{run}.npz") for run in range(len(runs))]
        asked.append(
            job(f"{where}/{number}", backend, [(symbols, [a["x"]]) for symbols, a in zip(runs, arrays, strict=True)])
        )
        wanted.append([a["y"] for a in arrays])
    return asked, wanted


def check(answers: list[Any], wanted: list[list[np.ndarray]]) -> None:
    for answer, arrays in zip(answers, wanted, strict=True):
        if isinstance(answer, Exception):
            raise answer
        for outputs, want in zip(answer, arrays, strict=True):
            np.testing.assert_allclose(outputs[0], want, rtol=1e-5, atol=1e-6)


def test_an_op_changes_one_file_in_each_place(followed: Tree) -> None:
    folders = [str(Path(file).parent) for file in followed.changed]
    assert len(set(folders)) == len(folders) == len(("graph", "tests", "fallback in the runtime")) + len(TARGETS)
    assert all("/kernels/" in file for file in followed.added)


@pytest.mark.slow
def test_the_op_is_right_in_node(followed: Tree, written: Path) -> None:
    runtime = followed.root / "webdnn_js"
    subprocess.run([shutil.which("node") or "node", "build.mjs"], cwd=runtime, check=True)
    for backend in ("fallback", "webassembly"):
        asked, wanted = jobs(written, str(written), backend)
        check(run_in_node(runtime / "dist" / "webdnn.mjs", asked), wanted)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("backend", ["webgpu", "webgl", "webassembly"])
def test_the_op_is_right_in_a_page(written: Path, browser: Any, serve_session: Any, backend: str) -> None:
    server = serve_session({"/cases/": written})
    page = browser.new_page()
    page.goto(server.add("/runner.html", RUNNER_PAGE.read_bytes()))
    asked, wanted = jobs(written, "/cases", backend)
    check(list(run_jobs(page, asked)), wanted)
    page.close()
