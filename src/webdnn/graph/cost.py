"""What a graph costs: multiply-accumulates, parameters, counts of ops.

A multiply-accumulate (MAC) is one product added to a sum. Elementwise work, pooling, resizing and the elements of an epilogue count as none: papers
count in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TypeAlias
from weakref import WeakKeyDictionary

from webdnn.graph.bounds import tightened
from webdnn.graph.dim import Dim, Size, evaluate, product, symbols_of
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Constant, Graph, Node, Op, Placeholder, symbols_used
from webdnn.graph.ops import BatchMatMul, Conv2D, Conv2DTranspose, DepthwiseConv2D, MatMul, Repeat

Condition: TypeAlias = "Callable[[Mapping[str, int]], bool]"

FARTHEST = 4096
"""How far from the least value of each placeholder `smallest_sizes` looks."""
_smallest: WeakKeyDictionary[Graph, dict[str, int] | None] = WeakKeyDictionary()


def _conv2d(node: Node) -> Size:
    # Every output element sums KH·KW·C / groups products; padding counts, being multiplied like the rest.
    return node.types[0].elements * product(node.inputs[1].shape[:3])


def _depthwise_conv2d(node: Node) -> Size:
    return node.types[0].elements * product(node.inputs[1].shape[:2])


def _conv2d_transpose(node: Node) -> Size:
    # Every input element meets the KH·KW·O weights of its channel; what `crop` cuts off is counted.
    kernel_height, kernel_width, _, outputs = node.inputs[1].shape
    return node.inputs[0].type.elements * kernel_height * kernel_width * outputs


def _matmul(node: Node) -> Size:
    return node.types[0].elements * node.inputs[1].shape[0]


def _batch_matmul(node: Node) -> Size:
    left = node.op.left if isinstance(node.op, BatchMatMul) else None
    return node.types[0].elements * node.inputs[0].shape[-1 if left is None else left[-1]]


def _repeat(node: Node) -> Size:
    op = node.op
    if not isinstance(op, Repeat):
        raise GraphError(f"{op} is no Repeat")
    return macs(op.body) * op.count


MACS: Mapping[type[Op], Callable[[Node], Size]] = {
    BatchMatMul: _batch_matmul,
    Conv2D: _conv2d,
    Conv2DTranspose: _conv2d_transpose,
    DepthwiseConv2D: _depthwise_conv2d,
    MatMul: _matmul,
    Repeat: _repeat,
}


def macs(graph: Graph) -> Size:
    """Multiply-accumulates of one run, symbolic where sizes are."""
    total: Size = 0
    for node in graph.nodes():
        if type(node.op) in MACS:
            total = total + MACS[type(node.op)](node)
    return total


def all_nodes(graph: Graph) -> Iterator[Node]:
    """The nodes of `graph` and of the bodies of its loops."""
    pending = [graph]
    while pending:
        for node in pending.pop().nodes():
            yield node
            pending.extend(node.op.bodies)


def parameters(graph: Graph) -> int:
    """Elements of all constants that the graph uses; one that is used twice counts once."""
    arrays = {id(node.op.array): node.op.array.size for node in all_nodes(graph) if isinstance(node.op, Constant)}
    return sum(arrays.values())


def count_ops(graph: Graph) -> dict[str, int]:
    """How many nodes of each op there are, by name; inputs and constants left out."""
    counts: dict[str, int] = {}
    for node in all_nodes(graph):
        if node.inputs:
            counts[node.op.name] = counts.get(node.op.name, 0) + 1
    return dict(sorted(counts.items()))


def smallest_sizes(graph: Graph) -> dict[str, int] | None:
    """Small values of the placeholders that satisfy their bounds and every constraint, and leave no size below 1; searched for once for each graph.

    Each placeholder is raised on its own, which is enough where no condition ties several of them together; then all are raised together. None
    when nothing is found within `FARTHEST` steps from the least values that single constraints allow.
    """
    if graph not in _smallest:
        _smallest[graph] = _search_sizes(graph)
    found = _smallest[graph]
    return None if found is None else dict(found)


def _search_sizes(graph: Graph) -> dict[str, int] | None:
    conditions = _conditions(graph)
    names = dict.fromkeys([*graph.placeholders, *sorted(symbols_used(graph))])
    declared = {name: graph.placeholders.get(name, Placeholder()) for name in names}
    least = tightened({name: (p.minimum, p.maximum) for name, p in declared.items()}, graph.constraints)
    bounds = {name: Placeholder(*least[name]) for name in names}
    values: dict[str, int] = {}
    for name, bound in bounds.items():
        own = [condition for names, condition in conditions if names == {name}]
        first = next((v for v in _candidates(bound) if all(holds({name: v}) for holds in own)), None)
        if first is None:
            return None
        values[name] = first
    for step in range(FARTHEST):
        raised = {n: min(max(v, step), bounds[n].maximum or max(v, step)) for n, v in values.items()}
        if all(holds(raised) for _, holds in conditions):
            return raised
    return None


def _candidates(bound: Placeholder) -> range:
    last = bound.minimum + FARTHEST
    return range(bound.minimum, last if bound.maximum is None else min(bound.maximum + 1, last))


def _conditions(graph: Graph) -> list[tuple[set[str], Condition]]:
    """Every constraint, and `size ≥ 1` for every symbolic size, each with the placeholders it speaks of."""
    found: list[tuple[set[str], Condition]] = []
    for constraint in graph.constraints:
        found.append((constraint.symbols, constraint.holds))
    sizes = {size for node in all_nodes(graph) for type_ in node.types for size in type_.shape if isinstance(size, Dim)}
    for size in sorted(sizes, key=str):
        found.append((symbols_of(size), partial(_is_positive, size)))
    return found


def _is_positive(size: Size, symbols: Mapping[str, int]) -> bool:
    return evaluate(size, symbols) >= 1
