"""Records → figures → Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runtimes import OURS, RUNTIMES

if TYPE_CHECKING:
    from models import Model

Record = Mapping[str, Any]


def summarize(records: Sequence[Record], models: Sequence[Model]) -> list[dict[str, Any]]:
    """One row for each model and runtime, over all rounds; a runtime that failed in any round has only its `failure`."""
    rows = []
    for model in models:
        mine = [record for record in records if record["model"] == model.name]
        runtimes = [name for name in RUNTIMES if any(record["runtime"] == name for record in mine)]
        groups = {name: [r for r in mine if r["runtime"] == name] for name in runtimes}
        rows += [_row(model, name, group, groups.get(OURS[RUNTIMES[name].threads])) for name, group in groups.items()]
    return rows


def _row(model: Model, name: str, records: Sequence[Record], ours: Sequence[Record] | None) -> dict[str, Any]:
    head = {"model": model.name, "runtime": name, "threads": RUNTIMES[name].threads}
    failures = _failures(records)
    if failures:
        return {**head, "failure": failures[0]}
    times = [time for record in records for time in record["times"]]
    bests = [min(record["times"]) for record in records]
    memory = [record["memory"] for record in records if record["memory"] is not None]
    return {
        **head,
        "best": min(times),
        "median": statistics.median(times),
        # How far the best of the worst round lies from the best of all: the noise that a comparison has to beat.
        "spread": max(bests) / min(bests) - 1,
        "ratios": None if not ours or ours is records or _failures(ours) else _ratios(records, ours),
        "gflops": 2 * model.report["macs"] / min(times) / 1e6,
        "first_answer": statistics.median(record["firstAnswer"] for record in records),
        "first_run": statistics.median(record["firstRun"] for record in records),
        "download": sum(records[-1]["download"].values()),
        "memory": max(memory, default=None),
        "error": max(record["error"] for record in records),
    }


def _failures(records: Sequence[Record]) -> list[str]:
    return [record["failure"] for record in records if "failure" in record]


def _ratios(theirs: Sequence[Record], ours: Sequence[Record]) -> dict[str, Any]:
    """How many times as long as ours theirs takes: best over best, median over median, and in each round."""

    def times(records: Sequence[Record]) -> list[float]:
        return [time for record in records for time in record["times"]]

    # Both were measured in every round, in this order.
    rounds = [min(a["times"]) / min(b["times"]) for a, b in zip(theirs, ours, strict=True)]
    return {
        "best": min(times(theirs)) / min(times(ours)),
        "median": statistics.median(times(theirs)) / statistics.median(times(ours)),
        "rounds": rounds,
    }


def peaks(records: Sequence[Record]) -> dict[str, list[dict[str, float]]]:
    """Best and median over all pages of the bare multiply-add rate: variant → [of one thread, of two at once]."""
    pages = [record["peaks"] for record in records if "peaks" in record]
    variants = sorted({variant for page in pages for variant in page})
    return {variant: [_best_rate(page[variant][i] for page in pages) for i in range(2)] for variant in variants}


def _best_rate(rates: Iterable[float]) -> dict[str, float]:
    rates = list(rates)
    return {"best": max(rates), "median": statistics.median(rates)}


COLUMNS = [
    "model",
    "runtime",
    "threads",
    "best ms",
    "median ms",
    "spread",
    "× WebDNN best",
    "× median",
    "× by round",
    "GFLOP/s",
    "first answer ms",
    "first run ms",
    "download kB",
    "memory MB",
    "error",
]


def _cells(row: Mapping[str, Any]) -> list[str]:
    head = [row["model"], RUNTIMES[row["runtime"]].label, str(row["threads"])]
    if "failure" in row:
        return [*head, "failed", *["–"] * (len(COLUMNS) - len(head) - 1)]
    ratios = row["ratios"]
    return [
        *head,
        f"{row['best']:.2f}",
        f"{row['median']:.2f}",
        f"{row['spread']:.0%}",
        f"{ratios['best']:.2f}" if ratios else "–",
        f"{ratios['median']:.2f}" if ratios else "–",
        f"{min(ratios['rounds']):.2f}–{max(ratios['rounds']):.2f}" if ratios else "–",
        f"{row['gflops']:.1f}",
        f"{row['first_answer']:.0f}",
        f"{row['first_run']:.1f}",
        f"{row['download'] / 1000:.1f}",
        "–" if row["memory"] is None else f"{row['memory'] / 1e6:.0f}",
        f"{row['error']:.1e}",
    ]


def _failure_list(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        f"- {row['model']}, {RUNTIMES[row['runtime']].label}, threads {row['threads']}: "
        f"{' '.join(row['failure'].split())[:600]}"
        for row in rows
        if "failure" in row
    ]
    return "\n".join(["Failed:", "", *lines]) if lines else ""


def markdown(result: Mapping[str, Any]) -> str:
    """The table, and what it was measured on."""
    rows = list(map(_cells, result["summary"]))
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    empty = result["empty_page_memory"]
    parts = [
        table(COLUMNS, rows, left=2),
        _failure_list(result["summary"]),
        f"Rounds: {result['rounds']}. {machine['processor']}, {machine['cores']} cores, "
        f"load average {machine['load_before']} before and {machine['load_after']} after; {versions}.",
        _peak_lines(result["peaks"]),
        _gain_lines(result["summary"]),
        _start_line(result["records"]),
        "" if empty is None else f"Memory of an empty page: {empty / 1e6:.0f} MB.",
    ]
    return "\n\n".join(filter(None, [*parts, *map(_profile_table, result["profiles"])])) + "\n"


def _peak_lines(rates: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    if not rates:
        return ""
    lines = [
        f"- {name}: {one['best']:.1f} (median {one['median']:.1f}) on one thread, "
        f"{two['best']:.1f} (median {two['median']:.1f}) on two at once: × {two['best'] / one['best']:.2f}"
        for name, (one, two) in rates.items()
    ]
    return "\n".join(["Bare multiply-add rate in the same pages, GFLOP/s:", "", *lines])


def _gain_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """What two threads gain over one, for every runtime that was measured on both: to be held against bare FMA's gain."""
    bests = {(row["model"], row["runtime"]): row["best"] for row in rows if "best" in row}
    gains: dict[str, list[str]] = {}
    for (model, name), best in bests.items():
        if (model, f"{name}-2") in bests:
            gain = best / bests[model, f"{name}-2"]
            gains.setdefault(model, []).append(f"{RUNTIMES[name].label} × {gain:.2f}")
    lines = [f"- {model}: {', '.join(texts)}" for model, texts in gains.items()]
    return "\n".join(["Two threads against one, best over best:", "", *lines]) if lines else ""


