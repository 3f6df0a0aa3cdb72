"""What does not change from iteration to iteration, or needs no earlier one, is computed outside of the loop: once, and for all times as one op."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from webdnn.graph.dim import Size
from webdnn.graph.graph import Constant, Graph, Input, Node, Op, Value, apply
from webdnn.graph.ops import (
    Concat,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    Elementwise,
    MatMul,
    Normalize,
    Pad,
    Reduce,
    Repeat,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)
from webdnn.optimizer.rewrite import rebuild


def hoist_from_loops(graph: Graph) -> tuple[Graph, int]:
    """`repeat(f(x_t)·h) = repeat(y_t·h), y = f(x)`: what reads sequences alone is computed for all times at once, what reads neither sequences
    nor states once; constants from outside stand in the body, so that weights can be packed.

    The input projection of a recurrent layer is one large product then, instead of a small one in every step.
    """
    changed = 0

    def visit(old: Node, fresh: Node) -> Sequence[Value]:
        nonlocal changed
        better = _hoisted(fresh, fresh.op) if isinstance(fresh.op, Repeat) else None
        changed += better is not None
        return (better or fresh).outputs

    result = rebuild(graph, visit)
    return (result, changed) if changed else (graph, 0)


@dataclass
class _Known:
    """Values of a body that are known outside: those that are the same in every iteration, and sequences of those that are not."""

    count: Size
    always: dict[Value, Value] = field(default_factory=dict)
    series: dict[Value, Value] = field(default_factory=dict)

    def add(self, node: Node) -> None:
        """Computes `node` outside, if all that it reads is known there."""
        if not all(v in self.always or v in self.series for v in node.inputs) or not node.inputs:
            return
        if not any(v in self.series for v in node.inputs):
            outside = Node(node.op, tuple(self.always[v] for v in node.inputs), node.origin)
            self.always.update(zip(node.outputs, outside.outputs, strict=True))
            return
        if node.types[0].rank < 1:
            return  # a sequence of scalars would have no rows
        result = self._over_time(node)
        if result is not None and result.shape == (self.count, *node.types[0].shape):
            self.series[node.outputs[0]] = result

    def _over_time(self, node: Node) -> Value | None:
        """The sequence of what `node` gives in all iterations; None for an op that has no form with another axis in front."""
        op = node.op
        if isinstance(op, Conv2D | DepthwiseConv2D | Conv2DTranspose):
            return self._images(node, op)
        over_time = _with_time(op, self.count)
        if over_time is None or (isinstance(op, Concat) and not all(v in self.series for v in node.inputs)):
            return None
        if isinstance(op, MatMul | Normalize) and node.inputs[0] not in self.series:
            return None  # an epilogue's operands broadcast to what is made from the data
        if isinstance(op, MatMul) and node.inputs[1] not in self.always:
            return None
        return apply(over_time, *(self._operand(v, node.types[0].rank) for v in node.inputs), origin=node.origin)

    def _operand(self, value: Value, rank: int) -> Value:
        """What stands for `value` outside; a sequence gets axes of size 1 behind its time, so that its elements broadcast to `rank` as before."""
        if value in self.always:
            return self.always[value]
        series = self.series[value]
        missing = rank - value.type.rank
        if missing <= 0:
            return series
        return apply(Reshape((self.count, *(1,) * missing, *value.shape)), series, origin=value.origin)

    def _images(self, node: Node, op: Conv2D | DepthwiseConv2D | Conv2DTranspose) -> Value | None:
        """Images of all times are one batch; what an epilogue reads besides must be the same for all, or as large as the result."""
        data, weights, *others = node.inputs
        if data not in self.series or weights not in self.always:
            return None
        result = node.types[0].shape
        for value in others:
            whole = value in self.series and value.shape == result
            if not whole and not (value in self.always and all(size == 1 for size in value.shape[:-1])):
                return None
        operands = [
            self.always[v]
            if v in self.always
            else apply(Reshape((self.count * v.shape[0], *v.shape[1:])), self.series[v], origin=v.origin)
            for v in node.inputs
        ]
        return apply(Reshape((self.count, *result)), apply(op, *operands, origin=node.origin), origin=node.origin)


def _with_time(op: Op, count: Size) -> Op | None:
    """`op` on inputs that have an axis more in front; None where that is no op of one kind."""
    match op:
        case Elementwise() | MatMul() | Softmax() | Normalize():
            return op
        case Concat(axis):
            return Concat(axis + 1)
        case Pad(amounts, value):
            return Pad(((0, 0), *amounts), value)
        case Reduce(kind, axes, keepdims):
            return Reduce(kind, tuple(axis + 1 for axis in axes), keepdims)
        case Reshape(shape):
            return Reshape((count, *shape))
        case Slice(starts, sizes):
            return Slice((0, *starts), (count, *sizes))
        case Transpose(permutation):
            return Transpose((0, *(axis + 1 for axis in permutation)))
    return None


def _hoisted(node: Node, op: Repeat) -> Node | None:
    """The loop without what can be computed outside; None where nothing can."""
    first, last = op.carried, op.carried + op.scanned
    known = _Known(op.count)
    for position, (parameter, value) in enumerate(zip(op.body.inputs, node.inputs, strict=True)):
        if position >= last:
            known.always[parameter] = value
        elif position >= first:
            known.series[parameter] = value
    for inner in op.body.nodes():
        if isinstance(inner.op, Constant):
            known.always[inner.outputs[0]] = inner.outputs[0]
        elif not isinstance(inner.op, Input):
            known.add(inner)
    return _rebuilt(node, op, known)


def _rebuilt(node: Node, op: Repeat, known: _Known) -> Node | None:
    """The loop whose body takes what is known from outside."""
    fresh: dict[Value, Value] = {parameter: parameter for parameter in op.body.inputs[: op.carried]}
    scanned: dict[Value, Value] = {}
    fixed: dict[Value, Value] = {}

    def place(value: Value) -> Value:
        """What the new body reads for `value`."""
        if value not in fresh:
            outside = known.always.get(value)
            if outside is not None and isinstance(outside.op, Constant):
                fresh[value] = outside
            else:
                taken, source = (scanned, known.series) if outside is None else (fixed, known.always)
                fresh[value] = apply(Input(f"input {len(fresh)}", value.type), origin=value.origin)
                taken[fresh[value]] = source[value]
        return fresh[value]

    for inner in op.body.nodes():
        if not isinstance(inner.op, Input | Constant) and not all(
            v in known.always or v in known.series for v in inner.outputs
        ):
            made = Node(inner.op, tuple(map(place, inner.inputs)), inner.origin)
            fresh.update(zip(inner.outputs, made.outputs, strict=True))
    results = tuple(map(place, op.body.outputs))
    if (*scanned.values(), *fixed.values()) == node.inputs[op.carried :]:
        return None
    body = replace(op.body, inputs=(*op.body.inputs[: op.carried], *scanned, *fixed), outputs=results)
    inputs = (*node.inputs[: op.carried], *scanned.values(), *fixed.values())
    return Node(replace(op, body=body, scanned=len(scanned)), inputs, node.origin)
