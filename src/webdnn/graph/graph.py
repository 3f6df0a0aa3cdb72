"""The intermediate representation: ops, nodes, values, graphs. Everything is immutable; a pass builds a new graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from webdnn.graph.bounds import simplify_limits, tightened
from webdnn.graph.constraints import Constraint as Constraint
from webdnn.graph.constraints import simplify_constraints
from webdnn.graph.dim import Dim, Size, evaluate, symbols_of
from webdnn.graph.errors import GraphError
from webdnn.graph.types import TensorType, sizes_may_match

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Op:
    """What a node computes. Subclasses are frozen dataclasses whose fields are the attributes; attributes may hold Dims.

    `infer` and `evaluate` are an op's whole meaning; nothing else may define it.
    """

    outputs: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return type(self).__name__

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        """Types of the outputs. Raises GraphError, saying what it got and wanted, for inputs it does not accept."""
        raise NotImplementedError(self.name)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """Outputs in numpy, in the precision of the inputs. All attributes are plain numbers (see `bind`)."""
        raise NotImplementedError(self.name)

    def requirements(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        """Pairs of sizes that must be equal and that `infer` could not compare, being symbolic."""
        return ()

    def limits(self, inputs: Sequence[TensorType]) -> tuple[tuple[Size, Size], ...]:
        """Pairs of sizes of which the first must not exceed the second, and that `infer` could not compare, being symbolic."""
        return ()

    def attributes(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @property
    def bodies(self) -> tuple[Graph, ...]:
        """The graphs among the attributes, such as the body of a loop: who wants every node of a model walks into them."""
        return tuple(v for v in self.attributes().values() if isinstance(v, Graph))

    def with_bodies(self, bodies: Sequence[Graph]) -> Op:
        """This op with other graphs in place of its `bodies`, in the same order."""
        names = [k for k, v in self.attributes().items() if isinstance(v, Graph)]
        return replace(self, **dict(zip(names, bodies, strict=True)))

    def bind(self, symbols: Mapping[str, int]) -> Op:
        """This op with every Dim among its attributes evaluated, those of its bodies too."""
        changes = {k: _bind(v, symbols) for k, v in self.attributes().items()}
        return replace(self, **changes)

    def key(self) -> object:
        """Equal keys mean equal ops: the structural identity that common-subexpression elimination uses."""
        return (type(self), tuple(_key(v) for v in self.attributes().values()))

    def __str__(self) -> str:
        shown = ", ".join(
            f"{k}={v}" for k, v in self.attributes().items() if v is not None and not isinstance(v, Graph)
        )
        return f"{self.name}({shown})" if shown else self.name


def _bind(value: Any, symbols: Mapping[str, int]) -> Any:
    if isinstance(value, Dim):
        return evaluate(value, symbols)
    if isinstance(value, tuple):
        return tuple(_bind(v, symbols) for v in value)
    if isinstance(value, TensorType):
        return TensorType(_bind(value.shape, symbols), value.dtype)
    if isinstance(value, Graph):
        return value.bind(symbols)
    return value


def _key(value: Any) -> object:
    if isinstance(value, np.ndarray):
        return id(value)
    if isinstance(value, float):
        return value.hex()  # 0.0 and −0.0 are not the same attribute
    if isinstance(value, tuple):
        return tuple(map(_key, value))
    if is_dataclass(value) and getattr(value, "__hash__", None) is None:
        return id(value)
    return value


@dataclass(frozen=True, eq=False)
class Input(Op):
    """A value that comes from outside: a model input, a state, or a parameter of a Repeat's body."""

    label: str
    type: TensorType

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (self.type,)

    def key(self) -> object:
        return id(self)


@dataclass(frozen=True, eq=False)
class Constant(Op):
    """A trained parameter or another known array. The array is never written to."""

    array: Array

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (TensorType(tuple(self.array.shape), str(self.array.dtype)),)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        return (self.array,)

    def __str__(self) -> str:
        return f"Constant({self.array.dtype}{list(self.array.shape)})"


@dataclass(frozen=True, eq=False)
class Node:
    """An op applied to values. `origin` names the source model's layers that it stands for."""

    op: Op
    inputs: tuple[Value, ...] = ()
    origin: tuple[str, ...] = ()
    types: tuple[TensorType, ...] = field(init=False)

    def __post_init__(self) -> None:
        try:
            types = self.op.infer([v.type for v in self.inputs])
        except GraphError as error:
            where = f" '{', '.join(self.origin)}'" if self.origin else ""
            raise GraphError(f"{self.op.name}{where}: {error}") from error
        object.__setattr__(self, "types", types)

    @property
    def outputs(self) -> tuple[Value, ...]:
        return tuple(Value(self, index) for index in range(len(self.types)))


@dataclass(frozen=True)
class Value:
    """Output `index` of `node`."""

    node: Node
    index: int = 0

    @property
    def type(self) -> TensorType:
        return self.node.types[self.index]

    @property
    def shape(self) -> tuple[Size, ...]:
        return self.type.shape

    @property
    def dtype(self) -> str:
        return self.type.dtype

    @property
    def op(self) -> Op:
        return self.node.op

    @property
    def origin(self) -> tuple[str, ...]:
        return self.node.origin


@dataclass(frozen=True)
class Placeholder:
    """Bounds of a symbolic size; `maximum` None means unbounded."""

    minimum: int = 1
    maximum: int | None = None


class State(NamedTuple):
    """What a model keeps from run to run: `before` is an Input that no page feeds, and `after`, which has its type, what it will be in the next
    run. Zero in the first one; `webdnn.frontend.states` writes states that begin with another value."""

    before: Value
    after: Value


