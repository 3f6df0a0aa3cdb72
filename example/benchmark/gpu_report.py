"""What the pages of gpu.py posted → tables."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from gpu_runtimes import GPU_RUNTIMES

WRONG = 1e-3
"""A larger error than this is a wrong answer, whose time means nothing."""

Record = Mapping[str, Any]

COLUMNS = [
    "model",
    "runtime",
    "median ms",
    "best ms",
    "medians of the rounds",
    "× WebDNN",
    "first run ms",
    "first answer ms",
    "× WebDNN",
    "GPU ms",
    "error",
]


def _row(records: Sequence[Record]) -> dict[str, Any]:
    """Medians over the pages of one model and runtime; only a `failure`, if one of them failed."""
    for record in records:
        if failure := record.get("failure") or record.get("error_text"):
            return {"failure": failure}
        if not record["error"] <= WRONG:
            return {"failure": f"wrong: the error against Keras is {record['error']:.1e}"}
    gpu = [time for record in records for time in record.get("gpuTimes", []) if time]
    return {
        "median": statistics.median(time for record in records for time in record["times"]),
        "best": min(time for record in records for time in record["times"]),
        "rounds": [statistics.median(record["times"]) for record in records],
        "first_run": statistics.median(record["firstRun"] for record in records),
        "first_answer": statistics.median(record["firstAnswer"] for record in records),
        "gpu": statistics.median(gpu) if gpu else None,
        "error": max(record["error"] for record in records),
    }


def _cells(row: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    if "failure" in row:
        return ["failed", *["–"] * (len(COLUMNS) - 3)]

    def ratio(key: str) -> str:
        return f"{row[key] / ours[key]:.2f}" if key in ours and ours is not row else "–"

    return [
        f"{row['median']:.2f}",
        f"{row['best']:.2f}",
        " ".join(f"{time:.2f}" for time in row["rounds"]),
        ratio("median"),
        f"{row['first_run']:.1f}",
        f"{row['first_answer']:.0f}",
        ratio("first_answer"),
        f"{row['gpu']:.3f}" if row["gpu"] else "–",
        f"{row['error']:.1e}",
    ]


def _parse(record: Record) -> tuple[str, str]:
    """`job=MODEL/RUNTIME` → both."""
    model, _, runtime = str(record["job"]).removeprefix("job=").partition("&")[0].rpartition("/")
    return model, runtime


def markdown(records: Sequence[Record]) -> str:
    """One row for each model and runtime, and below the table why some failed."""
    # The driver says `error` where a page gave no answer; a page's own `error` is a number.
    records = [{**r, "error_text": r["error"]} if isinstance(r.get("error"), str) else r for r in records]
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault(_parse(record), []).append(record)
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    failures = []
    rows = {key: _row(group) for key, group in groups.items()}
    first = next(iter(GPU_RUNTIMES))
    for model in dict.fromkeys(model for model, _ in groups):
        for name, runtime in GPU_RUNTIMES.items():
            if (row := rows.get((model, name))) is None:
                continue
            cells = _cells(row, rows.get((model, first), {}))
            lines.append(f"| {model} | {runtime.label} | {' | '.join(cells)} |")
            if "failure" in row:
                failures.append(f"- {model}, {runtime.label}: {row['failure']}")
    return "\n".join([*lines, "", *failures])
