"""Many small graphs as one model: a page that loads a model opens a device or starts a worker, which takes longer than most cases compute.

A batch holds cases that want the same runs. Their graphs stand side by side, as parts of one graph that have nothing in common, so that every
kernel is the same as it would be in a model of its own, and equal kernels are compiled once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.descriptors import Case
from harness.page import RUNNER_PAGE, Array, PageError, job, run_jobs
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.backend.target import Target
from webdnn.descriptor.writer import write_descriptor
from webdnn.graph.constraints import Constraint
from webdnn.graph.graph import Graph, Input, Node, Placeholder, State, Value

SIZE = 24
"""Cases of a batch, at most."""

Answers = dict[str, list[list[Array]] | PageError]
"""The outputs of every run of a case, or the error of its page, by the case's name."""


def side_by_side(graphs: Mapping[str, Graph]) -> Graph:
    """One graph that has the inputs, outputs and states of all; names and origins begin with those of the parts."""
    inputs: list[Value] = []
    outputs: list[Value] = []
    names: list[str] = []
    states: list[State] = []
    placeholders: dict[str, Placeholder] = {}
    constraints: dict[str, Constraint] = {}
    for part, graph in graphs.items():
        moved = _copied(graph, part)
        inputs += [moved[v] for v in graph.inputs]
        outputs += [moved[v] for v in graph.outputs]
        names += [f"{part}: {name}" for name in graph.output_names]
        states += [State(moved[before], moved[after]) for before, after in graph.states]
        placeholders |= graph.placeholders
        constraints |= {str(c): c for c in graph.constraints}
    return Graph(
        tuple(inputs),
        tuple(outputs),
        tuple(names),
        tuple(states),
        dict(sorted(placeholders.items())),
        tuple(constraints.values()),
        "batch",
    )


def _copied(graph: Graph, part: str) -> dict[Value, Value]:
    """By values of `graph`, those of a copy."""
    moved: dict[Value, Value] = {}
    for node in graph.nodes():
        op = replace(node.op, label=f"{part}: {node.op.label}") if isinstance(node.op, Input) else node.op
        copy = Node(op, tuple(moved[v] for v in node.inputs), tuple(f"{part}: {name}" for name in node.origin))
        moved.update(zip(node.outputs, copy.outputs, strict=True))
    return moved


@dataclass(frozen=True)
class Batch:
    """Cases that are one model, in a folder that a page can read at `url`."""

    cases: tuple[Case, ...]
    url: str

    def job(self, backend: str, options: Mapping[str, Any]) -> dict[str, Any]:
        runs = self.cases[0].runs
        inputs = [[x for case in self.cases for x in case.inputs(run)] for run in range(len(runs))]
        return job(self.url, backend, list(zip(runs, inputs, strict=True)), **options)

    def split(self, answer: list[list[Array]]) -> Answers:
        """What each case is of the outputs of all."""
        parts = [iter(outputs) for outputs in answer]
        return {c.name: [[next(part) for _ in c.graph.outputs] for part in parts] for c in self.cases}


def batched(cases: Sequence[Case], size: int = SIZE) -> list[tuple[Case, ...]]:
    """The cases, each once; those that want the same runs together."""
    alike: dict[object, dict[str, Case]] = {}
    for case in cases:
        alike.setdefault(tuple(tuple(sorted(run.items())) for run in case.runs), {})[case.name] = case
    return [
        tuple(list(group.values())[start : start + size])
        for group in alike.values()
        for start in range(0, len(group), size)
    ]


class Batches:
    """Cases compiled for a target with `options` of its compiler, in `root`, to be run on any of the target's devices."""

    def __init__(
        self, target: Target, cases: Sequence[Case], root: Path, options: Mapping[str, object] | None = None
    ) -> None:
        self.target, self.root, self.options = target, root, options or {}
        self.batches = [self._write(part) for part in batched(cases)]

    def run(self, browser: Any, serve: Any, wanted: Collection[str] | None = None, **options: Any) -> Answers:
        """The answers of one page, of all batches that have a case in `wanted`. `options` are the backend's.

        Where a batch gives an error, its cases are asked one by one.
        """
        chosen = [b for b in self.batches if wanted is None or any(case.name in wanted for case in b.cases)]
        found: Answers = {}
        failed: list[Batch] = []
        for batch, answer in self._answers(browser, serve, chosen, options):
            if isinstance(answer, PageError):
                failed.append(batch)
            else:
                found |= batch.split(answer)
        single = [self._write((case,)) if len(batch.cases) > 1 else batch for batch in failed for case in batch.cases]
        for batch, answer in self._answers(browser, serve, single, options):
            found |= {batch.cases[0].name: answer} if isinstance(answer, PageError) else batch.split(answer)
        return found

    def _answers(
        self, browser: Any, serve: Any, batches: Sequence[Batch], options: Mapping[str, Any]
    ) -> list[tuple[Batch, list[list[Array]] | PageError]]:
        if not batches:
            return []
        server = serve({"/cases/": self.root})
        page = browser.new_page()
        page.set_default_timeout(300_000)
        uncaught: list[str] = []
        page.on("pageerror", lambda error: uncaught.append(str(error)))
        page.goto(server.add("/runner.html", RUNNER_PAGE.read_bytes()))
        answers = list(run_jobs(page, [batch.job(self.target.name, options) for batch in batches], batch=1))
        page.close()
        assert not uncaught, f"uncaught in the page: {uncaught}"
        return list(zip(batches, answers, strict=True))

    def _write(self, cases: tuple[Case, ...]) -> Batch:
        number = len(list(self.root.iterdir()))
        graph = side_by_side({case.name: case.graph for case in cases})
        table = WeightTable.of(graph)
        plan = build_plan(graph, self.target, table, self.options)
        write_descriptor(self.root / str(number), graph, {self.target.name: plan}, table.arrays)
        return Batch(cases, f"/cases/{number}")
