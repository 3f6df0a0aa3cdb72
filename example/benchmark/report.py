"""Records → figures → Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from measure import BASELINE, RUNTIMES

from models import Model

Record = Mapping[str, Any]


def summarize(records: Sequence[Record], models: Sequence[Model]) -> list[dict[str, Any]]:
    """One row for each model and runtime, over all rounds."""
    rows = []
    for model in models:
        mine = [record for record in records if record["model"] == model.name]
        best = {name: min(min(r["times"]) for r in mine if r["runtime"] == name) for name in _runtimes(mine)}
        rows += [_row(model, name, [r for r in mine if r["runtime"] == name], best.get(BASELINE)) for name in best]
    return rows


def _runtimes(records: Sequence[Record]) -> list[str]:
    present = {record["runtime"] for record in records}
    return [name for name in RUNTIMES if name in present]


def _row(model: Model, name: str, records: Sequence[Record], baseline: float | None) -> dict[str, Any]:
    times = [time for record in records for time in record["times"]]
    bests = [min(record["times"]) for record in records]
    best = min(times)
    return {
        "model": model.name,
        "runtime": name,
        "best": best,
        "median": statistics.median(times),
        # How far the best of the worst round lies from the best of all: the noise that a comparison has to beat.
        "spread": max(bests) / best - 1,
        "speedup": None if baseline is None else baseline / best,
        "gflops": 2 * model.report["macs"] / best / 1e6,
        "first_answer": statistics.median(record["firstAnswer"] for record in records),
        "first_run": statistics.median(record["firstRun"] for record in records),
        "download": sum(records[-1]["download"].values()),
        "error": max(record["error"] for record in records),
    }


def peaks(records: Sequence[Record]) -> dict[str, dict[str, float]]:
    """Best and median over all pages of the bare multiply-add rate, by variant."""
    variants = {variant for record in records for variant in record["peaks"]}
    rates = {v: [r["peaks"][v] for r in records if v in r["peaks"]] for v in sorted(variants)}
    return {v: {"best": max(rate), "median": statistics.median(rate)} for v, rate in rates.items()}


COLUMNS = [
    "model",
    "runtime",
    "best ms",
    "median ms",
    "spread",
    "× onnxruntime-web",
    "GFLOP/s",
    "first answer ms",
    "first run ms",
    "download kB",
    "error",
]


def markdown(result: Mapping[str, Any]) -> str:
    """The table, and what it was measured on."""
    rows = [
        [
            row["model"],
            RUNTIMES[row["runtime"]].label,
            f"{row['best']:.2f}",
            f"{row['median']:.2f}",
            f"{row['spread']:.0%}",
            "–" if row["speedup"] is None else f"{row['speedup']:.2f}",
            f"{row['gflops']:.1f}",
            f"{row['first_answer']:.0f}",
            f"{row['first_run']:.1f}",
            f"{row['download'] / 1000:.1f}",
            f"{row['error']:.1e}",
        ]
        for row in result["summary"]
    ]
    machine = result["machine"]
    rates = ", ".join(
        f"{name} {rate['best']:.1f} (median {rate['median']:.1f})" for name, rate in result["peaks"].items()
    )
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    parts = [
        table(COLUMNS, rows, left=2),
        f"Rounds: {result['rounds']}; one thread. {machine['processor']}, {machine['cores']} cores, "
        f"load average {machine['load_before']} before and {machine['load_after']} after; {versions}.",
        f"Bare multiply-add rate of one thread in the same pages, GFLOP/s: {rates}.",
    ]
    return "\n\n".join([*parts, *map(_profile_table, result.get("profiles", []))]) + "\n"


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
