"""What a model keeps from run to run, on every backend: it stays, it can be reset, and each runner has its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from harness.cases import N, Random, graph_of, source, symbol
from harness.keras_compare import fixed, predict
from harness.keras_stateful import reset, writer_model
from harness.server import StaticServer
from runtime.conftest import open_site
from runtime.support import BACKENDS, Arrays, Model, ask, assert_close, lists, value, write_model
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.fallback import TARGET as FALLBACK
from webdnn.frontend.keras import from_model
from webdnn.frontend.states import States
from webdnn.frontend.writer import Writer
from webdnn.graph.dim import evaluate, symbols_of
from webdnn.graph.graph import Graph, Node, Placeholder, State, Value, apply
from webdnn.graph.interpreter import interpret_runs, run_values
from webdnn.graph.ops import Concat, MatMul, Repeat, Slice
from webdnn.graph.ops.elementwise import elementwise
from webdnn.optimizer.passes import optimize

M = symbol("M")
LETTERS_WRITTEN = 50


def kept_graph() -> Graph:
    """x (N, 6) and z (M, 3, 6) → results that read states of every kind, twelve in all."""
    random, write, states = Random("kept"), Writer("kept"), States()
    x, z = source("x", N, 6), source("z", M, 3, 6)

    def begin(name: str, like: Value, initial: Value | None = None) -> Value:
        return states.begin(write, name, like.type, initial)

    total = begin("total", x, random.constant(1, 6))  # an initial value that broadcasts to a symbolic size
    states.end("total", elementwise("add", elementwise("mul", total, 0.5), x))
    steps = states.begin(write, "steps", replace(write.literal(np.zeros((2, 3), np.int32)).type))
    states.end("steps", elementwise("add", steps, write.literal(np.arange(6, dtype=np.int32).reshape(2, 3))))
    left, right = begin("left", z), begin("right", z)
    states.end("left", right)  # these two change places
    states.end("right", elementwise("add", left, z))
    register = begin("register", random.constant(3, 4, 6))
    mean = apply(Slice((0, 0, 0), (1, 3, 6)), z)
    grown = write.concat([register, write.reshape(mean, (3, 1, 6))], 1)
    states.end("register", write.cut(grown, 1, 1, 4))
    hidden = begin("hidden", mean, random.constant(1, 3, 6))
    before, element = source("state", 3, 6), source("element", 3, 6)
    after = elementwise("tanh", elementwise("add", apply(MatMul(), before, random.constant(6, 6, scale=0.4)), element))
    body = Graph((before, element), (after,), ("state",))
    (last,) = Node(Repeat(M, body, 1, 1), (write.reshape(hidden, (3, 6)), z), ("recurrence",)).outputs
    states.end("hidden", write.reshape(last, (1, 3, 6)))
    flag = begin("flag", write.literal(np.zeros((1,), bool)))
    states.end("flag", elementwise("logical_not", flag))
    outputs = [
        elementwise("mul", total, 2.0),
        elementwise("add", steps, 0.0),
        apply(Concat(0), left, right),
        grown,
        last,
        flag,
    ]
    graph = replace(graph_of([x, z], outputs), states=states.collected(), name="kept")
    return replace(graph, placeholders={"N": Placeholder(1, 9), "M": Placeholder(1, 99)})


@dataclass
class Session:
    """What a runner has to do, by the interpreter."""

    graph: Graph
    symbols: dict[str, int]
    states: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reset()

    def zeros(self, state: State) -> np.ndarray:
        return np.zeros([evaluate(s, self.symbols) for s in state.before.shape], state.before.dtype)

    def reset(self) -> None:
        self.states = [self.zeros(state) for state in self.graph.states]

    def resize(self, **symbols: int) -> None:
        changed = {name for name, size in symbols.items() if self.symbols[name] != size}
        self.symbols |= symbols
        for i, state in enumerate(self.graph.states):
            if any(symbols_of(size) & changed for size in state.before.shape):
                self.states[i] = self.zeros(state)

    def run(self, inputs: Arrays) -> Arrays:
        values = run_values(self.graph, inputs, self.symbols, self.states)
        self.states = values[len(self.graph.outputs) :]
        return values[: len(self.graph.outputs)]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return write_model(kept_graph(), tmp_path_factory.mktemp("states") / "kept")


@pytest.fixture(scope="module")
def text_model() -> Any:
    return writer_model()


@pytest.fixture(scope="module")
def writer(text_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Model:
    graph = optimize(from_model(text_model, fixed([np.zeros((1, 1), np.int32)])))
    return write_model(graph, tmp_path_factory.mktemp("states") / "writer")


@pytest.fixture(scope="module")
def text(text_model: Any) -> list[int]:
    """What Keras writes: each letter is the most probable one after those before it."""
    reset(text_model)
    letters = [3]
    for _ in range(LETTERS_WRITTEN):
        letters.append(int(predict(text_model, [np.array([letters[-1:]], np.int32)])[0].argmax()))
    assert len(set(letters)) > 3
    return letters


@pytest.fixture(scope="module")
def page(browser: Any, serve_models: Callable[..., StaticServer], kept: Model, writer: Model) -> Iterator[Any]:
    server = serve_models()
    server.mount("/kept/", kept.folder)
    server.mount("/writer/", writer.folder)
    with open_site(browser, server.url("/page.html")) as page:
        yield page


SCRIPT = """
  const run = async (runner, action) => {
    if (action === 'reset') return void (await runner.resetStates());
    if (!Array.isArray(action)) return void (await runner.setPlaceholderValue(action));
    return runOnce(runner, action);
  };
  const runners = [];
  const answers = [];
  for (const [which, action] of script) {
    runners[which] ??= await WebDNN.load('/kept', {backendOrder: backend, backendOptions});
    const answer = await run(runners[which], action);
    if (answer) answers.push(answer);
  }
  runners.forEach((runner) => runner.dispose());
  return answers;"""
"""Two runners of one Descriptor by turns."""

RUN, RESET = "run", "reset"
TURNS: tuple[tuple[int, str | Mapping[str, int]], ...] = (
    (0, {"N": 2, "M": 3}), (0, RUN), (0, RUN), (1, {"N": 5, "M": 2}), (1, RUN), (0, RUN), (0, RESET), (1, RUN), (0, RUN), (0, RUN),
    (0, {"N": 7}), (0, RUN), (0, RUN), (0, {"M": 1}), (0, RUN), (0, {"M": 1}), (0, RUN), (1, RESET), (1, RUN), (0, {"N": 2, "M": 3}), (0, RUN),
)  # fmt: skip


def check(page: Any, model: Model, backend: str, options: Mapping[str, Any]) -> None:
    sessions: dict[int, Session] = {}
    script: list[Any] = []
    expected: list[Arrays] = []
    for number, (which, action) in enumerate(TURNS):
        if isinstance(action, str) and action == RUN:
            session = sessions[which]
            inputs = model.inputs(str(number), **session.symbols)
            expected.append(session.run(inputs))
            script.append([which, lists(inputs)])
            continue
        script.append([which, action])
        if isinstance(action, str):
            sessions[which].reset()
        elif which in sessions:
            sessions[which].resize(**action)
        else:
            sessions[which] = Session(model.graph, dict(action))
    answers = value(ask(page, SCRIPT, backend=backend, script=script, backendOptions={backend: options}))
    assert len(answers) == len(expected) == sum(action == RUN for _, action in TURNS)
    for number, (answer, want) in enumerate(zip(answers, expected, strict=True)):
        assert_close(answer, want, number)


@pytest.mark.parametrize("backend", BACKENDS)
def test_on_every_backend(page: Any, kept: Model, backend: str) -> None:
    check(page, kept, backend, {})


@pytest.mark.skipif("webassembly" not in BACKENDS, reason="the machine has no C compiler for webassembly")
def test_on_threads(page: Any, kept: Model) -> None:
    check(page, kept, "webassembly", {"threads": 2})


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_text_is_written(page: Any, text: list[int], backend: str) -> None:
    """By two stateful LSTMs, a letter a run; and the same text again after a reset, which comes in the middle of another one."""
    body = """
      const runner = await WebDNN.load('/writer', {backendOrder: backend});
      const write = async (count) => {
        const letters = [3];
        while (letters.length <= count) {
          const [probabilities] = await runOnce(runner, [[letters.at(-1)]]);
          letters.push(probabilities.indexOf(Math.max(...probabilities)));
        }
        return letters;
      };
      const texts = [await write(count)];
      await write(3);
      await runner.resetStates();
      texts.push(await write(count));
      runner.dispose();
      return texts;"""
    assert value(ask(page, body, backend=backend, count=LETTERS_WRITTEN)) == [text, text]


LENGTHS = """
  const backendOptions = {webassembly: {threads: 1}};
  const runner = (globalThis.lasting ??= await WebDNN.load('/kept', {backendOrder: backend, backendOptions}));
  const answers = [];
  for (let turn = 0; turn < times; turn++) {
    runner.setPlaceholderValue({N: 2, M: lengths[turn % 2]});
    await runner.resetStates();
    runner.getInputViews().forEach((view, i) => view.set(inputs[turn % 2][i]));
    await runner.run();
    const found = runner.getOutputViews().map((view) => [...view.toActual()]);
    if (turn < 2) answers.push(found);
    else if (JSON.stringify(found) !== JSON.stringify(answers[turn % 2])) throw new Error(`turn ${turn} is another`);
  }
  return answers;"""
"""As pages of WebDNN 1 change a length: nobody waits for setPlaceholderValue. The runner stays."""
LESS = 50
"""Turns at a time: a thousand take SwiftShader longer than a page is waited for."""


def size_of_page(page: Any) -> int:
    page.request_gc()
    return int(page.evaluate("performance.measureUserAgentSpecificMemory().then(({bytes}) => bytes)"))


def check_lengths(page: Any, model: Model, backend: str, times: int) -> None:
    lengths = (80, 7)
    inputs = [model.inputs(str(M), N=2, M=M) for M in lengths]
    expected = [Session(model.graph, {"N": 2, "M": M}).run(x) for M, x in zip(lengths, inputs, strict=True)]

    def turn() -> int:
        given = [lists(x) for x in inputs]
        answers = value(ask(page, LENGTHS, backend=backend, times=LESS, lengths=lengths, inputs=given))
        for answer, want in zip(answers, expected, strict=True):
            assert_close(answer, want)
        return size_of_page(page)

    before = turn()
    after = [turn() for _ in range(times // LESS)][-1]
    page.evaluate("lasting.dispose(); globalThis.lasting = undefined")
    assert after - before < 2**21, (before, after)  # one memory for 80 steps in each turn would be ten times as much


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name in ("fallback", "webassembly")])
def test_a_length_that_changes_back_and_forth(page: Any, kept: Model, backend: str) -> None:
    check_lengths(page, kept, backend, 100)


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_length_that_changes_a_thousand_times(page: Any, kept: Model, backend: str) -> None:
    check_lengths(page, kept, backend, 1000)


@pytest.mark.skipif("webassembly" not in BACKENDS, reason="the machine has no C compiler for webassembly")
def test_a_run_with_a_loop_is_one_call_of_compiled_code(page: Any, kept: Model) -> None:
    """On the page's thread, where the module's functions can be counted."""
    body = """
      const [Worker, instantiate] = [globalThis.Worker, WebAssembly.instantiate];
      let calls = 0;
      globalThis.Worker = undefined;
      WebAssembly.instantiate = async (...given) => {
        const { exports } = await instantiate(...given);
        const counted = (name) => (...args) => (calls++, exports[name](...args));
        const names = Object.keys(exports).filter((name) => typeof exports[name] === 'function');
        return { exports: { ...exports, ...Object.fromEntries(names.map((name) => [name, counted(name)])) } };
      };
      try {
        const runner = await WebDNN.load('/kept', {backendOrder: 'webassembly'});
        await runner.setPlaceholderValue({N: 2, M: 9});
        await runOnce(runner, inputs);
        const before = calls;
        await runOnce(runner, inputs);
        const once = calls - before;
        const steps = (await runner.profile()).length;
        runner.dispose();
        return [once, steps];
      } finally {
        globalThis.Worker = Worker;
        WebAssembly.instantiate = instantiate;
      }"""
    once, steps = value(ask(page, body, inputs=lists(kept.inputs(N=2, M=9))))
    assert once == 1
    assert steps > 9


def test_a_state_that_is_read_no_more_is_overwritten_in_place() -> None:
    x = source("x", 2, 5)
    before = source("before", 2, 5)
    after = elementwise("add", before, x)

    def steps(graph: Graph) -> list[str]:
        plan = build_plan(graph, FALLBACK, WeightTable.of(graph))
        assert [buffer.kind for buffer in plan.buffers].count("state") == 1
        return [plan.kernels[step.kernel].name for step in plan.steps]

    graph = replace(graph_of([x], [elementwise("mul", before, 2.0)]), states=(State(before, after),))
    assert steps(graph) == ["elementwise", "elementwise"]
    late = apply(Concat(0), after, before)  # reads what was there when the next value is known
    assert steps(replace(graph, outputs=(late,)))[-1] == "copy"


def test_the_interpreter_hands_states_on() -> None:
    graph = kept_graph()
    model = Model(graph, None)  # type: ignore[arg-type]
    symbols = {"N": 2, "M": 3}
    runs = [model.inputs(str(i), **symbols) for i in range(3)]
    session = Session(graph, dict(symbols))
    for have, want in zip(interpret_runs(graph, runs, symbols), map(session.run, runs), strict=True):
        for a, b in zip(have, want, strict=True):
            np.testing.assert_array_equal(a, b)
