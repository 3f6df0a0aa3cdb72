"""The engine and the loop over the passes."""

from __future__ import annotations

import time

import numpy as np
import pytest

from optimizer.support import Builder, apply_rules, array, assert_same_answers, op_names, optimized
from webdnn.graph.dim import symbol
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Graph, Input, Node, Placeholder, apply
from webdnn.graph.interpreter import interpret
from webdnn.graph.ops import Concat, MatMul, Repeat, Reshape
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.types import TensorType
from webdnn.optimizer import ATTENTION, EXPANSION, LAST_PASSES, PASSES, optimize
from webdnn.optimizer.rewrite import rewrite_to_fixpoint

LENGTH = 5000


def test_level_0_changes_nothing():
    b = Builder()
    graph = b.graph(elementwise("relu", elementwise("relu", b.input(2))))
    assert optimize(graph, level=0) is graph
    assert optimize(graph) is not graph


def test_every_pass_has_a_name_and_a_reason():
    every = (*PASSES, EXPANSION, ATTENTION, *LAST_PASSES)
    assert len({p.name for p in every}) == len(every)
    assert all(p.reason for p in every)


def test_an_optimized_graph_is_left_alone():
    b = Builder()
    result = optimized(b.graph(elementwise("relu", b.batch_norm(b.conv(b.input(1, 4, 4, 3), 3, 4)))), ["Conv2D"])
    assert optimize(result) is result


def test_observer_sees_every_pass():
    b = Builder()
    seen = []
    graph = b.graph(elementwise("exp", elementwise("neg", b.input(2))))
    optimize(graph, observer=lambda name, graph, changes: seen.append((name, changes)))
    names = [p.name for p in PASSES]
    assert [name for name, _ in seen] == [*names * 2, EXPANSION.name, ATTENTION.name, *(p.name for p in LAST_PASSES)]
    assert sum(changes for _, changes in seen) == 1


def test_debug_output(monkeypatch, capsys):
    b = Builder()
    graph = b.graph(elementwise("exp", elementwise("neg", b.input(2))))
    optimize(graph)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("WEBDNN_DEBUG", "1")
    optimize(graph)
    assert "elementwise_chain: 1 in" in capsys.readouterr().err
    monkeypatch.setenv("WEBDNN_DEBUG", "2")
    optimize(graph)
    assert "return y0 = %1" in capsys.readouterr().err


def test_inputs_states_names_and_placeholders_are_kept():
    b, n = Builder(), symbol("N")
    x, unused = b.input(n, 3), b.input(7)
    state = apply(Input("state", TensorType((4, 3))))
    y = elementwise("relu", elementwise("neg", x))
    after = elementwise("exp", elementwise("neg", state))
    graph = Graph((x, unused), (y,), ("scores",), ((state, after),), {"N": Placeholder(1, 8)}, name="kept")
    result = optimize(graph)
    assert op_names(result) == ["Elementwise", "Elementwise"]
    assert (result.inputs, result.output_names, result.placeholders, result.name) == (
        graph.inputs,
        graph.output_names,
        graph.placeholders,
        "kept",
    )
    assert result.states[0][0] is state
    assert result.states[0][1].type == state.type


def test_a_state_counts_as_a_reader():
    b = Builder()
    x = b.input(2)
    before = apply(Input("before", TensorType((2,))))
    inner = elementwise("add", x, before)
    graph = Graph((x,), (elementwise("exp", inner),), ("y",), ((before, inner),))
    (node,) = [n for n in optimize(graph).nodes() if n.inputs]
    assert len(node.outputs) == 2  # were the state no reader, it would vanish in the one result


def test_a_rule_that_changes_the_type_is_found_out():
    b = Builder()
    graph = b.graph(elementwise("exp", b.input(2, 3)))

    def wrong(value, context):
        return apply(Reshape((3, 2)), value) if value.op.name == "Elementwise" else None

    with pytest.raises(GraphError, match=r"wrong: .* was float32\[2, 3\], became float32\[3, 2\]"):
        rewrite_to_fixpoint(graph, [wrong])