def _start_line(records: Sequence[Record]) -> str:
    """How much of a first answer no runtime can save."""
    starts = [record["started"] for record in records if "started" in record]
    if not starts:
        return ""
    return f"Of each first answer, until the page's own script ran: {statistics.median(starts):.0f} ms (median of all pages)."


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """A Markdown table that is also readable as text; all but the `left` first columns are numbers."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True)))
        return f"| {' | '.join(padded)} |"

    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return "\n".join([line(columns), line(rule), *map(line, rows)])


def join_layers(steps: Sequence[Record], layers: Sequence[Record]) -> list[dict[str, Any]]:
    """Steps of one origin are one layer; their times add up."""
    macs: dict[str, int] = {}
    for layer in layers:
        macs[layer["origin"]] = macs.get(layer["origin"], 0) + layer["macs"]
    joined: dict[str, dict[str, Any]] = {}
    for step in steps:
        origin = step["origin"]
        row = joined.setdefault(origin, {"origin": origin, "kernels": [], "ms": 0.0, "macs": macs.pop(origin, 0)})
        row["kernels"].append(step["kernel"])
        row["ms"] += _usual(step["milliseconds"])
    if macs:
        raise ValueError(f"layers without a step of their own in the plan: {', '.join(macs)}")
    return list(joined.values())


def _usual(times: Sequence[float]) -> float:
    """The mean of the faster half. A page's clock moves by 5 µs, longer than a small step: the fastest would be 0."""
    return statistics.fmean(sorted(times)[: (len(times) + 1) // 2])


def _short(text: str, length: int = 56) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _profile_table(profile: Mapping[str, Any]) -> str:
    layers = profile["layers"]
    total = sum(layer["ms"] for layer in layers)
    rows = [
        [
            _short(layer["origin"]),
            ", ".join(dict.fromkeys(layer["kernels"])),
            f"{layer['ms']:.3f}",
            f"{layer['ms'] / total:.1%}",
            f"{layer['macs'] / 1e6:.1f}",
            f"{2 * layer['macs'] / layer['ms'] / 1e6:.1f}" if layer["macs"] and layer["ms"] else "–",
        ]
        for layer in sorted(layers, key=lambda layer: -layer["ms"])
    ]
    title = f"### {profile['model']}, {RUNTIMES[profile['runtime']].label}: {total:.2f} ms in {len(layers)} layers"
    return f"{title}\n\n{table(['layer', 'kernels', 'ms', 'share', 'MMAC', 'GFLOP/s'], rows, left=2)}"
