"""Which of many cases show a backend something new: a kind of op, an attribute's kind of value, or operands of another rank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from harness.descriptors import Case
from webdnn.graph.graph import Constant, Graph, Input
from webdnn.graph.ops import Repeat
from webdnn.graph.program import Program

AnyCase = TypeVar("AnyCase", bound=Case)


def new_to_backends(cases: Sequence[AnyCase], seen: Iterable[Case] = ()) -> list[AnyCase]:
    """The first of `cases` that together have all features of all of them that `seen` does not have."""
    known = {feature for case in seen for feature in features(case.graph)}
    chosen = []
    for case in cases:
        own = set(features(case.graph))
        if not own <= known:
            chosen.append(case)
            known |= own
    return chosen


def features(graph: Graph) -> Iterator[object]:
    """One for each attribute of each op, one for its operands, and one for each function of its programs."""
    for node in graph.nodes():
        if isinstance(node.op, Input | Constant):  # whose attributes are a name and an array
            continue
        yield node.op.name, tuple((value.type.rank, isinstance(value.node.op, Constant)) for value in node.inputs)
        for name, value in node.op.attributes().items():
            if isinstance(value, Program):
                yield from ((node.op.name, name, call.function, len(call.operands)) for call in value.calls)
            else:
                yield node.op.name, name, _kind(value)
        if isinstance(node.op, Repeat):
            yield from features(node.op.body)


def _kind(value: Any) -> object:
    """0, 1, -1 and flags are special to kernels; other numbers are some number."""
    if isinstance(value, tuple | list):
        return tuple(_kind(v) for v in value)
    if isinstance(value, bool | str | None):
        return value
    if isinstance(value, int | float):
        return value if value in (0, 1, -1) else type(value).__name__
    return type(value).__name__
