"""Elementwise ops that read one another, and whose results are all wanted, are computed by one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from webdnn.graph.graph import Graph, Node, State, Value, topological_order
from webdnn.graph.ops import Elementwise, JointElementwise
from webdnn.optimizer.elementwise_chain import MAX_CALLS, MAX_INPUTS
from webdnn.optimizer.programs import ProgramBuilder
from webdnn.optimizer.rewrite import map_bodies, merge_origins, reader_counts

MAX_OPERANDS = 8
"""Inputs and results together: the fewest storage buffers a WebGPU stage may have."""


def join_elementwise(graph: Graph) -> tuple[Graph, int]:
    """`y = f(x), z = g(y, w)` → one op with the results y and z, where something else reads y, too; in loops as well.

    The cell and the output of an LSTM, c' and o·tanh(c'), are one op then. Two functions of one value meet in it when that value joins
    first one and then the other; if nothing else reads it, it is no result any more.

    Hazards: y and z must have one shape; w must not be made from y, since the op would wait for itself.
    """
    graph, changed = map_bodies(graph, lambda body: join_elementwise(body)[0])
    while (joined := _first_joined(graph)) is not None:
        graph, changed = _replaced(graph, joined), changed + 1
    return graph, changed


def _first_joined(graph: Graph) -> Mapping[Value, Value] | None:
    """What becomes of the results of the first two ops that can be one; None where there are none."""
    readers = reader_counts(graph)
    for node in graph.nodes():
        if not isinstance(node.op, Elementwise | JointElementwise):
            continue
        for producer in dict.fromkeys(value.node for value in node.inputs):
            joined = _joined(producer, node, readers)
            if joined is not None:
                return joined
    return None


def _joined(producer: Node, reader: Node, readers: Mapping[Value, int]) -> Mapping[Value, Value] | None:
    """The results of both ops as results of one; None where that cannot be."""
    if not isinstance(producer.op, Elementwise | JointElementwise) or producer.types[0].shape != reader.types[0].shape:
        return None
    others = [value for value in reader.inputs if value.node is not producer]
    if _depend(others, producer):
        return None
    builder = ProgramBuilder()
    known = _inlined(builder, producer, {})
    known |= _inlined(builder, reader, known)
    # A result of the producer that only the reader needed is none any more.
    wanted = [v for v in (*reader.outputs, *producer.outputs) if readers.get(v, 0) > (v in reader.inputs)]
    program, results, inputs = builder.finish_all([known[value] for value in wanted])
    if program is None or len(set(results)) < 2 or len(set(results)) < len(results):
        return None
    if max(len(program.calls) - MAX_CALLS, len(inputs) - MAX_INPUTS, len(inputs) + len(results) - MAX_OPERANDS) > 0:
        return None
    node = Node(JointElementwise(program, results), inputs, merge_origins(producer, reader))
    same = all(new.type == old.type for new, old in zip(node.outputs, wanted, strict=True))
    return dict(zip(wanted, node.outputs, strict=True)) if same else None


def _inlined(builder: ProgramBuilder, node: Node, known: Mapping[Value, int | float]) -> dict[Value, int | float]:
    """The operands of a program that is being made for the results of `node`; `known` are those of some of its inputs."""
    operands = [known[v] if v in known else builder.input(v) for v in node.inputs]
    if isinstance(node.op, JointElementwise):
        calls = builder.inline_calls(node.op.program, operands)
        return {value: calls[call] for value, call in zip(node.outputs, node.op.results, strict=True)}
    if isinstance(node.op, Elementwise):
        return {node.outputs[0]: builder.inline(node.op.program, operands)}
    raise TypeError(f"{node.op} has no program")


def _depend(values: Iterable[Value], producer: Node) -> bool:
    """Whether any of `values` is made from what `producer` gives."""
    return producer in topological_order(list(values))


def _replaced(graph: Graph, joined: Mapping[Value, Value]) -> Graph:
    """`graph` with other values in place of some. What they are made from may come later than they did, so the order is found anew."""
    fresh: dict[Value, Value] = {}
    for node in _order(graph.roots(), joined):
        inputs = tuple(fresh[joined.get(v, v)] for v in node.inputs)
        same = node if inputs == node.inputs else Node(node.op, inputs, node.origin)
        fresh.update(zip(node.outputs, same.outputs, strict=True))

    def final(value: Value) -> Value:
        return fresh[joined.get(value, value)]

    return replace(
        graph,
        outputs=tuple(map(final, graph.outputs)),
        states=tuple(State(before, final(after)) for before, after in graph.states),
    )


def _order(roots: Sequence[Value], joined: Mapping[Value, Value]) -> Iterator[Node]:
    """The nodes under `roots` after the replacement, each after its inputs, without recursion."""
    done: set[Node] = set()
    stack = [(joined.get(value, value).node, False) for value in reversed(roots)]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in done:
            done.add(node)
            stack.append((node, True))
            stack += [(joined.get(v, v).node, False) for v in reversed(node.inputs)]
