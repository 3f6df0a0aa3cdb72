"""softmax(Q·Kᵀ)·V without the whole matrix of scores, where that is large.

A row of the result needs one row of the scores. So the queries are cut into blocks, and a loop computes one block after another: a loop of
existing ops, which every backend has, whose only large value has the size of a block. Nothing is computed twice, and every sum has its old
order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from webdnn.graph.dim import Size, ceil_divide, evaluate, product, symbols_of
from webdnn.graph.graph import Constant, Graph, Input, Node, Placeholder, Value, apply
from webdnn.graph.ops import BatchMatMul, Elementwise, Pad, Repeat, Reshape, Slice, Softmax, Transpose
from webdnn.graph.types import TensorType
from webdnn.optimizer.rewrite import map_bodies, merge_origins, reader_counts, rebuild

SCORES = (BatchMatMul, Elementwise, Softmax)
"""Ops that scores come from."""
LARGEST = 2**22
"""Scores, of all heads and images together, that are computed at once: 16 MiB of floats. With fewer, a loop would cost more than it spares."""
BLOCK = 2**20
"""About as many scores has a block of rows, if that is no less than FEWEST_ROWS."""
FEWEST_ROWS = 16
"""Products of fewer rows use each key and each value too seldom for what it costs to read them."""


def cut_large_attention(graph: Graph, placeholders: Mapping[str, Placeholder] | None = None) -> tuple[Graph, int]:
    """`softmax(Q·Kᵀ + M)·V = [softmax(Qᵢ·Kᵀ + Mᵢ)·V for blocks Qᵢ of rows of Q]`, where the scores would be more than 2²²; with any
    elementwise functions between the products and the softmax.

    Hazards: nothing else may read the scores. A placeholder counts as its largest value, or where it has none, as its smallest: so scores of
    sequences whose length has no bound stay whole.
    """
    known = graph.placeholders if placeholders is None else placeholders
    graph, changed = map_bodies(graph, lambda body: cut_large_attention(body, known)[0])
    readers = reader_counts(graph)
    count = 0

    def visit(old: Node, fresh: Node) -> Sequence[Value]:
        nonlocal count
        way = _way_to_scores(old, readers)
        result = None if way is None else _in_blocks(_chain(fresh, way), known)
        count += result is not None
        return fresh.outputs if result is None else (result,)

    result = rebuild(graph, visit)
    return (result, changed + count) if count else (graph, changed)


def _way_to_scores(last: Node, readers: Mapping[Value, int]) -> list[int] | None:
    """Which inputs lead from `last`, a product of probabilities and values, by way of a softmax to the product that makes the scores; None
    where it is no such product."""
    if not isinstance(last.op, BatchMatMul) or last.op.left is not None:
        return None
    way, node, softmax = [0], last.inputs[0].node, False
    while all(readers.get(value) == 1 for value in node.outputs):
        if isinstance(node.op, BatchMatMul):
            return way if softmax else None
        if not isinstance(node.op, Elementwise | Softmax):
            return None
        softmax = softmax or isinstance(node.op, Softmax)
        inner = [k for k, v in enumerate(node.inputs) if v.shape == node.types[0].shape and isinstance(v.op, SCORES)]
        if len(inner) != 1:
            return None
        way.append(inner[0])
        node = node.inputs[inner[0]].node
    return None


def _chain(last: Node, way: Sequence[int]) -> list[Node]:
    """The nodes on the way, the one that makes the scores first."""
    nodes = [last]
    for position in way:
        nodes.insert(0, nodes[0].inputs[position].node)
    return nodes


def _in_blocks(chain: Sequence[Node], placeholders: Mapping[str, Placeholder]) -> Value | None:
    """The result of `chain`, block by block; None where its scores are few."""
    scores = chain[0].outputs[0]
    rows = scores.shape[-2]

    def most(size: Size) -> int:
        bounds = {name: placeholders.get(name, Placeholder()) for name in symbols_of(size)}
        return evaluate(size, {name: b.maximum or b.minimum for name, b in bounds.items()})

    if most(product(scores.shape)) <= LARGEST:
        return None
    size = _block_size(rows, max(FEWEST_ROWS, BLOCK // most(product((*scores.shape[:-2], scores.shape[-1])))))
    if most(rows) <= size:
        return None
    blocks = _Blocks(rows, size, ceil_divide(rows, size), merge_origins(*chain))
    return blocks.result(chain)


def _block_size(rows: Size, most: int) -> int:
    """Rows of a block: a divisor of all rows where there is one that is not much less than `most`."""
    if not isinstance(rows, int):
        return most
    for size in range(most, most // 2, -1):
        if rows % size == 0:
            return size
    return -(-rows // -(-rows // most))


@dataclass
class _Blocks:
    """The loop that is being made: `count` blocks of `size` rows each; there are `rows` of them, and padding behind the last."""

    rows: Size
    size: int
    count: Size
    origin: tuple[str, ...]
    scanned: dict[Value, Value] = field(default_factory=dict)
    fixed: dict[Value, Value] = field(default_factory=dict)
    """Values of the body → what they are outside, all blocks or the one value."""
    _inside: dict[tuple[Value, int | None], Value] = field(default_factory=dict)

    def apply(self, op: BatchMatMul | Pad | Reshape | Slice | Transpose, x: Value) -> Value:
        return apply(op, x, origin=self.origin)

    def result(self, chain: Sequence[Node]) -> Value:
        first, *rest = chain
        before = first.outputs[0]
        value = self.inside(first, {})
        for node in rest:
            value, before = self.inside(node, {before: value}), node.outputs[0]
        body = Graph((*self.scanned, *self.fixed), (value,), ("rows",), name="attention")
        loop = Repeat(self.count, body, 0, len(self.scanned))
        stacked = Node(loop, (*self.scanned.values(), *self.fixed.values()), self.origin).outputs[0]
        return self.joined(stacked, before.shape)

    def inside(self, node: Node, known: Mapping[Value, Value]) -> Value:
        """What `node` gives for a block; `known` are values of the body."""
        inputs = [known[v] if v in known else self.operand(node, k, v) for k, v in enumerate(node.inputs)]
        return apply(node.op, *inputs, origin=node.origin)

    def operand(self, node: Node, position: int, value: Value) -> Value:
        """What a node of the body reads for `value`, its input `position`."""
        axis = self.row_axis(node, position, value)
        if isinstance(value.op, Constant) and axis is None:
            return value
        if (value, axis) not in self._inside:
            outside = value if axis is None else self.cut(value, axis)
            type_ = value.type if axis is None else TensorType(outside.shape[1:], value.dtype)
            parameter = apply(Input(f"input {len(self._inside)}", type_), origin=value.origin)
            self._inside[value, axis] = parameter
            (self.fixed if axis is None else self.scanned)[parameter] = outside
        return self._inside[value, axis]

    def row_axis(self, node: Node, position: int, value: Value) -> int | None:
        """The axis of `value` along which the rows of the scores, or of the result, lie; None where it is the same for all of them."""
        axis = value.type.rank - 2
        if isinstance(node.op, BatchMatMul) and position < node.op.main:
            if position == 1:
                return None
            return axis if node.op.left is None else node.op.left[-2]
        return axis if axis >= 0 and value.shape[axis] != 1 else None

    def cut(self, x: Value, axis: int) -> Value:
        """(…, rows, …) → (count, …, size, …)."""
        missing = self.count * self.size - self.rows
        if missing != 0:
            none: tuple[Size, Size] = (0, 0)
            x = self.apply(Pad(tuple((0, missing) if a == axis else none for a in range(x.type.rank))), x)
        x = self.apply(Reshape((*x.shape[:axis], self.count, self.size, *x.shape[axis + 1 :])), x)
        others = [a for a in range(x.type.rank) if a != axis]
        return self.apply(Transpose((axis, *others)), x)

    def joined(self, stacked: Value, shape: tuple[Size, ...]) -> Value:
        """(count, …, size, columns) → (…, rows, columns)."""
        rank = stacked.type.rank
        x = self.apply(Transpose((*range(1, rank - 2), 0, rank - 2, rank - 1)), stacked)
        x = self.apply(Reshape((*shape[:-2], self.count * self.size, shape[-1])), x)
        return x if x.shape == shape else self.apply(Slice((0,) * len(shape), shape), x)
