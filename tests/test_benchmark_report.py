"""The figures of example/benchmark: what its tables say is what the pages measured."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "example" / "benchmark"
NET = SimpleNamespace(name="net", report={"macs": 3_000_000})


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("report")


def record(runtime: str, *times: float, number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "round": number,
        "model": "net",
        "runtime": runtime,
        "times": list(times),
        "started": 50.0 * number,
        "firstAnswer": 100.0 * number,
        "firstRun": 10.0 * number,
        "download": {"/a.js": 1000, "/b.wasm": 500},
        "memory": 5_000_000 * number,
        "error": 1e-6 * number,
        "peaks": {"simd": [40.0 + number, 80.0 + number]},
        **more,
    }


def rows(report: Any, records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["runtime"]: row for row in report.summarize(records, [NET])}


def test_a_row_sums_up_all_rounds(report: Any) -> None:
    row = rows(report, [record("litert", 3.0, 2.0, 8.0), record("litert", 2.5, 4.0, number=2)])["litert"]
    assert (row["best"], row["median"]) == (2.0, 3.0)
    assert row["spread"] == pytest.approx(0.25)
    assert row["gflops"] == pytest.approx(3.0)
    assert (row["first_answer"], row["first_run"]) == (150.0, 15.0)
    assert (row["download"], row["memory"], row["error"]) == (1500, 10_000_000, 2e-6)


def test_a_ratio_is_theirs_over_ours_on_as_many_threads(report: Any) -> None:
    records = [
        record("webdnn", 2.0, 4.0),
        record("webdnn-2", 1.0),
        record("litert", 3.0, 8.0),
        record("litert-2", 5.0),
        record("litert", 2.0, 10.0, number=2),
        record("litert-2", 4.0, number=2),
        record("webdnn-2", 2.0, number=2),
        record("webdnn", 4.0, 5.0, number=2),
    ]
    found = rows(report, records)
    assert found["litert"]["ratios"] == {"best": 1.0, "median": 5.5 / 4.0, "rounds": [1.5, 0.5]}
    assert found["litert-2"]["ratios"] == {"best": 4.0, "median": 3.0, "rounds": [5.0, 2.0]}
    assert found["webdnn"]["ratios"] is None


def test_a_failure_is_shown_and_compared_with_nothing(report: Any) -> None:
    failure = {"round": 2, "model": "net", "runtime": "webdnn", "failure": "no\n memory"}
    records = [record("webdnn", 2.0), record("litert", 3.0), failure, record("litert-2", 2.0, number=2)]
    found = rows(report, records)
    assert "best" not in found["webdnn"]
    assert found["litert"]["ratios"] is None

    text = report.markdown(
        {
            "summary": list(found.values()),
            "rounds": 2,
            "machine": {"processor": "chip", "cores": 2, "load_before": "0.0", "load_after": "0.1"},
            "versions": {"Chromium": "1"},
            "peaks": report.peaks(records),
            "empty_page_memory": None,
            "profiles": [],
            "records": records,
        }
    )
    assert "- net, WebDNN, threads 1: no memory" in text
    assert "- net: LiteRT.js × 1.50" in text
    assert "simd: 42.0 (median 41.0) on one thread, 82.0 (median 81.0) on two at once: × 1.95" in text
    assert "until the page's own script ran: 50 ms" in text
    widths = {len(line) for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 1
