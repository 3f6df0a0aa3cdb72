"""Runs models in a real browser page (`runner.html`) and gives the outputs back as arrays."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
RUNNER_PAGE = Path(__file__).with_name("runner.html")


class PageError(AssertionError):
    """The page reported an error; the message is the runtime's."""


def encode(array: Array) -> dict[str, str]:
    """Floats as float32, others in their own dtype; a bool is a byte."""
    kept = np.asarray(array, "<f4") if array.dtype.kind == "f" else array
    return {"dtype": str(kept.dtype), "data": base64.b64encode(np.ascontiguousarray(kept).tobytes()).decode()}


def decode(record: Mapping[str, Any]) -> Array:
    return np.frombuffer(base64.b64decode(record["data"]), record["dtype"]).reshape(record["shape"])


def job(
    url: str, backend: str, runs: Sequence[tuple[Mapping[str, int], Sequence[Array]]], **options: Any
) -> dict[str, Any]:
    """What `runModel` of the page takes: runs are (placeholder values, inputs)."""
    records = [{"symbols": dict(symbols), "inputs": [encode(a) for a in inputs]} for symbols, inputs in runs]
    return {"url": url, "backend": backend, "runs": records, "options": {backend: options} if options else {}}


def run_jobs(page: Any, jobs: Sequence[dict[str, Any]], batch: int = 20) -> Iterator[list[list[Array]] | PageError]:
    """Outputs of every run of every job, or the job's error, in order."""
    page.wait_for_function("window.ready === true", timeout=10_000)
    for start in range(0, len(jobs), batch):
        for answer in page.evaluate("jobs => window.runModels(jobs)", list(jobs[start : start + batch])):
            if "error" in answer:
                yield PageError(answer["error"])
            else:
                yield [[decode(r) for r in outputs] for outputs in answer["results"]]
