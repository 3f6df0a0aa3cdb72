"""Draws results.json: how long each runtime takes, in multiples of WebDNN's time.

usage: python plot.py results.json results.png, in the environment of requirements.txt
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
from runtimes import OURS, RUNTIMES

# Module of page/ → colour; the first is ours.
COLOURS = {"webdnn": "#d6473a", "litert": "#3b76af", "tfjs": "#e8a33d", "onnxruntime": "#7a7a7a"}
# What is drawn for each number of threads: the runtimes as they come, without forced variants.
DRAWN = {
    1: ["webdnn", "litert", "tfjs", "onnxruntime"],
    2: ["webdnn-2", "litert-2", "tfjs-2", "onnxruntime-2"],
}
HEIGHT = 0.8
"""Of a model's bars together; models are 1 apart."""


def panels(result: dict[str, Any]) -> dict[int, list[dict[str, Any]]]:
    """Threads → the rows to draw, where ours was measured and something beside it."""
    rows = {
        threads: [row for row in result["summary"] if row["runtime"] in names and "best" in row]
        for threads, names in DRAWN.items()
    }
    return {threads: mine for threads, mine in rows.items() if any(row["ratios"] for row in mine)}


def draw(axes: Any, threads: int, rows: list[dict[str, Any]], models: list[str]) -> None:
    names = [name for name in DRAWN[threads] if any(row["runtime"] == name for row in rows)]
    ours = {row["model"]: row["best"] for row in rows if row["runtime"] == OURS[threads]}
    step = HEIGHT / len(names)
    for k, name in enumerate(names):
        runtime = RUNTIMES[name]
        mine = [row for row in rows if row["runtime"] == name and row["model"] in ours]
        places = [models.index(row["model"]) + (k - (len(names) - 1) / 2) * step for row in mine]
        ratios = [row["best"] / ours[row["model"]] for row in mine]
        bars = axes.barh(places, ratios, 0.9 * step, color=COLOURS[runtime.module], label=runtime.label)
        labels = [f"{row['best']:.0f} ms" if row["best"] >= 100 else f"{row['best']:.3g} ms" for row in mine]
        axes.bar_label(bars, labels, padding=2, fontsize=7)
    axes.axvline(1, color=COLOURS["webdnn"], linewidth=0.8)
    axes.set_yticks(range(len(models)), models)
    axes.margins(x=0.15)
    axes.set_title(f"{threads} thread{'s' if threads > 1 else ''}")
    axes.set_xlabel("best time ÷ WebDNN's (shorter is faster)")
    axes.spines[["top", "right"]].set_visible(False)


def main(source: str, target: str) -> None:
    result = json.loads(Path(source).read_text(encoding="utf-8"))
    drawn = panels(result)
    if not drawn:
        Path(target).unlink(missing_ok=True)
        return
    models = list(dict.fromkeys(row["model"] for row in result["summary"]))
    size = (5.5 * len(drawn) + 1, 0.75 * len(models) + 1.6)
    figure, axes = plt.subplots(1, len(drawn), figsize=size, sharey=True, squeeze=False, layout="constrained")
    for one, (threads, rows) in zip(axes[0], drawn.items(), strict=True):
        draw(one, threads, rows, models)
    axes[0][0].invert_yaxis()  # shared; the first model is on top
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    versions = result["versions"]
    figure.suptitle(
        f"Inference on WebAssembly, Chromium {versions['Chromium']}, {result['machine']['processor']}", fontsize=9
    )
    figure.savefig(target, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:])
