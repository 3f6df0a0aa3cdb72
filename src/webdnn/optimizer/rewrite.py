"""The engine that applies rules to a graph.

A rule is a function `(value, context) -> Value | None`: another value that equals `value` for every input of the graph, or None. One sweep walks
the nodes in execution order, rebuilds each on the rewritten values before it, and offers the result to the rules until none fires. So a rule sees
what rules did upstream, and a chain of any length is rewritten in one sweep, without recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Constant, Graph, Input, Node, State, Value

MAX_SWEEPS = 50
MAX_FIRINGS_PER_VALUE = 100


class Context:
    """What a rule may ask about the graph that it rewrites."""

    def __init__(self, graph: Graph) -> None:
        self._old_readers = reader_counts(graph)
        self._readers: dict[Value, int] = {}
        self._positions: dict[Node, int] = {}
        self.reasons: dict[str, None] = {}

    def stays(self, value: Value, reason: str) -> None:
        """For a rule that gives None although it looked at `value`: why it does not fire. WEBDNN_DEBUG=1 prints what stays to the end."""
        self.reasons[f"{value.op.name} '{', '.join(value.origin)}' {value.type} stays: {reason}"] = None

    def single_reader(self, value: Value) -> bool:
        """True when exactly one node, or one graph output, reads `value`.

        A node that reads it twice is one reader. May answer False for a value made during this sweep; the next sweep knows.
        """
        return self._readers.get(value) == 1

    def position(self, value: Value) -> int:
        """The place of `value` in execution order."""
        return self._positions.get(value.node, -1)

    def placed(self, old: Value, new: Value) -> None:
        """For the engine: the readers of `old` read `new` now."""
        self._readers[new] = self._readers.get(new, 0) + self._old_readers.get(old, 0)
        self._positions.setdefault(new.node, len(self._positions))


Rule: TypeAlias = "Callable[[Value, Context], Value | None]"


def reader_counts(graph: Graph) -> dict[Value, int]:
    """How many nodes read each value; being an output or a next state counts as a reader."""
    counts: dict[Value, int] = {}
    for node in graph.nodes():
        for value in set(node.inputs):
            counts[value] = counts.get(value, 0) + 1
    for value in graph.roots():
        counts[value] = counts.get(value, 0) + 1
    return counts


def rebuild(graph: Graph, visit: Callable[[Node, Node], Sequence[Value]]) -> Graph:
    """`graph` with the outputs of each node replaced by what `visit(old node, same node on replaced inputs)` returns.

    Nodes whose inputs did not change are reused; graph inputs and states are never visited.
    """
    new: dict[Value, Value] = {}
    for node in graph.nodes():
        if isinstance(node.op, Input):
            new.update((v, v) for v in node.outputs)
            continue
        inputs = tuple(new[v] for v in node.inputs)
        fresh = node if inputs == node.inputs else Node(node.op, inputs, node.origin)
        new.update(zip(node.outputs, visit(node, fresh), strict=True))
    return replace(
        graph,
        outputs=tuple(new[v] for v in graph.outputs),
        states=tuple(State(before, new[after]) for before, after in graph.states),
    )


def map_bodies(graph: Graph, better: Callable[[Graph], Graph]) -> tuple[Graph, int]:
    """`graph` with `better(body)` for the body of every loop, a graph of its own, and how many loops changed; bodies used twice stay one."""
    known: dict[int, Graph] = {}
    changed = 0

    def once(body: Graph) -> Graph:
        if id(body) not in known:
            known[id(body)] = better(body)
        return known[id(body)]

    def visit(old: Node, fresh: Node) -> Sequence[Value]:
        nonlocal changed
        bodies = [once(body) for body in fresh.op.bodies]
        if all(new is body for new, body in zip(bodies, fresh.op.bodies, strict=True)):
            return fresh.outputs
        changed += 1
        return Node(fresh.op.with_bodies(bodies), fresh.inputs, fresh.origin).outputs

    result = rebuild(graph, visit)
    return (result, changed) if changed else (graph, 0)


def rewrite(graph: Graph, rules: Sequence[Rule]) -> tuple[Graph, int]:
    """One sweep of `rules` over `graph`, and how often one fired."""
    context = Context(graph)
    fired = 0

    def visit(old: Node, fresh: Node) -> list[Value]:
        nonlocal fired
        results = []
        for before, value in zip(old.outputs, fresh.outputs, strict=True):
            result, count = _apply_rules(value, rules, context)
            context.placed(before, result)
            fired += count
            results.append(result)
        return results

    result = rebuild(graph, visit)
    return (result, fired) if fired else (graph, 0)


def rewrite_to_fixpoint(graph: Graph, rules: Sequence[Rule]) -> tuple[Graph, int]:
    """Sweeps until no rule fires. Raises GraphError when that does not come to an end."""
    total = 0
    for _ in range(MAX_SWEEPS):
        graph, fired = rewrite(graph, rules)
        if not fired:
            return graph, total
        total += fired
    raise GraphError(
        f"{_names(rules)} still fire after {MAX_SWEEPS} sweeps; this is a bug of the optimizer, use --optimize 0"
    )


def reasons_to_stay(graph: Graph, rules: Sequence[Rule]) -> list[str]:
    """What `rules` say of values of `graph`, none of which they change any more."""
    context = Context(graph)
    for node in graph.nodes():
        for value in node.outputs:
            context.placed(value, value)
            if not isinstance(value.op, Constant | Input):
                _first_result(value, rules, context)
    return list(context.reasons)


def merge_origins(*nodes: Node) -> tuple[str, ...]:
    """Names of all source layers of `nodes`, which are in execution order, without repeats."""
    return tuple(dict.fromkeys(name for node in nodes for name in node.origin))


def _apply_rules(value: Value, rules: Sequence[Rule], context: Context) -> tuple[Value, int]:
    """The value that no rule changes any more, and how often one fired."""
    type_ = value.type
    for count in range(MAX_FIRINGS_PER_VALUE):
        result = None if isinstance(value.op, Constant | Input) else _first_result(value, rules, context)
        if result is None:
            return value, count
        if result.type != type_:
            raise GraphError(
                f"{_names(rules)}: '{', '.join(value.origin)}' was {type_}, became {result.type}; this is a bug of the optimizer"
            )
        value = result
    raise GraphError(
        f"{_names(rules)} do not come to an end at '{', '.join(value.origin)}'; this is a bug of the optimizer, use --optimize 0"
    )


def _first_result(value: Value, rules: Sequence[Rule], context: Context) -> Value | None:
    for rule in rules:
        result = rule(value, context)
        if result is not None:
            return result
    return None


def _names(rules: Sequence[Rule]) -> str:
    return ", ".join(rule.__name__ for rule in rules)