def test_a_rule_that_never_ends_is_found_out():
    b = Builder()
    graph = b.graph(elementwise("exp", b.input(2, 3)))

    def endless(value, context):
        return apply(value.op, *value.node.inputs)

    with pytest.raises(GraphError, match="endless do not come to an end"):
        rewrite_to_fixpoint(graph, [endless])


CHAINS = {
    "fusable": lambda y, i: elementwise("sin" if i % 2 else "tanh", y, origin=(f"layer{i}",)),
    "bias": lambda y, i: elementwise("add", y, array(np.full(2, i / LENGTH)), origin=(f"layer{i}",)),
    "literal": lambda y, i: elementwise("mul", y, 1.0 + 1 / LENGTH, origin=(f"layer{i}",)),
    "relu": lambda y, i: elementwise("relu", y, origin=(f"layer{i}",)),
    "moves": lambda y, i: apply(Reshape((2, 1) if i % 2 else (1, 2)), y, origin=(f"layer{i}",)),
    "matmul": lambda y, i: apply(MatMul(), y, array([[0, 1], [-1, 0]]), origin=(f"layer{i}",)),
    "residual": lambda y, i: elementwise("add", y, elementwise("tanh", y), origin=(f"layer{i}",)),
}


FAST = ("fusable",)
DEFAULT = ("moves", "residual")


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            kind, marks=[] if kind in FAST else [pytest.mark.slow if kind in DEFAULT else pytest.mark.exhaustive]
        )
        for kind in CHAINS
    ],
)
def test_a_chain_of_5000_ops(kind):
    b = Builder()
    y = b.input(1, 2)
    for i in range(LENGTH):
        y = CHAINS[kind](y, i)
    graph = b.graph(y)
    start = time.process_time()
    result = optimize(graph)
    assert time.process_time() - start < 20  # 1 to 6 s on a machine that is not new
    assert len(op_names(result)) <= LENGTH
    # 5,000 roundings in float32 add up; the graph with fewer ops is the more exact one.
    assert_same_answers(graph, result, dtypes=(("float64", 1e-6),))


def test_constants_alone():
    b = Builder()
    y = b.weights(2)
    for _ in range(LENGTH):
        y = elementwise("tanh", y)
    assert op_names(optimize(b.graph(y))) == []


def loop_body() -> Graph:
    """h' = tanh(h·W + x), in more ops than it takes."""
    b = Builder()
    h, x = b.input(1, 3), b.input(1, 3)
    y = elementwise("add", apply(MatMul(), h, b.weights(3, 3)), elementwise("mul", x, array(1.0)))
    y = elementwise("tanh", y)
    return b.graph(y, y)


def test_loop_bodies_are_optimized():
    b, t = Builder(), symbol("T")
    h, x = b.input(1, 3), b.input(t, 1, 3)
    body = loop_body()
    forward = Node(Repeat(t, body, 1, 1), (h, x), ("rnn",))
    backward = Node(Repeat(t, body, 1, 1, reverse=True), (h, x), ("rnn",))
    y = apply(Concat(2), forward.outputs[1], backward.outputs[1])
    graph = b.graph(y, forward.outputs[0])
    result = optimize(graph)
    loops = [n for n in result.nodes() if isinstance(n.op, Repeat)]
    assert len(loops) == 2
    assert [op_names(loop.op.body) for loop in loops] == [["MatMul"]] * 2
    random = np.random.default_rng(0)
    inputs = [random.normal(size=(1, 3)).astype("float32"), random.normal(size=(4, 1, 3)).astype("float32")]
    for want, have in zip(interpret(graph, inputs), interpret(result, inputs), strict=True):
        assert np.abs(want - have).max() < 1e-6


def test_rules_see_what_rules_did_upstream():
    b = Builder()
    y = b.input(2)
    for function in ("neg", "neg", "neg", "neg"):
        y = elementwise(function, y)
    sweeps = []

    def double_negative(value, context):
        inner = value.node.inputs[0] if value.node.inputs else None
        if inner is None or not inner.node.inputs or value.op.name != "Elementwise":
            return None
        sweeps.append(value)
        return inner.node.inputs[0]

    result = apply_rules(b.graph(y), double_negative)
    assert result.outputs[0] is result.inputs[0]
    assert len(sweeps) == 2
