"""Files that are missing or altered, and a page that uses a runner wrongly: an error that says what, where and what to do; nothing hangs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cases import N, Random, graph_of, source
from harness.server import Response, StaticServer
from runtime.support import (
    BACKENDS,
    Model,
    ask,
    assert_close,
    lists,
    new_workers,
    refusal,
    value,
    write_model,
)
from webdnn.descriptor.writer import file_record
from webdnn.graph.graph import Placeholder, apply
from webdnn.graph.ops import MatMul

LOAD = "const runner = await WebDNN.load(url, {backendOrder: backend}); runner.dispose();"
each_backend = pytest.mark.parametrize("backend", BACKENDS)


def load(site: Any, url: str, backend: str = "fallback") -> dict[str, Any]:
    return ask(site, LOAD, url=url, backend=backend)


@pytest.fixture
def runner(request: pytest.FixtureRequest, site: Any) -> Any:
    """`window.runner`: `dense` with N = 2; one for each backend, which tests leave fit for use."""
    body = """
      window.runners ??= {};
      window.runner = runners[backend] ??= await WebDNN.load('/dense', {backendOrder: backend});
      await runner.setPlaceholderValue({N: 2});"""
    value(ask(site, body, backend=request.getfixturevalue("backend")))


def lengthen(server: StaticServer, path: str) -> None:
    """A fault: one byte more."""
    server.heal(path)
    server.replace(path, server.respond(path).body + b"\0")


class TestFiles:
    def test_manifest_missing(self, site: Any) -> None:
        refusal(load(site, "/nowhere"), "/nowhere/descriptor.json", "404", code="fetch")

    def test_server_gone(self, site: Any) -> None:
        refusal(load(site, "http://127.0.0.1:9/model"), "http://127.0.0.1:9/model/descriptor.json", code="fetch")

    @pytest.mark.parametrize(
        "content", [b"<!doctype html><title>home</title>", b"", b'{"format": "web', b"\xff\xfe\x00", b"\x00" * 100]
    )
    def test_manifest_is_not_json(self, site: Any, server: StaticServer, content: bytes) -> None:
        server.replace("/dense/descriptor.json", content)
        refusal(load(site, "/dense"), "/dense/descriptor.json", "not JSON", code="descriptor")

    @pytest.mark.parametrize("content", [b"null", b"[]", b"1", b'"text"', b"{}", b'{"format": "onnx"}'])
    def test_manifest_of_something_else(self, site: Any, server: StaticServer, content: bytes) -> None:
        server.replace("/dense/descriptor.json", content)
        refusal(load(site, "/dense"), "manifest", "expected", code="descriptor")

    @pytest.mark.parametrize(
        ("number", "words"), [(2, ("older", "convert the model again")), (4, ("newer", "load a newer WebDNN"))]
    )
    def test_manifest_of_another_format(
        self, site: Any, server: StaticServer, dense: Model, number: int, words: tuple[str, ...]
    ) -> None:
        server.replace("/dense/descriptor.json", dense.manifest.replace(b'"version":3', b'"version":%d' % number))
        refusal(load(site, "/dense"), f"format {number}", *words, code="version")

    def test_unknown_backend_in_manifest(self, site: Any, server: StaticServer, dense: Model) -> None:
        """A backend of a later time does not disturb; it cannot be asked for."""
        manifest = json.loads(dense.manifest)
        manifest["backends"]["quantum"] = manifest["backends"]["fallback"]
        server.replace("/dense/descriptor.json", json.dumps(manifest).encode())
        value(load(site, "/dense"))
        refusal(load(site, "/dense", "quantum"), "unknown backend 'quantum'", "known: webgpu", code="option")

    def test_backend_without_a_plan(self, site: Any, server: StaticServer, dense: Model) -> None:
        manifest = json.loads(dense.manifest)
        manifest["backends"] = {}
        server.replace("/dense/descriptor.json", json.dumps(manifest).encode())
        refusal(load(site, "/dense"), "no backend can run 'dense'", "fallback: the Descriptor has no plan for it")

    @pytest.mark.slow
    @pytest.mark.parametrize("context", ["site", "insecure_site"])
    @pytest.mark.parametrize("pattern", ["plan.fallback.*.json", "weights.0.*.bin"])
    def test_file_damaged(
        self, request: pytest.FixtureRequest, server: StaticServer, dense: Model, pattern: str, context: str
    ) -> None:
        """The runtime compares files with their hashes, or lets the browser do it: with the same words."""
        site = request.getfixturevalue(context)
        name = dense.file(pattern)
        path = f"/dense/{name}"
        server.fail(path)
        refusal(load(site, "/dense"), name, "404", code="fetch")
        server.fail(path, 500)
        refusal(load(site, "/dense"), name, "500", code="fetch")
        for spoil in (
            server.alter,
            lambda p: server.truncate(p, 100),
            lambda p: server.truncate(p, 0),
            lambda p: lengthen(server, p),
        ):
            spoil(path)
            refusal(load(site, "/dense"), name, "truncated", "copy the whole directory again", code="integrity")
        server.break_off(path, 100)
        refusal(load(site, "/dense"), name, code="fetch")
        server.replace(path, b"<!doctype html>")
        refusal(load(site, "/dense"), name, code="integrity")
        server.heal()
        value(load(site, "/dense"))

    def test_c8_a_server_that_recovers(self, site: Any, server: StaticServer, dense: Model) -> None:
        """One 503 is asked again, as is a connection that breaks off; a server that stays so is an error that says it."""
        for pattern in ("descriptor.json", "plan.fallback.*.json", "weights.0.*.bin"):
            path = f"/dense/{dense.file(pattern)}"
            for bad in (lambda r: Response(b"", 503), lambda r: Response(r.body[:50], 200, r.headers, len(r.body))):
                tries = iter([bad])
                server.fault(path, lambda response, tries=tries: next(tries, lambda r: r)(response))
                value(load(site, "/dense"))
            server.heal(path)
        before = server.requests[path]
        server.fail(path, 503)
        refusal(load(site, "/dense"), "503", code="fetch")
        assert server.requests[path] - before == 3

    def test_c8_query_of_the_folder(self, site: Any, dense: Model) -> None:
        body = """
          const seen = [];
          const transformUrlDelegate = async (url) => (seen.push(url), url);
          const weightDirectory = '/dense/?v=3';
          (await WebDNN.load('/dense?v=2', {backendOrder: 'fallback', transformUrlDelegate, weightDirectory})).dispose();
          (await WebDNN.load(new URL('/dense?v=2', location.href), {backendOrder: 'fallback'})).dispose();
          return seen;"""
        weights, plan = dense.file("weights.0.*.bin"), dense.file("plan.fallback.*.json")
        assert sorted(value(ask(site, body))) == sorted(
            ["/dense/descriptor.json?v=2", f"/dense/{plan}?v=2", f"/dense/{weights}?v=3"]
        )

    def test_kernels_damaged(self, site: Any, server: StaticServer, dense: Model) -> None:
        workers = site.workers
        for path in dense.folder.glob("kernels.*.wasm"):
            server.fail(f"/dense/{path.name}")
        refusal(load(site, "/dense", "webassembly"), "kernels.", "404", code="fetch")
        for path in dense.folder.glob("kernels.*.wasm"):
            server.alter(f"/dense/{path.name}", 50)
        refusal(load(site, "/dense", "webassembly"), "kernels.", code="integrity")
        assert not new_workers(site, workers), "a failed load leaves a worker behind"

    def test_weights_elsewhere(self, site: Any, server: StaticServer, dense: Model) -> None:
        name = dense.file("weights.0.*.bin")
        server.fail(f"/dense/{name}")
        server.add(f"/elsewhere/{name}", (dense.folder / name).read_bytes())
        body = "(await WebDNN.load('/dense', {weightDirectory, backendOrder: 'fallback'})).dispose()"
        value(ask(site, body, weightDirectory="/elsewhere"))
        refusal(ask(site, body, weightDirectory="/wrong"), f"/wrong/{name}", "404", code="fetch")

    def test_addresses_changed(self, site: Any) -> None:
        body = """
          const seen = [];
          const transformUrlDelegate = (url) => (seen.push(url), url.replace('model', 'dense'));
          (await WebDNN.load('/model', {transformUrlDelegate, backendOrder: 'fallback'})).dispose();
          return seen;"""
        assert [name.split(".")[0] for name in value(ask(site, body))] == [
            "/model/descriptor",
            "/model/plan",
            "/model/weights",
        ]


def test_c8_page_of_a_file(browser: Any, tmp_path: Path, runtime_dist: Path) -> None:
    """A page that was opened from a file is told to be served."""
    (tmp_path / "page.html").write_text(f'<script src="{runtime_dist.as_uri()}/webdnn.js"></script>', encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    message = page.evaluate("(url) => WebDNN.load(url).catch((error) => `${error.code}: ${error.message}`)", "./model")
    context.close()
    assert message.startswith("fetch: ./model/descriptor.json: ")
    assert "serve the folder over http" in message


def saved(model: Model, folder: Path, change: Callable[[dict[str, Any], Path], None]) -> Path:
    """A copy of the Descriptor, with a manifest that `change` has altered."""
    shutil.copytree(model.folder, folder)
    manifest = json.loads(model.manifest)
    change(manifest, folder)
    (folder / "descriptor.json").write_text(json.dumps(manifest))
    return folder


def without_exports(manifest: dict[str, Any], folder: Path) -> None:
    files = manifest["backends"]["webassembly"]["kernels"]
    for variant, file in files.items():
        (folder / file["name"]).write_bytes(b"\0asm\1\0\0\0")
        files[variant] = file_record(file["name"], b"\0asm\1\0\0\0")


def with_notes(manifest: dict[str, Any], folder: Path) -> None:
    """Fields that a later converter may write, everywhere in the plan."""
    file = manifest["backends"]["fallback"]["plan"]
    text = (folder / file["name"]).read_text().replace('{"', '{"note":null,"')
    (folder / file["name"]).write_text(text)
    manifest["backends"]["fallback"]["plan"] = file_record(file["name"], text.encode())
    manifest["note"] = None


def of_one_name(manifest: dict[str, Any], folder: Path) -> None:
    manifest["inputs"][1]["name"] = manifest["inputs"][0]["name"]


def with_whole_numbers(manifest: dict[str, Any], folder: Path) -> None:
    """An output of int32 that lies in cells of floats: a page would get their bits as whole numbers."""
    manifest["outputs"][0]["dtype"] = "int32"


class TestDescriptors:
    def test_c9_kernels_without_exports(self, site: Any, server: StaticServer, static: Model, tmp_path: Path) -> None:
        server.mount("/bare", saved(static, tmp_path / "bare", without_exports))
        message = refusal(
            load(site, "/bare", "webassembly"), "no function", "convert the model again", code="descriptor"
        )
        assert message.count("webassembly:") == 1

    def test_c9_unknown_fields(self, site: Any, server: StaticServer, mixed: Model, tmp_path: Path) -> None:
        server.mount("/noted", saved(mixed, tmp_path / "noted", with_notes))
        body = """
          const runner = await WebDNN.load('/noted', {backendOrder: 'fallback'});
          const outputs = await runOnce(runner, inputs);
          runner.dispose();
          return outputs;"""
        inputs = mixed.inputs()
        assert_close(value(ask(site, body, inputs=lists(inputs))), mixed.expected(inputs))

    def test_c9_two_inputs_of_one_name(self, site: Any, server: StaticServer, mixed: Model, tmp_path: Path) -> None:
        server.mount("/twins", saved(mixed, tmp_path / "twins", of_one_name))
        refusal(load(site, "/twins"), "manifest.inputs[1].name", "another name", code="descriptor")

    @each_backend
    def test_c12_output_of_int32_in_cells_of_floats(
        self, site: Any, server: StaticServer, static: Model, tmp_path: Path, backend: str
    ) -> None:
        server.mount(f"/whole-{backend}", saved(static, tmp_path / "whole", with_whole_numbers))
        refusal(load(site, f"/whole-{backend}", backend), "plan.outputs[0].buffer", "int32", "float", code="descriptor")

    def test_c12_sizes_beyond_memory(self, site: Any, server: StaticServer, tmp_path: Path) -> None:
        random = Random("growing")
        x = source("x", N, 5)
        graph = graph_of([x], [apply(MatMul(), x, random.constant(5, 3))])
        graph = replace(graph, name="growing", placeholders={"N": Placeholder(minimum=1)})
        server.mount("/growing", write_model(graph, tmp_path / "growing", ["fallback", "webassembly"]).folder)
        body = """
          const runner = await WebDNN.load('/growing', {backendOrder: backend});
          const huge = [];
          for (const N of [2 ** 31 - 1, 2 ** 28, 2 ** 50]) huge.push(await attempt(() => runner.setPlaceholderValue({N})));
          await runner.setPlaceholderValue({N: 1});
          runner.inputs[0].fill(2);
          await runner.setPlaceholderValue({N: 1});
          const kept = [...runner.inputs[0]];
          await runner.run();
          runner.dispose();
          return [huge, kept];"""
        for backend in ("fallback", "webassembly"):
            huge, kept = value(ask(site, body, backend=backend))
            for answer, number in zip(huge, (2**31 - 1, 2**28, 2**50), strict=True):
                refusal(answer, f"N = {number}", "GiB of memory", code="placeholder")
            assert kept == [2] * 5


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ("{backendorder: 'webgl'}", ["unknown option 'backendorder'", "known: backendOrder"]),
            ("{backendOrder: ['cpu']}", ["unknown backend 'cpu'", "fallback"]),
            ("{backendOrder: 3}", ["backendOrder must be a name"]),
            ("{backendOrder: []}", ["backendOrder"]),
            ("{backendOptions: {cuda: {}}}", ["unknown backend 'cuda'"]),
            ("{backendOptions: {fallback: 1}}", ["backendOptions must be"]),
            ("{backendOptions: {fallback: {turbo: true}}}", ["unknown option of fallback 'turbo'", "known: none"]),
            ("{progressCallback: 'yes'}", ["progressCallback must be a function"]),
            ("{progressCallback: () => { throw new Error('mine') }}", ["progressCallback threw", "mine"]),
            ("{transformUrlDelegate: () => { throw new Error('mine') }}", ["transformUrlDelegate threw", "mine"]),
            ("{weightDirectory: null}", ["weightDirectory must be text"]),
            ("{signal: {}}", ["signal must be an AbortSignal"]),
            ("{workerUrl: 5}", ["workerUrl must be text"]),
            ("{cacheStrategy: 'latest'}", ["cacheStrategy is not supported"]),
            ("{transformUrlDelegate: () => undefined}", ["transformUrlDelegate gave undefined", "want an address"]),
            ("{transformUrlDelegate: async () => { throw new Error('mine') }}", ["transformUrlDelegate threw", "mine"]),
            ("null", ["options"]),
            ("'fallback'", ["options"]),
        ],
    )
    def test_wrong(self, site: Any, options: str, words: list[str]) -> None:
        start = "" if options in ("null", "'fallback'", "{backendOrder: []}") else "backendOrder: 'fallback', ..."
        given = f"{{{start}{options}}}" if start else options
        refusal(ask(site, f"await WebDNN.load('/dense', {given})"), *words, code="option")

    @pytest.mark.parametrize("directory", ["undefined", "null", "7", "{}", "''", "' '"])
    def test_directory_is_no_text(self, site: Any, directory: str) -> None:
        refusal(ask(site, f"await WebDNN.load({directory})"), "directory", code="option")

    @each_backend
    def test_unknown_option_of_a_backend(self, site: Any, backend: str) -> None:
        body = "await WebDNN.load('/dense', {backendOrder: backend, backendOptions: {[backend]: {turbo: 1}}})"
        refusal(ask(site, body, backend=backend), "turbo", code="option")


class TestInputs:
    @pytest.fixture
    def backend(self) -> str:
        return "fallback"

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            ("set(new Float32Array(9))", ["'x'", "got 9 values", "want 10 (2×5)"]),
            ("set([])", ["got 0 values", "want 10"]),
            ("set(new Float32Array(6), 5)", ["got 6 values at 5", "want 10"]),
            ("set([1], -1)", ["got 1 values at -1"]),
            ("set([1], NaN)", ["at NaN"]),
            ("set([1], 0.5)", ["at 0.5"]),
            ("set()", ["'x'", "got undefined"]),
            ("set(null)", ["'x'", "got null"]),
            ("set(3)", ["'x'", "got 3"]),
            ("set('0123456789')", ["'x'", "text"]),
            ("set(new BigInt64Array(10))", ["'x'"]),
            ("set({length: 10})", ["'x'"]),
            ("set(new Array(10))", ["'x'"]),
            ("set(Array(10).fill('a'))", ["'x'"]),
            ("set(Array(10).fill(null))", ["'x'"]),
            ("set(Array(10).fill(1n))", ["'x'"]),
        ],
    )
    def test_wrong_values(self, site: Any, runner: None, call: str, words: list[str]) -> None:
        refusal(ask(site, f"runner.inputs[0].{call}"), *words, code="input")

    def test_not_a_number(self, site: Any, runner: None, dense: Model) -> None:
        """NaN and infinity are numbers like others: they pass through, and the next run is clean."""
        body = """
          const poisoned = await runOnce(runner, [[NaN, Infinity, -Infinity, 1e38, -1e38, 0, 0, 0, 0, 0]]);
          return [poisoned[0].slice(0, 3).every(Number.isNaN), await runOnce(runner, inputs)];"""
        inputs = dense.inputs(N=2)
        poisoned, clean = value(ask(site, body, inputs=lists(inputs)))
        assert poisoned is True
        assert_close(clean, dense.expected(inputs, N=2))

    def test_unknown_names(self, site: Any, runner: None) -> None:
        refusal(ask(site, "runner.getInput('z')"), "unknown input 'z'", "known: x")
        refusal(ask(site, "runner.getOutput('z')"), "unknown output 'z'", "known: y0")


@pytest.mark.parametrize("backend", BACKENDS)
class TestUse:
    def test_placeholders(self, site: Any, backend: str) -> None:
        body = """
          window.fresh = await WebDNN.load('/dense', {backendOrder: backend});
          const tries = [() => fresh.run(), () => fresh.profile(), () => fresh.inputs[0].set([1]),
            () => fresh.inputs[0].length, () => fresh.outputs[0].toActual(),
            ...[{N: 1}, {N: 8}, {N: 2.5}, {N: '2'}, {N: NaN}, {M: 2}, {N: 3}, null, 4, undefined].map(
              (values) => () => fresh.setPlaceholderValue(values))];
          const answers = [];
          for (const one of tries) answers.push(await attempt(one));
          fresh.dispose();
          return answers;"""
        answers = value(ask(site, body, backend=backend))
        for answer in answers[:5]:
            refusal(answer, "call setPlaceholderValue first", code="placeholder")
        for answer, got in zip(answers[5:10], ["1", "8", "2.5", "2", "NaN"], strict=True):
            refusal(answer, f"placeholder N: got {got}, want an integer from 2 to 6", code="placeholder")
        refusal(answers[10], "unknown placeholder 'M'", "known: N", code="placeholder")
        refusal(
            answers[11], "N = 3 does not fit", "N % 2 == 0, such as 2 or 4", "pairs are compared", code="placeholder"
        )
        for answer in answers[12:]:
            refusal(answer, "setPlaceholderValue", code="placeholder")

    def test_refused_value_changes_nothing(self, site: Any, runner: None, dense: Model, backend: str) -> None:
        body = """
          const first = await runOnce(runner, inputs);
          const refused = await attempt(() => runner.setPlaceholderValue({N: 5}));
          await runner.run();
          return [first, refused, [[...runner.outputs[0].toActual()]]];"""
        inputs = dense.inputs(N=2)
        first, refused, second = value(ask(site, body, inputs=lists(inputs)))
        refusal(refused, "pairs are compared", code="placeholder")
        assert first == second
        assert_close(first, dense.expected(inputs, N=2))

    def test_two_runs_at_once(self, site: Any, runner: None, dense: Model, backend: str) -> None:
        body = """
          runner.inputs[0].set(inputs[0]);
          const calls = [runner.run(), runner.run(), runner.profile(), runner.setPlaceholderValue({N: 4})];
          const answers = await Promise.all(calls.map((call) => attempt(() => call)));
          const first = [[...runner.outputs[0].toActual()]];
          return [answers, first, await runOnce(runner, others)];"""
        inputs, others = dense.inputs(N=2), dense.inputs("other", N=2)
        answers, first, second = value(ask(site, body, inputs=lists(inputs), others=lists(others)))
        value(answers[0])
        for answer in answers[1:]:
            refusal(answer, "busy", "await", code="busy")
        assert_close(first, dense.expected(inputs, N=2))
        assert_close(second, dense.expected(others, N=2))

    def test_use_after_dispose(self, site: Any, backend: str) -> None:
        body = """
          const runner = await WebDNN.load('/dense', {backendOrder: backend});
          await runner.setPlaceholderValue({N: 2});
          runner.dispose();
          runner.dispose();
          const tries = [() => runner.run(), () => runner.profile(), () => runner.setPlaceholderValue({N: 4})];
          return Promise.all(tries.map((one) => attempt(one)));"""
        for answer in value(ask(site, body, backend=backend)):
            refusal(answer, "disposed", "load", code="disposed")

    def test_dispose_during_run(self, site: Any, backend: str) -> None:
        body = """
          const runner = await WebDNN.load('/dense', {backendOrder: backend});
          await runner.setPlaceholderValue({N: 2});
          const running = runner.run();
          runner.dispose();
          return [await attempt(() => running), await attempt(() => runner.run())];"""
        running, after = value(ask(site, body, backend=backend))
        assert "hung" not in running
        if "error" in running:
            refusal(running, code="disposed")
        refusal(after, "disposed", code="disposed")

    def test_profile(self, site: Any, runner: None, dense: Model, backend: str) -> None:
        """One entry a step, and the answer too."""
        body = """
          runner.inputs[0].set(inputs[0]);
          const times = await runner.profile();
          return [times, [[...runner.outputs[0].toActual()]]];"""
        inputs = dense.inputs(N=2)
        times, outputs = value(ask(site, body, inputs=lists(inputs)))
        assert {"first", "second"} <= {word for t in times for word in re.split(r"\W+", t["origin"])}
        assert all(t["milliseconds"] >= 0 for t in times)
        assert_close(outputs, dense.expected(inputs, N=2))

    def test_progress(self, site: Any, mixed: Model, backend: str) -> None:
        body = """
          const seen = [];
          const progressCallback = (...values) => seen.push(values);
          (await WebDNN.load('/mixed', {backendOrder: backend, progressCallback})).dispose();
          return seen;"""
        seen = value(ask(site, body, backend=backend))
        total = sum(file.stat().st_size for file in mixed.folder.glob("weights.*"))
        assert [loaded for loaded, _, _ in seen] == sorted(loaded for loaded, _, _ in seen)
        assert seen[0] == [0, total, 0]
        assert seen[-1] == [total, total, 1]

    def test_abort(self, site: Any, server: StaticServer, dense: Model, backend: str) -> None:
        """Before, between and after: `load` rejects with the signal's reason, and nothing more is loaded."""
        workers = site.workers
        body = """
          const reasons = [];
          const tryTo = async (url, signal, options) => {
            const answer = await attempt(() => WebDNN.load(url, {backendOrder: backend, signal, ...options}));
            reasons.push(answer.error?.message ?? answer);
          };
          await tryTo('/dense', AbortSignal.abort(new Error('before')));
          for (const stage of ['descriptor', 'plan', 'weights']) {
            const control = new AbortController();
            const transformUrlDelegate = (url) => {
              if (url.includes(stage)) control.abort(new Error(stage));
              return url;
            };
            await tryTo('/dense', control.signal, {transformUrlDelegate});
          }
          const control = new AbortController();
          await tryTo('/dense', control.signal, {progressCallback: (_, __, r) => r === 1 && control.abort(Error('end'))});
          return reasons;"""
        assert value(ask(site, body, backend=backend)) == ["before", "descriptor", "plan", "weights", "end"]
        assert not new_workers(site, workers)

    def test_next_backend(self, site: Any, server: StaticServer, backend: str) -> None:
        """One that cannot start gives way to the next; the reason is kept."""
        body = """
          const runner = await WebDNN.load('/dense', {backendOrder: ['webgpu', backend, 'fallback']});
          try {
            return [runner.backendName, runner.info.backend, runner.info.fallThrough];
          } finally {
            runner.dispose();
          }"""
        context = site.context.browser.new_context()
        page = context.new_page()
        page.add_init_script("delete Navigator.prototype.gpu")
        page.goto(server.url("/page.html"))
        page.wait_for_function("window.WebDNN")
        name, told, fallen = value(ask(page, body, backend=backend))
        context.close()
        assert name == told == ("fallback" if backend == "webgpu" else backend)
        assert [f["backend"] for f in fallen] == ["webgpu"]
        assert "this browser has no WebGPU" in fallen[0]["reason"]


def test_download_aborted_on_the_way(site: Any, server: StaticServer, dense: Model) -> None:
    """A shard that never ends does not keep `load` from ending."""
    body = """
      const control = new AbortController();
      const real = window.fetch;
      window.fetch = (url, options) => {
        if (!url.includes('weights')) return real(url, options);
        setTimeout(() => control.abort(), 20);
        return new Promise((_, reject) => options.signal.onabort = () => reject(options.signal.reason));
      };
      const answer = await attempt(() => WebDNN.load('/dense', {backendOrder: 'fallback', signal: control.signal}));
      window.fetch = real;
      return answer;"""
    answer = value(ask(site, body))
    assert answer["error"]["name"] == "AbortError"