@dataclass(frozen=True, eq=False)
class Graph:
    """A model. Inputs and outputs are in the source model's order.

    Equal only to itself, like its nodes, so that what is known of one graph can be kept by it.
    """

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    output_names: tuple[str, ...]
    states: tuple[State, ...] = ()
    placeholders: Mapping[str, Placeholder] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    name: str = "model"

    def roots(self) -> tuple[Value, ...]:
        """Every value that must be computed."""
        return self.outputs + tuple(after for _, after in self.states)

    def nodes(self) -> list[Node]:
        """All nodes that the roots and inputs need, each after its inputs; the same order on every run."""
        return list(self._order)

    @cached_property
    def _order(self) -> tuple[Node, ...]:
        return tuple(topological_order([*self.inputs, *(before for before, _ in self.states), *self.roots()]))

    def bind(self, symbols: Mapping[str, int]) -> Graph:
        """This graph with every placeholder replaced by its number, so that nothing constrains them any more."""
        if not symbols:
            return self
        bound: dict[Value, Value] = {}
        for node in self.nodes():
            fresh = Node(node.op.bind(symbols), tuple(bound[v] for v in node.inputs), node.origin)
            bound.update(zip(node.outputs, fresh.outputs, strict=True))
        return replace(
            self,
            inputs=tuple(bound[v] for v in self.inputs),
            outputs=tuple(bound[v] for v in self.outputs),
            states=tuple(State(bound[before], bound[after]) for before, after in self.states),
            placeholders={},
            constraints=(),
        )

    def __str__(self) -> str:
        """The whole program: one typed line a node, in the same order on every run, and the bodies of loops indented."""
        return "\n".join(_printed(self, ""))


def _printed(graph: Graph, indent: str) -> Iterator[str]:
    names: dict[Value, str] = {}
    for node in graph.nodes():
        for value in node.outputs:
            names[value] = f"%{len(names)}"
        left = ", ".join(f"{names[v]}: {v.type}" for v in node.outputs)
        arguments = ", ".join(names[v] for v in node.inputs)
        origin = f"  # {', '.join(node.origin)}" if node.origin else ""
        yield f"{indent}{left} = {node.op}({arguments}){origin}"
        for body in node.op.bodies:
            yield from _printed(body, indent + "    ")
    for name, value in zip(graph.output_names, graph.outputs, strict=False):
        yield f"{indent}return {name} = {names[value]}"
    for before, after in graph.states:
        yield f"{indent}state {names[before]} <- {names[after]}"
    for constraint in graph.constraints:
        yield f"{indent}require {constraint}"


def topological_order(roots: Sequence[Value]) -> list[Node]:
    """Nodes under `roots` in depth-first post-order, without recursion."""
    order: list[Node] = []
    done: set[Node] = set()
    stack: list[tuple[Node, Iterator[Value]]] = []
    for root in roots:
        if root.node not in done:
            done.add(root.node)
            stack.append((root.node, iter(root.node.inputs)))
        while stack:
            node, pending = stack[-1]
            for value in pending:
                if value.node not in done:
                    done.add(value.node)
                    stack.append((value.node, iter(value.node.inputs)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def apply(op: Op, *inputs: Value, origin: tuple[str, ...] = ()) -> Value:
    """The single output of `op` on `inputs`."""
    return Node(op, inputs, origin).outputs[0]


def uses(graph: Graph) -> dict[Value, int]:
    """How often each value is read, being a graph output or the next state counted as a reader."""
    counts: dict[Value, int] = {}
    for node in graph.nodes():
        for value in node.inputs:
            counts[value] = counts.get(value, 0) + 1
    for value in graph.roots():
        counts[value] = counts.get(value, 0) + 1
    return counts


def collect_constraints(graph: Graph) -> tuple[Constraint, ...]:
    """What the placeholders must satisfy for every shape of the graph to be right and positive, in simple form.

    Raises GraphError where no values within the bounds of the placeholders can.
    """
    required = required_constraints(graph)
    equalities = simplify_constraints([c for c in required if c.relation == "=="])
    bounds = {name: (p.minimum, p.maximum) for name, p in graph.placeholders.items()}
    limits = simplify_limits([c for c in required if c.relation == "<="], tightened(bounds, equalities))
    return (*equalities, *limits)


def required_constraints(graph: Graph) -> list[Constraint]:
    """The requirements of all ops, as the ops state them, and that no size is less than 1; without repeats."""
    found: dict[tuple[Size, Size, str, str], Constraint] = {}

    def add(left: Size, relation: str, right: Size, node: Node) -> None:
        reason = ", ".join(node.origin) or node.op.name
        found.setdefault((left, right, relation, reason), Constraint(left, right, reason, relation))

    for node in graph.nodes():
        types = [v.type for v in node.inputs]
        for left, right in node.op.requirements(types):
            if left != right and sizes_may_match(left, right):
                add(left, "==", right, node)
        for least, most in (*node.op.limits(types), *positive_sizes(node)):
            if not isinstance(most - least, int):  # a number was judged by `infer`
                add(least, "<=", most, node)
    return list(found.values())


def positive_sizes(node: Node) -> tuple[tuple[Size, Size], ...]:
    """The symbolic sizes that the node's outputs have and its inputs have not, as limits: none may be less than 1."""
    known = {size for value in node.inputs for size in value.shape}
    sizes = dict.fromkeys(size for type_ in node.types for size in type_.shape if isinstance(size, Dim))
    return tuple((1, size) for size in sizes if size not in known)


def symbols_used(graph: Graph) -> set[str]:
    """Names of the placeholders in the types of all values."""
    names: set[str] = set()
    for node in graph.nodes():
        for type_ in node.types:
            for size in type_.shape:
                names |= symbols_of(size)
    return names
