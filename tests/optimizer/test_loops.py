"""What leaves a loop, and what a step of a recurrent layer costs afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from harness.cases import Random
from harness.imaginary import CAPABILITIES, Machine
from optimizer.support import Builder, optimized
from webdnn.backend.builder import WeightTable, build_plan
from webdnn.descriptor.schema import Item, Loop
from webdnn.graph.dim import Size, symbol
from webdnn.graph.graph import Graph, Input, Node, Value, apply
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import Conv2D, Fill, MatMul, Normalize, Reduce, Repeat, Slice
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.types import TensorType
from webdnn.optimizer import optimize

N, T = symbol("N"), symbol("T")


def parameter(name: str, *shape: Size, dtype: str = "float32") -> Value:
    return apply(Input(name, TensorType(shape, dtype)))


def lstm(b: Builder, x: Value, start: Sequence[Value], units: int, reverse: bool = False) -> tuple[Value, ...]:
    """Final h and c, and all h, of a layer written as frontends do: gates in, forget, cell, out; x is (T, N, C)."""
    length, batch, channels = x.shape
    h, c, step = parameter("h", batch, units), parameter("c", batch, units), parameter("x_t", batch, channels)
    gates = elementwise(
        "add",
        elementwise(
            "add",
            apply(MatMul(), step, b.weights(int(channels), 4 * units)),  # type: ignore[call-overload]
            apply(MatMul(), h, b.weights(units, 4 * units)),
        ),
        b.weights(4 * units),
    )
    i, f, g, o = (apply(Slice((0, k * units), (batch, units)), gates) for k in range(4))
    kept = elementwise("mul", elementwise("sigmoid", f), c)
    new = elementwise("add", kept, elementwise("mul", elementwise("sigmoid", i), elementwise("tanh", g)))
    out = elementwise("mul", elementwise("sigmoid", o), elementwise("tanh", new))
    body = Graph((h, c, step), (out, new, out), ("h", "c", "y"))
    return Node(Repeat(length, body, 2, 1, reverse), (*start, x), ("lstm",)).outputs


def lstm_graph(length: Size, batch: Size, units: int, channels: int, reverse: bool) -> Graph:
    b = Builder()
    x, h, c = b.input(length, batch, channels), b.input(batch, units), b.input(batch, units)
    return b.graph(*lstm(b, x, (h, c), units, reverse))


def calls(items: Sequence[Item]) -> list[tuple[Size, int]]:
    """(how often, how many steps) of each loop."""
    return [(item.repeat, len(item.body)) for item in items if isinstance(item, Loop)]


# Loops as (iterations, kernel calls): where a kernel may overwrite what it reads, and where the cell takes turns between two buffers.
STEPS: dict[str, Callable[[int], list[tuple[int, int]]]] = {
    "arena": lambda t: [(t, 2)],
    "arena, nothing in place": lambda t: [(t // 2, 4), (1, 3)],
    "slots, padded columns, whole rows": lambda t: [(t // 2, 4), (1, 3)],
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("target", ["arena", "arena, nothing in place", "slots, padded columns, whole rows"])
def test_a_step_of_an_lstm_is_three_kernel_calls(target: str, reverse: bool) -> None:
    graph = optimize(lstm_graph(5, 2, 8, 3, reverse))
    machine = Machine(CAPABILITIES[target])
    plan = build_plan(graph, machine.target, WeightTable.of(graph))
    assert calls(plan.steps) == STEPS[target](5)
    for length in (5, 4, 1):
        graph = optimize(lstm_graph(length, 2, 8, 3, reverse))
        inputs = [Random(f"{length}").array(*v.shape) for v in graph.inputs]  # type: ignore[arg-type]
        (have,) = machine.run(graph, [inputs])
        for left, right in zip(have, interpret(graph, inputs, dtype="float64"), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-12)


def test_a_loop_of_symbolic_length() -> None:
    graph = optimize(lstm_graph(T, N, 8, 3, False))
    for target in ("arena", "slots, padded columns, whole rows"):
        for length, batch in ((1, 2), (6, 1), (7, 3)):
            symbols = {"T": length, "N": batch}
            shapes = [[symbols.get(str(s), s) for s in v.shape] for v in graph.inputs]
            inputs = [Random(f"{length}").array(*shape) for shape in shapes]  # type: ignore[arg-type]
            (have,) = Machine(CAPABILITIES[target]).run(graph, [inputs], symbols)
            for left, right in zip(have, interpret(graph, inputs, symbols, dtype="float64"), strict=True):
                np.testing.assert_allclose(left, right, rtol=1e-12)


def test_the_projection_of_all_inputs_is_one_product() -> None:
    graph = optimized(lstm_graph(T, N, 8, 3, False), ["MatMul", "Repeat"], {"T": 4, "N": 2})
    (loop,) = [node.op for node in graph.nodes() if isinstance(node.op, Repeat)]
    assert [node.op.name for node in loop.body.nodes() if node.inputs and node.op.name == "MatMul"] == ["MatMul"]


def scan(b: Builder, make: Callable[[Value, Value, Value], tuple[Value, Value]], shape: Sequence[Size]) -> Graph:
    """A loop over x (4, *shape) with a state s and a fixed value, whose body `make(s, x_t, fixed)` gives (next state, result)."""
    state, step, fixed = parameter("s", *shape), parameter("x_t", *shape), parameter("fixed", *shape)
    body = Graph((state, step, fixed), make(state, step, fixed), ("s", "y"))
    inputs = (b.input(*shape), b.input(4, *shape), b.input(*shape))
    return b.graph(*Node(Repeat(4, body, 1, 1), inputs, ("loop",)).outputs)


def ops_in_loop(graph: Graph) -> list[str]:
    (loop,) = [node.op for node in graph.nodes() if isinstance(node.op, Repeat)]
    return [node.op.name for node in loop.body.nodes() if node.inputs]


def test_what_is_the_same_in_every_iteration_is_computed_once() -> None:
    b = Builder()
    graph = optimized(
        scan(b, lambda s, x, f: (elementwise("add", s, apply(Reduce("sum", (0, 1), True), f)), x), (2, 3))
    )
    assert "Reduce" not in ops_in_loop(graph)


def test_images_of_all_times_are_one_batch() -> None:
    b = Builder()
    weights = b.weights(3, 3, 2, 2)
    convolution = Conv2D(padding=((1, 1), (1, 1)))

    def make(state: Value, x: Value, fixed: Value) -> tuple[Value, Value]:
        total = elementwise(
            "add", apply(convolution, state, weights), elementwise("relu", apply(convolution, x, weights))
        )
        return elementwise("tanh", total), total

    graph = optimized(scan(b, make, (2, 5, 5, 2)))
    assert ops_in_loop(graph).count("Conv2D") == 1


def test_what_reads_a_state_stays() -> None:
    b = Builder()

    def make(state: Value, x: Value, fixed: Value) -> tuple[Value, Value]:
        return elementwise("mul", elementwise("tanh", elementwise("mul", state, x)), fixed), state

    graph = optimized(scan(b, make, (2, 3)), ["Repeat"])
    assert ops_in_loop(graph) == ["Elementwise"]


def test_weights_from_outside_stand_in_the_body() -> None:
    b = Builder()
    state, weights = parameter("s", 2, 3), parameter("w", 3, 3)
    body = Graph((state, weights), (apply(MatMul(), state, weights),), ("s",))
    outer = apply(Repeat(2, body, 1, 0), b.input(2, 3), b.weights(3, 3))
    graph = optimized(b.graph(outer), ["Repeat"])
    assert graph.outputs[0].op.scanned == 0  # type: ignore[attr-defined]
    assert len(graph.outputs[0].node.inputs) == 1


def test_an_element_without_axes_stays() -> None:
    b = Builder()
    state, step = parameter("s", 2), parameter("x_t", 3)
    body = Graph((state, step), (elementwise("add", state, apply(Reduce("sum", (0,)), step)),), ("s",))
    optimized(b.graph(apply(Repeat(4, body, 1, 1), b.input(2), b.input(4, 3))))


@pytest.mark.parametrize("normal", [False, True])
def test_an_epilogue_of_a_sequence_on_fixed_data_stays(normal: bool) -> None:
    b = Builder()
    state, step, fixed = parameter("s", 2, 4), parameter("x_t", 2, 4), parameter("a", 2, 4)
    data = elementwise(
        "add", fixed, apply(Fill((2, 4), 1.0))
    )  # which keeps the product in the body until they are one op
    made = apply(Normalize(), data) if normal else apply(MatMul(), data, b.weights(4, 4))
    total = elementwise("add", made, step)
    body = Graph((state, step, fixed), (elementwise("add", state, total), total), ("s", "y"))
    node = Node(Repeat(3, body, 1, 1), (b.input(2, 4), b.input(3, 2, 4), b.input(2, 4)), ("loop",))
    optimized(b.graph(*node.outputs))


@pytest.mark.parametrize("target", CAPABILITIES)
def test_a_stacked_state_that_is_a_view_of_its_parameter(target: str) -> None:
    state = parameter("h", 2, 4)
    seen = apply(Slice((0, 0), (2, 4)), state)
    b = Builder()
    graph = b.graph(
        *Node(Repeat(3, Graph((state,), (seen, seen), ("h", "y")), 1, 0), (b.input(2, 4),), ("loop",)).outputs
    )
    inputs = [Random("view").array(2, 4)]
    (have,) = Machine(CAPABILITIES[target]).run(graph, [inputs])
    for left, right in zip(have, interpret(graph, inputs), strict=True):
        np.testing.assert_array_equal(left, right)
