#!/usr/bin/env python3
"""Measures WebDNN's webassembly backend beside other runtimes, on the same models, in the same browser.

Installs what it needs in this folder, makes the models, opens a fresh page for every model, runtime and round, and
writes results.json, results.md and results.png. The machine should have nothing else to do: see README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bin"))
from runtimes import BEFORE, DEFAULT, RUNTIMES

from _setup import ROOT, digest, ensure, ensure_node_packages, make_environment, pip_install, python_of

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work"
DEFAULT_MODELS = "mobilenet_v2,resnet50,vgg16,inception_v3,efficientnet_b0,densenet121,unet@256"
QUICK_MODELS = "residual,mobilenet_v2@64"


def say(text: str) -> None:
    print(f"[benchmark] {text}", file=sys.stderr, flush=True)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--models", metavar="LIST", help=f"comma list, each NAME or NAME@SIZE (default {DEFAULT_MODELS})")
    add(
        "--runtimes", metavar="LIST", help=f"comma list of {', '.join(RUNTIMES)} (default: all but {', '.join(BEFORE)})"
    )
    add("--rounds", type=positive, metavar="N", help="how often every runtime has its turn (default 5)")
    add("--runs", type=positive, metavar="N", help="at least so many timed runs in a page (default 10)")
    add("--seconds", type=float, metavar="S", help="and at least so long (default 3)")
    add("--checkout", type=Path, default=ROOT, metavar="FOLDER", help="measure the WebDNN of another checkout")
    add("--before", type=Path, metavar="FOLDER", help="also measure the WebDNN of this checkout, as `before`")
    add("--profile", action="store_true", help="also the time and GFLOP/s of every layer of ours")
    add("--out", type=Path, default=WORK / "results", metavar="FOLDER", help="default .work/results")
    add("--quick", action="store_true", help=f"only shows that it works: {QUICK_MODELS}, one round of a few runs")
    return parser.parse_args()


def chosen_runtimes(arguments: argparse.Namespace) -> list[str]:
    """Their names, checked."""
    before = BEFORE if arguments.before else ()
    names = arguments.runtimes.split(",") if arguments.runtimes else [*DEFAULT, *before]
    for name in names:
        if name not in RUNTIMES:
            sys.exit(f"unknown runtime {name!r}; known: {', '.join(RUNTIMES)}")
        if name in BEFORE and not arguments.before:
            sys.exit(f"runtime {name!r} needs --before FOLDER, a checkout of WebDNN")
    for checkout in filter(None, (arguments.checkout, arguments.before)):
        if not (checkout / "bin" / "convert_keras.py").is_file() or not (checkout / "webdnn_js" / "dist").is_dir():
            sys.exit(f"{checkout} is no checkout of WebDNN: it has no bin/convert_keras.py or no webdnn_js/dist")
    return names


def install_exporter(requirements: Mapping[Path, Sequence[str]]) -> Path:
    """The Python that exports the models and draws the plot."""
    venv = HERE / ".venv"
    make_environment(venv)
    stamp, wanted = venv / "webdnn-installed.txt", digest(*requirements)
    if not stamp.exists() or stamp.read_text() != wanted:
        say(
            "installing TensorFlow and torch, which export the models for the other runtimes (a few minutes the first time)"
        )
        for file, options in requirements.items():
            pip_install(venv, *options, "--requirement", str(file))
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


def commit(checkout: Path) -> str:
    """Its commit, with a + when files differ from it; empty outside git."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty=+", "--exclude=*", "--abbrev=12"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def main() -> int:
    arguments = parse_arguments()
    for name in ("checkout", "before", "out"):
        if getattr(arguments, name):
            setattr(arguments, name, getattr(arguments, name).resolve())
    names = chosen_runtimes(arguments)
    ensure(extras=["test"], chromium=True)
    from measure import QUICK, Effort, measure, open_bench, profile
    from report import join_layers, markdown, peaks, summarize

    from models import EXPORTS, REQUIREMENTS, Build, Maker, StepError, parse_name, run

    texts = (arguments.models or (QUICK_MODELS if arguments.quick else DEFAULT_MODELS)).split(",")
    for text in texts:
        try:
            parse_name(text)
        except ValueError as problem:
            sys.exit(str(problem))
    effort = QUICK if arguments.quick else Effort()
    effort = replace(effort, **{k: v for k in ("runs", "seconds") if (v := getattr(arguments, k)) is not None})
    rounds = arguments.rounds or (1 if arguments.quick else 5)

    forms = list(dict.fromkeys(RUNTIMES[name].form for name in names))
    rivals = [form for form in forms if form in EXPORTS]
    if rivals:
        ensure_node_packages(HERE)
    exporter = install_exporter(REQUIREMENTS) if rivals else None
    maker = Maker(WORK, exporter, say)
    builds = {"descriptor": Build(arguments.checkout), "descriptor-O0": Build(arguments.checkout, ("--optimize", "0"))}
    if arguments.before:
        builds["descriptor-before"] = Build(arguments.before)
    missing: dict[tuple[str, str], str] = {}
    try:
        models = [maker.keras(text) for text in texts]
        for model in models:
            for form in dict.fromkeys(["descriptor", *forms]):  # its report says what the model costs
                if form in EXPORTS:
                    missing[model.name, form] = maker.export(model, form) or ""
                else:
                    maker.convert(model, form, builds[form])
        layers = {model.name: maker.layers(model, arguments.checkout) for model in models if arguments.profile}
    except StepError as problem:
        sys.exit(str(problem))

    load_before, start = load_average(), time.time()
    checkouts = {"/webdnn": arguments.checkout, **({"/before": arguments.before} if arguments.before else {})}
    with open_bench(effort, checkouts) as bench:
        for model in models:
            bench.serve(model)
        empty = bench.empty_page_memory()
        records = measure(bench, models, names, missing, rounds, say)
        profiles = [
            {
                "model": model.name,
                "runtime": name,
                "layers": join_layers(profile(bench, model, name), layers[model.name]),
            }
            for model in models
            for name in names
            if arguments.profile and RUNTIMES[name].form == "descriptor"
        ]
        versions = {"Chromium": bench.version, "WebDNN": commit(arguments.checkout)}
    if arguments.before:
        versions["before"] = commit(arguments.before)
    if rivals:
        versions |= json.loads((HERE / "package.json").read_text())["dependencies"]

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
        "empty_page_memory": empty,
        "profiles": profiles,
        "records": records,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "results.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    text = markdown(result)
    (arguments.out / "results.md").write_text(text, encoding="utf-8")
    print(f"\n{text}")
    if exporter:  # it has matplotlib, and without rivals there is nothing to compare
        try:
            run([exporter, HERE / "plot.py", arguments.out / "results.json", arguments.out / "results.png"])
        except StepError as problem:
            sys.exit(str(problem))
    say(f"written: {arguments.out / 'results.json'}, results.md{' and results.png' if exporter else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
