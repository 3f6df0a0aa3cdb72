"""Storage, plans and memory, on targets that exist on paper: their machine notices what is read too late or written too soon."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.cases import CASES, Case, Random, graph_of, source
from harness.imaginary import CAPABILITIES, Machine
from harness.kernel_cases import KERNEL_CASES
from webdnn.backend.memory import ALIGNMENT, peak_bytes, plan_arena, plan_slots
from webdnn.backend.memory import Item as Buffer
from webdnn.backend.storage import _alias, assign_storage
from webdnn.graph.graph import Graph, Node, Value, apply
from webdnn.graph.interpreter import run_values
from webdnn.graph.ops import Concat, JointElementwise, MatMul, Reduce, Repeat, Reshape, Slice, Softmax, Transpose
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.program import Call, Program

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "memory.json").read_text())


class RandomGraph:
    """Grows a graph of small values by ops that share memory: concatenations, slices, reshapes, elementwise results, loops."""

    def __init__(self, seed: int, depth: int = 0) -> None:
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        self.random = Random(str(seed))
        self.depth = depth
        self.values: list[Value] = []

    def size(self) -> int:
        return int(self.rng.choice([1, 2, 3, 4, 8]))

    def input(self, name: str, *shape: int) -> Value:
        self.values.append(source(name, *shape))
        return self.values[-1]

    def pick(self) -> Value:
        """Mostly a recent value."""
        return self.values[-1 - min(int(self.rng.exponential(2)), len(self.values) - 1)]

    def like(self, value: Value) -> list[Value]:
        return [v for v in self.values if v.shape == value.shape]

    def grow(self, steps: int) -> None:
        moves = [self.unary, self.binary, self.binary, self.concat, self.concat, self.slice, self.slice, self.reshape]
        moves += [self.reshape, self.transpose, self.mix, self.broadcast, self.split, self.joint]
        for _ in range(steps):
            moves[self.rng.integers(len(moves))]()
            if self.depth == 0 and self.rng.random() < 0.08:
                self.repeat()

    def unary(self) -> None:
        self.values.append(elementwise(str(self.rng.choice(["neg", "tanh", "abs"])), self.pick()))

    def binary(self) -> None:
        first = self.pick()
        others = self.like(first)
        self.values.append(elementwise("sub", first, others[self.rng.integers(len(others))]))

    def joint(self) -> None:
        """Two results of one call, of which one is made from the other and reads an input again."""
        first = self.pick()
        others = self.like(first)
        second = others[self.rng.integers(len(others))]
        program = Program(2, (Call("sub", (0, 1)), Call("tanh", (2,)), Call("add", (3, 0))))
        self.values += Node(JointElementwise(program, (2, 0)), (first, second)).outputs

    def broadcast(self) -> None:
        """A value and a part of it, which may lie at the same place."""
        x = self.pick()
        if not x.shape:
            return
        axis = int(self.rng.integers(len(x.shape)))
        start = int(self.rng.integers(x.shape[axis]))
        part = self.cut(x, axis, start, 1)
        self.values.append(elementwise("add", *([x, part] if self.rng.random() < 0.5 else [part, x])))

    def cut(self, x: Value, axis: int, start: int, size: int) -> Value:
        starts, sizes = [0] * len(x.shape), list(x.shape)
        starts[axis], sizes[axis] = start, size
        return apply(Slice(tuple(starts), tuple(sizes)), x)

    def slice(self) -> None:
        x = self.pick()
        starts = tuple(int(self.rng.integers(s)) if self.rng.random() < 0.4 else 0 for s in x.shape)
        sizes = tuple(
            int(self.rng.integers(1, s - b + 1)) if self.rng.random() < 0.5 else s - b
            for s, b in zip(x.shape, starts, strict=True)
        )
        self.values.append(apply(Slice(starts, sizes), x))

    def split(self) -> None:
        """Parts that together are the value, computed on and joined in another order."""
        x = self.pick()
        axes = [a for a, s in enumerate(x.shape) if s > 1]
        if not axes:
            return
        axis = int(self.rng.choice(axes))
        at = int(self.rng.integers(1, x.shape[axis]))
        parts = [self.cut(x, axis, 0, at), self.cut(x, axis, at, x.shape[axis] - at)]
        parts = [elementwise("neg", p) if self.rng.random() < 0.5 else p for p in parts]
        self.values += parts
        self.values.append(apply(Concat(axis), *reversed(parts)))

    def concat(self) -> None:
        x = self.pick()
        if not x.shape or np.prod(x.shape) > 300:
            return
        axis = int(self.rng.integers(len(x.shape)))
        fits = [
            v
            for v in self.values
            if len(v.shape) == len(x.shape) and all(a == axis or s == x.shape[a] for a, s in enumerate(v.shape))
        ]
        chosen = [fits[self.rng.integers(len(fits))] for _ in range(self.rng.integers(1, 4))]
        self.values.append(apply(Concat(axis), x, *chosen))

    def reshape(self) -> None:
        x = self.pick()
        left, shape = int(np.prod(x.shape, dtype=int)), []
        while left > 1 and len(shape) < 3:
            shape.append(int(self.rng.choice([d for d in range(1, left + 1) if left % d == 0])))
            left //= shape[-1]
        shape.insert(int(self.rng.integers(len(shape) + 1)), left)
        self.values.append(apply(Reshape(tuple(shape)), x))

    def transpose(self) -> None:
        x = self.pick()
        self.values.append(apply(Transpose(tuple(int(i) for i in self.rng.permutation(len(x.shape)))), x))

    def mix(self) -> None:
        x = self.pick()
        if not x.shape:
            return
        if self.rng.random() < 0.3:
            self.values.append(apply(Softmax(), x))
        elif self.rng.random() < 0.5:
            kind, axis = str(self.rng.choice(["sum", "max"])), int(self.rng.integers(len(x.shape)))
            self.values.append(apply(Reduce(kind, (axis,), bool(self.rng.random() < 0.5)), x))
        else:
            self.values.append(apply(MatMul(), x, self.random.constant(int(x.shape[-1]), self.size(), scale=0.5)))

    def repeat(self) -> None:
        """A loop with states, a scanned sequence, a fixed value and a stacked result, some of which may be one value."""
        inner = RandomGraph(self.seed * 31 + len(self.values), self.depth + 1)
        sequences = [v for v in self.values if len(v.shape) >= 2 and v.shape[0] <= 4]
        if not sequences:
            return
        sequence, fixed, start = sequences[-1], self.pick(), self.pick()
        count = int(sequence.shape[0])
        states = [inner.input("a", *start.shape), inner.input("b", *start.shape)]
        inner.input("element", *sequence.shape[1:])
        inner.input("fixed", *fixed.shape)
        inner.grow(6)
        following = [inner.like(s)[inner.rng.integers(len(inner.like(s)))] for s in states]
        stacked = [v for v in inner.values if v.shape]
        element = stacked[inner.rng.integers(len(stacked))]
        body = Graph(tuple(inner.values[:4]), (*following, element), ("a", "b", "y"))
        op = Repeat(count, body, 2, 1, bool(self.rng.random() < 0.5))
        self.values += Node(op, (start, self.like(start)[0], sequence, fixed), ("loop",)).outputs

    def graph(self) -> Graph:
        inputs = [self.input("x", self.size(), self.size(), self.size()), self.input("z", self.size(), self.size())]
        before = [self.input(f"state{i}", 2, 4) for i in range(2)]
        self.grow(int(self.rng.integers(4, 30)))
        # The last values always, and some others, one perhaps twice.
        chosen = self.values[-2:] + [self.pick() for _ in range(3)]
        after = [self.like(b)[self.rng.integers(len(self.like(b)))] for b in before]
        graph = graph_of(inputs, chosen)
        return Graph(graph.inputs, graph.outputs, graph.output_names, tuple(zip(before, after, strict=True)))


def expected(graph: Graph, runs: list[list[np.ndarray]]) -> list[list[np.ndarray]]:
    """What the interpreter says of one run after another."""
    states = [np.zeros(before.shape) for before, _ in graph.states]
    results = []
    for inputs in runs:
        values = run_values(graph, inputs, {}, states, "float64")
        results.append(values[: len(graph.outputs)])
        states = values[len(graph.outputs) :]
    return results


@pytest.mark.slow
@pytest.mark.parametrize("capabilities", CAPABILITIES)
def test_random_graphs(capabilities: str) -> None:
    for seed in range(60):
        graph = RandomGraph(seed).graph()
        runs = [[Random(f"{seed}/{run}").array(*v.shape) for v in graph.inputs] for run in range(2)]
        try:
            have = Machine(CAPABILITIES[capabilities]).run(graph, runs)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}\n{graph}") from error
        for one, other in zip(have, expected(graph, runs), strict=True):
            for x, y in zip(one, other, strict=True):
                np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}\n{graph}")


@pytest.mark.parametrize("capabilities", CAPABILITIES)
@pytest.mark.parametrize("case", [c for c in (*CASES, *KERNEL_CASES) if "5,000" not in c.name], ids=lambda c: c.name)
def test_cases(case: Case, capabilities: str) -> None:
    for run, symbols in enumerate(case.runs):
        (have,) = Machine(CAPABILITIES[capabilities]).run(case.graph, [case.inputs(run)], symbols)
        for x, y in zip(have, case.expected(run), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("capabilities", CAPABILITIES)
def test_what_lies_in_one_buffer_is_a_view(capabilities: str) -> None:
    """The builder copies no reshape and no slice whose result lies in the buffer of its operand: so it must lie at the very place where the
    operand already has these elements."""
    views = 0
    for seed in range(60):
        graph = RandomGraph(seed).graph()
        storage = assign_storage(graph, CAPABILITIES[capabilities])
        for node in storage.nodes:
            if not isinstance(node.op, Reshape | Slice) or node.inputs[0] not in storage.places:
                continue
            place = storage.places[node.outputs[0]]
            if place.root == storage.places[node.inputs[0]].root:
                assert place == _alias(storage, node.outputs[0]), f"seed {seed}\n{graph}"
                views += 1
    assert views > 50


def test_in_place_spares_a_part_of_the_operand() -> None:
    """x[0:1] lies where x lies, but the first row of the sum must not reach the second."""
    x = source("x", 3, 4)
    y = elementwise("neg", x)
    graph = graph_of([x], [elementwise("add", y, apply(Slice((0, 0), (1, 4)), y))])
    values = Random("part").array(3, 4)
    ((have,),) = Machine(CAPABILITIES["arena"]).run(graph, [[values]])
    np.testing.assert_allclose(have, -values - values[:1])


@pytest.mark.parametrize("case", GOLDEN, ids=lambda c: f"{c['name']}, {c['mode']}")
def test_golden_memory(case: dict) -> None:
    items = [Buffer(i["bytes"], i["first"], i["last"], i["storage"]) for i in case["items"]]
    if case["mode"] == "arena":
        offsets, total = plan_arena(items)
        assert ([{"offset": o} for o in offsets], total) == (case["placements"], case["arenaBytes"])
    else:
        chosen, slots = plan_slots(items)
        assert [{"slot": s} for s in chosen] == case["placements"]
        assert [{"bytes": size, "storage": storage} for size, storage in slots] == case["slots"]


def random_items(seed: int) -> list[Buffer]:
    rng = np.random.default_rng(seed)
    steps = int(rng.integers(1, 40))
    items = []
    for _ in range(rng.integers(1, 40)):
        first = int(rng.integers(-1, steps))
        items.append(
            Buffer(
                4 * int(rng.integers(1, 200)),
                first,
                first + int(rng.integers(8)),
                str(rng.choice(["float32", "int32"])),
            )
        )
    return items


def meet(a: Buffer, b: Buffer) -> bool:
    return a.first <= b.last and b.first <= a.last


def test_buffers_that_live_together_lie_apart() -> None:
    for seed in range(300):
        items = random_items(seed)
        offsets, total = plan_arena(items)
        chosen, slots = plan_slots(items)
        assert peak_bytes(items) <= total
        for i, a in enumerate(items):
            assert offsets[i] % ALIGNMENT == 0
            assert offsets[i] + a.bytes <= total
            assert slots[chosen[i]][0] >= a.bytes
            assert slots[chosen[i]][1] == a.storage
            for j, b in enumerate(items[:i]):
                if meet(a, b):
                    assert offsets[i] + a.bytes <= offsets[j] or offsets[j] + b.bytes <= offsets[i], f"seed {seed}"
                    assert chosen[i] != chosen[j], f"seed {seed}"
