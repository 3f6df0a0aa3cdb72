"""Two small models for every backend, and the page that loads them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness.cases import N, Random, bias_relu, graph_of, source
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.cli.backends import available
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.graph import Constraint, Graph, Node, Placeholder, State, apply
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import Conv2D, MatMul, Reduce, Repeat, Transpose
from webdnn.graph.ops.elementwise import elementwise

FOLDER = Path(__file__).parent
BACKENDS = available()
TOLERANCE = 1e-5
"""Backends that take SwiftShader long to start. --tier=fast has them where they are what is tested, and leaves out the rest."""
# One array an input, one an output.
Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Model:
    graph: Graph
    folder: Path

    @cached_property
    def manifest(self) -> bytes:
        return (self.folder / "descriptor.json").read_bytes()

    def file(self, pattern: str) -> str:
        """The name of the one file that matches."""
        (path,) = self.folder.glob(pattern)
        return path.name

    def inputs(self, seed: str = "", **symbols: int) -> Arrays:
        random = Random(f"{self.graph.name}/{seed}")
        return [random.array(*(symbols.get(str(s), s) for s in v.shape)) for v in self.graph.inputs]

    def expected(self, inputs: Arrays, **symbols: int) -> Arrays:
        return interpret(self.graph, inputs, symbols, dtype="float64")


def dense_graph(symbolic: bool) -> Graph:
    """Two dense layers. If symbolic, batches of 2, 4 or 6 only."""
    random = Random("dense")
    x = source("x", N if symbolic else 2, 5)
    y = apply(MatMul(bias_relu()), x, random.constant(5, 7), random.constant(7), origin=("first",))
    y = apply(MatMul(), y, random.constant(7, 3), origin=("second",))
    graph = replace(graph_of([x], [y]), name="dense")
    if not symbolic:
        return graph
    return replace(
        graph,
        placeholders={"N": Placeholder(minimum=2, maximum=6)},
        constraints=(Constraint(N % 2, 0, "pairs are compared"),),
    )


def mixed_graph() -> Graph:
    """A convolution, then a recurrence; a state that counts the runs; two inputs, three outputs."""
    random = Random("mixed")
    image, start, before = source("image", 2, 4, 5, 3), source("start", 2, 6), source("count", 2, 6)
    x = apply(
        Conv2D((1, 1), ((1, 1), (1, 1)), (1, 1), bias_relu()), image, random.constant(3, 3, 3, 5), random.constant(5)
    )
    sequence = apply(Transpose((1, 0, 2)), apply(Reduce("mean", (1,)), x, origin=("mean",)))
    state, element = source("state", 2, 6), source("element", 2, 5)
    after = elementwise(
        "tanh",
        elementwise(
            "add",
            apply(MatMul(), element, random.constant(5, 6, scale=0.4)),
            apply(MatMul(), state, random.constant(6, 6, scale=0.4)),
        ),
    )
    body = Graph((state, element), (after, elementwise("neg", after)), ("state", "y"))
    node = Node(Repeat(5, body, 1, 1), (start, sequence), ("recurrence",))
    counted = elementwise("add", before, start)
    graph = graph_of([image, start], [*node.outputs, elementwise("mul", counted, 2.0)])
    return replace(graph, states=(State(before, counted),), name="mixed")


def write_model(graph: Graph, folder: Path, backends: Sequence[str] = BACKENDS) -> Model:
    table = WeightTable.of(graph)
    targets = [importlib.import_module(f"webdnn.backend.{name}").TARGET for name in backends]
    write_descriptor(folder, graph, {t.name: build_plan(graph, t, table) for t in targets}, table.arrays)
    return Model(graph, folder)


def lists(arrays: Arrays) -> list[list[float]]:
    """Arrays as JavaScript gets them."""
    return [array.ravel().tolist() for array in arrays]


def assert_close(answer: Sequence[Sequence[float]], expected: Arrays, context: object = "") -> None:
    assert len(answer) == len(expected), context
    for have, want in zip(answer, expected, strict=True):
        array = np.array(have, np.float64)
        assert array.shape == (want.size,), context
        scale = max(np.abs(want).max(), 1e-30)
        assert np.abs(array - want.ravel()).max() / scale <= TOLERANCE, context


def new_workers(page: Any, known: Sequence[Any] = (), seconds: int = 20) -> list[Any]:
    """Workers of the page besides the `known`, once those that were terminated are gone, which takes them some time."""
    for _ in range(20 * seconds):
        if all(worker in known for worker in page.workers):
            return []
        page.wait_for_timeout(50)
    return [worker for worker in page.workers if worker not in known]


def ask(page: Any, body: str, **names: Any) -> Any:
    """What the JavaScript `body` returns, a dictionary of `attempt.js`; it sees `names`."""
    parameters = ", ".join(names)
    return page.evaluate(f"({{{parameters}}}) => attempt(async () => {{ {body} }})", names)


def value(answer: dict[str, Any]) -> Any:
    assert "value" in answer, answer
    return answer["value"]


def refusal(answer: dict[str, Any], *words: str, code: str | None = None) -> str:
    """The message of the error, which must be ours and contain all `words`."""
    assert "error" in answer, answer
    error = answer["error"]
    assert error["ours"], error
    assert error["name"] == "WebDNNError", error
    assert code is None or error["code"] == code, error
    missing = [word for word in words if word not in error["message"]]
    assert not missing, f"{missing} not in {error['message']!r}"
    return error["message"]
