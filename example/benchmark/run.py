#!/usr/bin/env python3
"""Measures WebDNN's webassembly backend beside onnxruntime-web, on the same models, in the same browser.

Installs what it needs in this folder, makes the models, opens a fresh page for every model, runtime and round, and
writes results.json and results.md. The machine should have nothing else to do: see README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bin"))
from _setup import ROOT, digest, ensure, ensure_node_packages, make_environment, pip_install, python_of

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
DEFAULT_MODELS = "mobilenet_v2,resnet50"
QUICK_MODELS = "residual,mobilenet_v2@64"


def say(text: str) -> None:
    print(f"[benchmark] {text}", file=sys.stderr, flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--models", help=f"comma list, each NAME or NAME@SIZE (default {DEFAULT_MODELS})")
    add("--rounds", type=int, help="how often every runtime has its turn (default 5)")
    add("--runtimes", help="comma list (default all: see RUNTIMES in measure.py)")
    add("--profile", action="store_true", help="also the time and GFLOP/s of every layer of ours")
    add(
        "--out",
        type=Path,
        default=WORK / "results",
        metavar="FOLDER",
        help="where the results go (default .work/results)",
    )
    add("--quick", action="store_true", help=f"only shows that it works: {QUICK_MODELS}, one round of a few runs")
    return parser.parse_args()


def install_exporter() -> Path:
    """The Python that exports to ONNX, with the packages of requirements.txt."""
    venv = HERE / ".venv"
    make_environment(venv)
    stamp, wanted = venv / "webdnn-installed.txt", digest(HERE / "requirements.txt")
    if not stamp.exists() or stamp.read_text() != wanted:
        say("installing TensorFlow and tf2onnx, which export the models to ONNX (a few minutes the first time)")
        pip_install(venv, "--requirement", str(HERE / "requirements.txt"))
        stamp.write_text(wanted)
    return python_of(venv)


def load_average() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def processor() -> str:
    """Its name, where the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str:
    """The checkout's commit, with a + when files differ from it; empty outside git."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*", "--abbrev=12"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def main() -> int:
    arguments = parse_arguments()
    ensure(extras=["test"], chromium=True)
    from measure import QUICK, RUNTIMES, Effort, measure, open_bench, profile
    from report import join_layers, markdown, peaks, summarize

    from models import MAKERS, layer_macs, make, parse_name

    texts = (arguments.models or (QUICK_MODELS if arguments.quick else DEFAULT_MODELS)).split(",")
    names = (arguments.runtimes or ",".join(RUNTIMES)).split(",")
    rounds = arguments.rounds or (1 if arguments.quick else 5)
    unknown = [name for name in names if name not in RUNTIMES]
    if unknown:
        sys.exit(f"unknown runtime {unknown[0]!r}; known: {', '.join(RUNTIMES)}")
    for text in texts:
        try:
            parse_name(text)
        except ValueError as problem:
            sys.exit(str(problem))

    onnx = any(RUNTIMES[name].module == "onnxruntime" for name in names)
    if onnx:
        ensure_node_packages(HERE)
    exporter = install_exporter() if onnx else None
    stamp = digest(*MAKERS)
    models = [make(text, WORK, exporter, onnx=onnx, digest=stamp, say=say) for text in texts]
    layers = {model.name: layer_macs(model) for model in models} if arguments.profile else {}

    load_before, start = load_average(), time.time()
    with open_bench(QUICK if arguments.quick else Effort()) as bench:
        for model in models:
            bench.serve(model)
        records = measure(bench, models, names, rounds, say)
        versions = {"Chromium": bench.browser.version, "WebDNN": commit()}
        if onnx:
            versions["onnxruntime-web"] = json.loads((HERE / "package.json").read_text())["dependencies"][
                "onnxruntime-web"
            ]
        profiles = [
            {
                "model": model.name,
                "runtime": name,
                "layers": join_layers(profile(bench, model, name), layers[model.name]),
            }
            for model in models
            for name in names
            if arguments.profile and RUNTIMES[name].module == "webdnn"
        ]

    result: dict[str, Any] = {
        "rounds": rounds,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start)),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "load_before": load_before,
            "load_after": load_average(),
        },
        "versions": versions,
        "summary": summarize(records, models),
        "peaks": peaks(records),
        "profiles": profiles,
        "records": records,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "results.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = markdown(result)
    (arguments.out / "results.md").write_text(text, encoding="utf-8")
    print(f"\n{text}")
    say(f"written: {arguments.out / 'results.json'} and results.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
