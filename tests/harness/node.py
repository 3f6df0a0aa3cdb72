"""Runs models in Node, through the same jobs as harness.page."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.page import PageError, decode

SCRIPT = Path(__file__).with_name("run_model.mjs")


def run_in_node(runtime: Path, jobs: Sequence[dict[str, Any]]) -> list[list[list[np.ndarray]] | PageError]:
    """Outputs of every run of every job (or its error); `url` of a job is a path. `runtime` is webdnn.mjs."""
    node = shutil.which("node") or "node"
    done = subprocess.run(
        [node, str(SCRIPT), str(runtime)], input=json.dumps(list(jobs)), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise PageError(f"node ended with {done.returncode}: {done.stderr[-2000:]}")
    answers = json.loads(done.stdout)
    return [PageError(a["error"]) if "error" in a else [[decode(r) for r in o] for o in a["results"]] for a in answers]
