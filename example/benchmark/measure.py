"""Opens a page for every model, runtime and round, and collects what it measured."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from urllib.parse import quote

import numpy as np
from memory import peak_of_page, renderers
from playwright.sync_api import Error, sync_playwright
from runtimes import LIBRARIES, RUNTIMES, Runtime

from harness import chromium
from harness.metric import error
from harness.page import decode
from harness.server import StaticServer
from models import EXPORTS, HERE, Model
from webdnn.backend.webassembly.toolchain import INSTRUCTION_SETS, find_zig


@dataclass(frozen=True)
class Effort:
    """How long each page measures: `warmup` runs, then at least `runs` runs and at least `seconds`."""

    warmup: int = 3
    runs: int = 10
    seconds: float = 3.0
    peak_seconds: float = 0.2


QUICK = Effort(warmup=1, runs=3, seconds=0.2, peak_seconds=0.05)
FLAGS = [*chromium.PLAIN_FLAGS, "--disable-gpu"]
"""No runtime here needs a GPU. Where there is none, SwiftShader would draw the page, on the processors that runtimes compute with."""
PAGE_SECONDS = 600
"""A page that has not ended by then has failed."""

MODULES = HERE / "node_modules"
# Where a page finds the runtimes; WebDNN's folders come with a checkout.
MOUNTS = {
    "/page": HERE / "page",
    "/onnxruntime": MODULES / "onnxruntime-web" / "dist",
    "/tfjs/core": MODULES / "@tensorflow" / "tfjs-core" / "dist",
    "/tfjs/converter": MODULES / "@tensorflow" / "tfjs-converter" / "dist",
    "/tfjs/wasm": MODULES / "@tensorflow" / "tfjs-backend-wasm" / "dist",
    "/tfjs/wasm-out": MODULES / "@tensorflow" / "tfjs-backend-wasm" / "wasm-out",
    "/litert": MODULES / "@litertjs" / "core",
    "/litert-utils": MODULES / "@litertjs" / "wasm-utils" / "dist",
}
# What a page asks for on the benchmark's behalf.
OWN_FILES = ("/page/", "/input/", "/peak/")


class Bench:
    """A Chromium, and a server of the page, the runtimes and the models."""

    def __init__(self, launch: Callable[[], Any], server: StaticServer, effort: Effort) -> None:
        self.launch = launch
        self.browser = launch()
        self.version = self.browser.version
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
        """The answer of a fresh page in a fresh context, with `error`, `download` and `memory`; or its `failure`."""
        name = model.folder.name
        job = {
            "runtime": runtime.module,
            "file": f"/models/{name}/{model.path(runtime.form)}",
            "dist": "/webdnn",
            "threads": runtime.threads,
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
        job["library"] = [address.format_map(job) for address in LIBRARIES[runtime.module]]
        self.server.requests.clear()
        self.server.posted = Queue()  # a page that took too long may have answered yet
        try:
            answer = self._answer(f"/page/start.html?{quote(json.dumps(job))}")
        except Error as problem:  # the page crashed, or took too long
            self._relaunch()
            return {"failure": str(problem)}
        if "failure" not in answer:
            output = decode({"dtype": "<f4", "data": answer.pop("output"), "shape": model.reference.shape})
            answer["error"] = error(output, model.reference)
            answer["download"] = self._download(model, runtime)
        return answer

    def _answer(self, path: str) -> dict[str, Any]:
        """What a page posts. Nobody inspects it: of one that Playwright opens, the browser keeps and copies every byte downloaded."""
        session = self.browser.new_browser_cdp_session()
        context = session.send("Target.createBrowserContext")["browserContextId"]
        try:
            crashes: list[Any] = []
            session.on("Target.targetCrashed", lambda event: crashes.append(event))
            session.send("Target.setDiscoverTargets", {"discover": True})
            session.send("Target.createTarget", {"url": self.server.url(path), "browserContextId": context})
            answer, memory = self._posted(crashes)
            return {**json.loads(answer), "memory": memory}
        finally:
            session.send("Target.disposeBrowserContext", {"browserContextId": context})
            session.detach()

    def _posted(self, crashes: Sequence[Any]) -> tuple[bytes, int | None]:
        """What the page posts, and its peak of memory, which is read all the while: the browser sets it back from time to time.

        It is asked for its processes once, in the second and a half in which start.html waits.
        """
        end = time.monotonic() + PAGE_SECONDS
        processes: list[int] = []
        peak: int | None = None
        while time.monotonic() < end:
            answer = None
            with suppress(Empty):
                answer = self.server.posted.get(timeout=0.5)
            processes = processes or renderers(self.browser)
            peak = max(filter(None, (peak, peak_of_page(processes))), default=None)
            if answer is not None:
                return answer, peak
            if crashes:
                raise Error("the page crashed")
        raise Error(f"the page did not end within {PAGE_SECONDS} s")

    def empty_page_memory(self) -> int | None:
        """Peak bytes of a page that does nothing."""
        self.server.add("/page/empty", "<!doctype html><script>fetch('/answer', {method: 'POST', body: '{}'})</script>")
        memory: int | None = self._answer("/page/empty")["memory"]
        return memory

    def _relaunch(self) -> None:
        """After a crash the browser may be of no more use."""
        self.browser.close()
        self.browser = self.launch()

    def _download(self, model: Model, runtime: Runtime) -> dict[str, int]:
        """Gzipped bytes of every file that the page asked for; a rival's model counts with its weights taken out."""
        sizes: dict[str, int] = {}
        for path in sorted(self.server.requests):
            name = Path(path).name
            if path.startswith(OWN_FILES) or name.startswith(("weights.", "group")):
                continue
            if runtime.form in EXPORTS and path.endswith(f"/{EXPORTS[runtime.form].file}"):
                sizes[path] = model.exported(runtime.form)["graph"]
                continue
            response = self.server.respond(path)
            if response.status == 200:
                sizes[path] = len(gzip.compress(response.body, mtime=0))
        return sizes


