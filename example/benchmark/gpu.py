#!/usr/bin/env python3
"""Measures WebDNN's webgpu and webgl backends beside other runtimes, on a machine with a GPU.

    python example/benchmark/gpu.py site SITE             here: a folder with all that the pages need, and jobs.txt
    … on the other machine: serve SITE, open page/gpu.html once for every line of jobs.txt, keep what the pages post to /result
    python example/benchmark/gpu.py table RESULTS.jsonl   here: the tables

The other machine needs a browser and a server, nothing else: README.md says what they must do.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bin"))
from few_bits import snap
from gpu_report import markdown
from gpu_runtimes import FILES, GPU_RUNTIMES

from _setup import ROOT, ensure, ensure_node_packages

HERE = Path(__file__).resolve().parent
WORK = HERE / ".work" / "gpu"
MODULES = HERE / "node_modules"
BITS = 1
"""Of weights, after the first one: a folder of models is then packed to a seventh."""
PAGE = "page/gpu.html"


def say(text: str) -> None:
    print(f"[benchmark] {text}", file=sys.stderr, flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    site = commands.add_parser("site", help="write a folder to take to the other machine")
    site.add_argument("folder", type=Path, metavar="SITE")
    site.add_argument("--models", metavar="LIST", default="mobilenet_v2,resnet50,unet@256")
    site.add_argument("--runtimes", metavar="LIST", default=",".join(GPU_RUNTIMES), help="default: all")
    site.add_argument(
        "--rounds", type=int, metavar="N", default=3, help="how often every runtime has its turn (default 3)"
    )
    site.add_argument(
        "--runs", type=int, metavar="N", default=20, help="at least so many timed runs in a page (default 20)"
    )
    site.add_argument("--seconds", type=float, metavar="S", default=0.7, help="and at least so long (default 0.7)")
    table = commands.add_parser("table", help="turn what the pages posted into tables")
    table.add_argument("results", type=Path, metavar="RESULTS", help="a JSON object a line, with its job")
    return parser.parse_args()


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def copy_descriptor(source: Path, target: Path) -> None:
    """With weights made exact, and their new hashes."""
    from webdnn.descriptor.writer import file_record

    shutil.copytree(source, target)
    manifest = json.loads((target / "descriptor.json").read_text(encoding="utf-8"))
    for shard in manifest["shards"]:
        file = target / shard["file"]["name"]
        file.write_bytes(snap(file.read_bytes(), BITS))
        shard["file"] = file_record(file.name, file.read_bytes())
    (target / "descriptor.json").write_text(json.dumps(manifest), encoding="utf-8")


def write_model(model: Any, forms: set[str], site: Path) -> None:
    """The model in every form, its input and Keras's answer."""
    folder = site / "models" / model.folder.name
    for form in forms:
        source, target = model.folder / model.path(form), folder / model.path(form)
        if source.is_dir():
            copy_descriptor(source, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(snap(source.read_bytes(), BITS))
    copy(model.folder / "input.bin", folder / "input.bin")
    model.reference.astype("<f4").tofile(folder / "reference.bin")


def job_of(model: Any, name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """What page/main.mjs gets."""
    runtime, folder = GPU_RUNTIMES[name], f"/models/{model.folder.name}"
    return {
        "runtime": runtime.module,
        "file": f"{folder}/{model.path(runtime.form)}",
        "input": f"{folder}/input.bin",
        "reference": f"{folder}/reference.bin",
        "shape": list(model.input.shape),
        "dist": "/webdnn",
        "threads": 1,
        "warmup": 5,
        "runs": arguments.runs,
        "seconds": arguments.seconds,
        "library": list(runtime.library),
        **runtime.options,
    }


def write_pages(site: Path, jobs: dict[str, dict[str, Any]]) -> None:
    for file in (HERE / "page").iterdir():
        copy(file, site / "page" / file.name)
    page = site / PAGE
    text = page.read_text(encoding="utf-8")
    empty = "const JOBS = {};"
    if empty not in text:
        raise ValueError(f"{PAGE} has no place for the jobs: {empty}")
    page.write_text(text.replace(empty, f"const JOBS = {json.dumps(jobs)};"), encoding="utf-8")


def write_libraries(site: Path, names: list[str]) -> None:
    shutil.copytree(ROOT / "webdnn_js" / "dist", site / "webdnn", ignore=shutil.ignore_patterns("types", "*.d.ts"))
    for name in names:
        for address, source in FILES.get(GPU_RUNTIMES[name].module, {}).items():
            copy(MODULES / source, site / address)


def write_site(arguments: argparse.Namespace) -> None:
    from run import install_exporter

    from models import EXPORTS, Build, Maker

    names = arguments.runtimes.split(",")
    for name in names:
        if name not in GPU_RUNTIMES:
            sys.exit(f"unknown runtime {name!r}; known: {', '.join(GPU_RUNTIMES)}")
    site: Path = arguments.folder
    if site.exists() and any(site.iterdir()):
        sys.exit(f"{site} is not empty; choose another folder")
    forms = {GPU_RUNTIMES[name].form for name in names}
    rivals = sorted(forms & set(EXPORTS))
    if rivals:
        ensure_node_packages(HERE)
    maker = Maker(WORK, install_exporter({HERE / "requirements.txt": ()}) if rivals else None, say, BITS)
    jobs: dict[str, dict[str, Any]] = {}
    for text in arguments.models.split(","):
        model = maker.keras(text)
        for form in rivals:
            if failure := maker.export(model, form):
                sys.exit(failure)
        maker.convert(model, "descriptor", Build(ROOT, backends="webgpu,webgl"))
        write_model(model, forms, site)
        jobs |= {f"{text}/{name}": job_of(model, name, arguments) for name in names}
    write_libraries(site, names)
    write_pages(site, jobs)
    turns = [names[(first + i) % len(names)] for first in range(arguments.rounds) for i in range(len(names))]
    lines = [f"job={text}/{name}" for text in arguments.models.split(",") for name in turns]
    (site / "jobs.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    say(f"{site}: open {PAGE} with each line of jobs.txt as the address's query, in this order")


def main() -> int:
    arguments = parse_arguments()
    if arguments.command == "table":
        lines = arguments.results.read_text(encoding="utf-8").splitlines()
        records = [record for line in lines if line.startswith("{") and "job" in (record := json.loads(line))]
        print(markdown(records))
        return 0
    ensure(extras=["test"])
    write_site(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
