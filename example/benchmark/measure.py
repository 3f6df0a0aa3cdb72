"""Opens a page for every model, runtime and round, and collects what it measured."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from harness import chromium
from harness.metric import error
from harness.page import decode
from harness.server import StaticServer
from models import HERE, ROOT, Model
from webdnn.backend.webassembly.toolchain import INSTRUCTION_SETS, find_zig


@dataclass(frozen=True)
class Runtime:
    """A module of page/, and what its `load` gets beside the model's files."""

    module: str
    label: str
    options: Mapping[str, Any]


# On the command line → what it is.
RUNTIMES: dict[str, Runtime] = {
    "webdnn": Runtime("webdnn", "WebDNN", {"threads": 1}),
    "webdnn-simd": Runtime("webdnn", "WebDNN, SIMD only", {"threads": 1, "variant": "simd"}),
    "webdnn-2": Runtime("webdnn", "WebDNN, 2 threads", {"threads": 2}),
    "onnxruntime": Runtime("onnxruntime", "onnxruntime-web", {"threads": 1}),
    "onnxruntime-2": Runtime("onnxruntime", "onnxruntime-web, 2 threads", {"threads": 2}),
}
BASELINE = "onnxruntime"


@dataclass(frozen=True)
class Effort:
    """How long each page measures: `warmup` runs, then at least `runs` runs and at least `seconds`."""

    warmup: int = 3
    runs: int = 10
    seconds: float = 3.0
    peak_seconds: float = 0.3


QUICK = Effort(warmup=1, runs=3, seconds=0.2, peak_seconds=0.05)

# What a page asks for on the benchmark's behalf.
OWN_FILES = ("/page/", "/input/", "/peak/")


class Bench:
    """A Chromium, and a server of the page, the runtimes and the models."""

    def __init__(self, browser: Any, server: StaticServer, effort: Effort) -> None:
        self.browser = browser
        self.server = server
        self.effort = effort
        self.peaks = {
            name: server.add(f"/peak/{name}.wasm", find_zig().modules((HERE / "peak.c").read_text(), name)[name])
            for name in INSTRUCTION_SETS
        }

    def serve(self, model: Model) -> None:
        self.server.mount(f"/models/{model.folder.name}", model.folder)
        self.server.add(f"/input/{model.folder.name}.bin", (model.folder / "input.bin").read_bytes())

    def open(self, model: Model, runtime: Runtime, **more: Any) -> dict[str, Any]:
        """The answer of a fresh page in a fresh context, `error` and `download` added."""
        name = model.folder.name
        job = {
            "runtime": runtime.module,
            "descriptor": f"/models/{name}/descriptor",
            "onnx": f"/models/{name}/model.onnx",
            "shape": list(model.input.shape),
            "input": f"/input/{name}.bin",
            "peaks": self.peaks,
            "warmup": self.effort.warmup,
            "runs": self.effort.runs,
            "seconds": self.effort.seconds,
            "peakSeconds": self.effort.peak_seconds,
            **runtime.options,
            **more,
        }
        self.server.requests.clear()
        context = self.browser.new_context()
        try:
            page = context.new_page()
            page.goto(self.server.url(f"/page/?{quote(json.dumps(job))}"))
            answer = page.evaluate("() => window.answer")
        finally:
            context.close()
        output = decode({"data": answer.pop("output"), "shape": model.reference.shape})
        answer["error"] = error(output, model.reference)
        answer["download"] = self._download(model)
        return answer

    def _download(self, model: Model) -> dict[str, int]:
        """Gzipped bytes of every file that the page asked for; an ONNX file counts with its weights taken out."""
        sizes: dict[str, int] = {}
        for path in sorted(self.server.requests):
            if path.startswith(OWN_FILES) or Path(path).name.startswith("weights."):
                continue
            if path.endswith(".onnx"):
                sizes[path] = model.onnx["graph_gzip_bytes"]
                continue
            response = self.server.respond(path)
            if response.status == 200:
                sizes[path] = len(gzip.compress(response.body, mtime=0))
        return sizes


@contextmanager
def open_bench(effort: Effort) -> Iterator[Bench]:
    from playwright.sync_api import sync_playwright

    mounts = {
        "/page": HERE / "page",
        "/webdnn": ROOT / "webdnn_js" / "dist",
        "/onnxruntime": HERE / "node_modules" / "onnxruntime-web" / "dist",
    }
    with StaticServer(mounts) as server, sync_playwright() as playwright:
        server.add("/page/", (HERE / "page" / "index.html").read_bytes())
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=chromium.FLAGS)
        try:
            yield Bench(browser, server, effort)
        finally:
            browser.close()


def measure(
    bench: Bench, models: Sequence[Model], names: Sequence[str], rounds: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """A record for every model, runtime and round. In each round every runtime has its turn; who begins changes."""
    records = []
    for number in range(rounds):
        order = [names[(number + i) % len(names)] for i in range(len(names))]
        for model in models:
            for name in order:
                answer = bench.open(model, RUNTIMES[name])
                records.append({"round": number + 1, "model": model.name, "runtime": name, **answer})
                best, median = min(answer["times"]), float(np.median(answer["times"]))
                say(
                    f"round {number + 1}/{rounds} {model.name:16} {RUNTIMES[name].label:18} "
                    f"best {best:9.2f} ms, median {median:9.2f} ms"
                )
    return records


def profile(bench: Bench, model: Model, name: str) -> list[dict[str, Any]]:
    """Kernel, origin and milliseconds (of each run) of every step."""
    return bench.open(model, RUNTIMES[name], profile=True)["profile"]