@contextmanager
def open_bench(effort: Effort, checkouts: Mapping[str, Path]) -> Iterator[Bench]:
    """`checkouts`: where the page finds a WebDNN → whose it is."""
    ours = {prefix: checkout / "webdnn_js" / "dist" for prefix, checkout in checkouts.items()}
    with StaticServer({**MOUNTS, **ours}) as server, sync_playwright() as playwright:
        server.add("/page/", (HERE / "page" / "index.html").read_bytes())
        bench = Bench(
            lambda: playwright.chromium.launch(executable_path=chromium.executable(), args=FLAGS),
            server,
            effort,
        )
        try:
            yield bench
        finally:
            bench.browser.close()


def measure(
    bench: Bench,
    models: Sequence[Model],
    names: Sequence[str],
    missing: Mapping[tuple[str, str], str],
    rounds: int,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """A record for every model, runtime and round. In each round every runtime has its turn; who begins changes.

    `missing`: (model, form) → why there is no such file.
    """
    records = []
    for number in range(rounds):
        order = [names[(number + i) % len(names)] for i in range(len(names))]
        for model in models:
            for name in order:
                absent = missing.get((model.name, RUNTIMES[name].form))
                answer = {"failure": absent} if absent else bench.open(model, RUNTIMES[name])
                records.append({"round": number + 1, "model": model.name, "runtime": name, **answer})
                say(f"round {number + 1}/{rounds} {model.name:16} {name:14} {_line(answer)}")
    return records


def _line(answer: Mapping[str, Any]) -> str:
    if "failure" in answer:
        return f"failed: {answer['failure']}"
    return f"best {min(answer['times']):9.2f} ms, median {float(np.median(answer['times'])):9.2f} ms"


def profile(bench: Bench, model: Model, name: str) -> list[dict[str, Any]]:
    """Kernel, origin and milliseconds (of each run) of every step."""
    answer = bench.open(model, RUNTIMES[name], profile=True)
    if "failure" in answer:
        raise RuntimeError(f"{model.name} on {name}: {answer['failure']}")
    return answer["profile"]
