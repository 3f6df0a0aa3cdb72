"""Random graphs of every dtype, with symbolic sizes and loops, for the optimizer and for storage.

Floats are fractions with few bits, and what computes on them is exact or the same function before and after: so a cast to an integer, which jumps
where rounding may fall either way, gives the same number in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from webdnn.graph.dim import Size, evaluate, number, symbol
from webdnn.graph.graph import Constant, Graph, Input, Node, Placeholder, Value, apply, collect_constraints
from webdnn.graph.ops import (
    ArgReduce,
    BatchMatMul,
    Concat,
    CumulativeSum,
    Elementwise,
    Fill,
    Iota,
    MatMul,
    Pad,
    Reduce,
    Repeat,
    Reshape,
    Slice,
    Transpose,
)
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.ops.indexing import take
from webdnn.graph.program import Call, Program
from webdnn.graph.types import DTYPES, INTEGERS, TensorType

Array = np.ndarray
N, T = symbol("N"), symbol("T")
SYMBOLS: tuple[Mapping[str, int], ...] = ({"N": 1, "T": 1}, {"N": 3, "T": 2})
MOST = 20000
"""Elements of a value."""

NUMERIC = ("add", "sub", "max", "min")
WHOLE = (*NUMERIC, "mul", "floor_div", "trunc_mod", "mod", "bitwise_xor", "bitwise_and", "shift_left", "shift_right")
COMPARE = ("less", "greater_equal", "equal", "not_equal")
TRUTH = ("logical_and", "logical_or", "logical_xor")


class RandomGraph:
    """Grows a graph by random moves; equal seeds give equal graphs."""

    def __init__(self, seed: int, depth: int = 0) -> None:
        self.seed, self.depth = seed, depth
        self.rng = np.random.default_rng(seed)
        self.values: list[Value] = []

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def one_of(self, options: tuple[str, ...]) -> str:
        return str(self.rng.choice(options))

    def input(self, name: str, dtype: str, *shape: Size) -> Value:
        self.values.append(apply(Input(name, TensorType(shape, dtype)), origin=(name,)))
        return self.values[-1]

    def pick(self, wanted: Callable[[Value], bool] = lambda value: True) -> Value | None:
        """Mostly a recent value."""
        fitting = [v for v in self.values if wanted(v)]
        return fitting[-1 - min(int(self.rng.exponential(3)), len(fitting) - 1)] if fitting else None

    def like(self, value: Value, dtype: str | None = None) -> Value | None:
        """A value that has the shape of `value` and its dtype, or another."""
        return self.pick(lambda v: v.shape == value.shape and v.dtype == (dtype or value.dtype))

    def constant(self, value: Value) -> Value:
        """Numbers of the dtype of `value` that broadcast to its shape."""
        sizes = [s if isinstance(s, int) and self.chance(0.6) else 1 for s in value.shape]
        shape = sizes[int(self.rng.integers(len(sizes) + 1)) :]
        return apply(Constant(numbers(self.rng, value.dtype, shape)))

    def grow(self, steps: int) -> None:
        moves = [self.unary, self.cast, self.cast, self.binary, self.binary, self.binary, self.compare, self.choose]
        moves += [self.program, self.concat, self.slice, self.reshape, self.transpose, self.reduce, self.pad]
        moves += [self.product, self.gather, self.made, self.find]
        for _ in range(steps):
            made = moves[self.rng.integers(len(moves))]()
            if made is not None and np.prod([evaluate(s, SYMBOLS[-1]) for s in made.shape], dtype=int) <= MOST:
                self.values.append(made)
            if self.depth == 0 and self.chance(0.12):
                self.repeat()

    def unary(self) -> Value | None:
        x = self.pick()
        if x is None:
            return None
        if x.dtype == "bool":
            return elementwise("logical_not", x)
        functions = ("neg", "abs", "relu", "sign")
        more = ("floor", "softsign") if x.dtype == "float32" else ("square", "bitwise_not")
        return elementwise(self.one_of((*functions, *more)), x)

    def cast(self) -> Value | None:
        x = self.pick()
        if x is None:
            return None
        dtype = self.one_of(DTYPES)
        if dtype == "float32" and x.dtype == "int32":  # so that float32 holds it, and what is computed from it
            x = elementwise("bitwise_and", x, 63.0)
        return elementwise(f"to_{dtype}", x)

    def binary(self) -> Value | None:
        x = self.pick()
        if x is None:
            return None
        other = self.constant(x) if self.chance(0.3) else self.like(x)
        if x.dtype == "float32" and self.chance(0.2):
            return elementwise("clip", elementwise("mul", x, other or x), -8.0, 8.0)
        functions = TRUTH if x.dtype == "bool" else NUMERIC if x.dtype == "float32" else WHOLE
        pair = [x, other or x]
        return elementwise(self.one_of(functions), *(pair if self.chance(0.5) else pair[::-1]))

    def compare(self) -> Value | None:
        x = self.pick(lambda v: v.dtype != "bool")
        return None if x is None else elementwise(self.one_of(COMPARE), x, self.like(x) or x)

    def choose(self) -> Value | None:
        truth = self.pick(lambda v: v.dtype == "bool")
        x = None if truth is None else self.pick(lambda v: v.shape == truth.shape)
        if truth is None or x is None:
            return None
        return elementwise("where", truth, x, self.like(x) if self.chance(0.5) or x.dtype == "bool" else 3.0)  # type: ignore[arg-type]

    def program(self) -> Value | None:
        """Integers and floats in one program."""
        x = self.pick(lambda v: v.dtype == "float32")
        other = None if x is None else self.pick(lambda v: v.shape == x.shape and v.dtype in INTEGERS)
        if x is None or other is None:
            return None
        calls = (Call("bitwise_and", (1, 31.0)), Call("to_float32", (2,)), Call("mul", (3, 0.5)), Call("sub", (0, 4)))
        return apply(Elementwise(Program(2, calls)), x, other)

    def concat(self) -> Value | None:
        x = self.pick(lambda v: v.type.rank > 0)
        if x is None:
            return None
        axis = int(self.rng.integers(x.type.rank))
        other = self.pick(
            lambda v: (
                v.dtype == x.dtype
                and v.type.rank == x.type.rank
                and all(a == axis or s == x.shape[a] for a, s in enumerate(v.shape))
            )
        )
        return apply(Concat(axis), x, other or x)

    def slice(self) -> Value | None:
        x = self.pick(lambda v: v.type.rank > 0)
        if x is None:
            return None
        starts: list[Size] = [0] * x.type.rank
        sizes = list(x.shape)
        for axis, size in enumerate(x.shape):
            if isinstance(size, int) and self.chance(0.5):
                start = int(self.rng.integers(size))
                starts[axis], sizes[axis] = start, int(self.rng.integers(1, size - start + 1))
        return apply(Slice(tuple(starts), tuple(sizes)), x)

    def reshape(self) -> Value | None:
        x = self.pick(lambda v: v.type.rank > 1)
        if x is None:
            return None
        if self.chance(0.3):
            return apply(Reshape((*x.shape[:1], 1, *x.shape[1:])), x)
        axis = int(self.rng.integers(x.type.rank - 1))
        return apply(Reshape((*x.shape[:axis], x.shape[axis] * x.shape[axis + 1], *x.shape[axis + 2 :])), x)

    def transpose(self) -> Value | None:
        x = self.pick(lambda v: v.type.rank > 1)
        return None if x is None else apply(Transpose(tuple(map(int, self.rng.permutation(x.type.rank)))), x)

    def reduce(self) -> Value | None:
        x = self.pick(lambda v: v.dtype in ("float32", "int32", "uint8", "int8") and v.type.rank > 1)
        if x is None:
            return None
        axis, keep = int(self.rng.integers(x.type.rank)), self.chance(0.5)
        if self.chance(0.2):
            return apply(CumulativeSum(axis, self.chance(0.5), self.chance(0.5)), x)
        return apply(Reduce(self.one_of(("sum", "max", "min")), (axis,), keep), x)

    def pad(self) -> Value | None:
        x = self.pick(lambda v: v.type.rank > 0)
        if x is None:
            return None
        amounts = tuple((int(self.rng.integers(2)), int(self.rng.integers(2))) for _ in x.shape)
        return apply(Pad(amounts, 1.0 if self.chance(0.5) else 0.0), x)

    def product(self) -> Value | None:
        x = self.pick(lambda v: v.dtype in ("float32", "int32") and v.type.rank > 1 and isinstance(v.shape[-1], int))
        if x is None:
            return None
        if self.chance(0.5):
            weights = numbers(self.rng, x.dtype, [number(x.shape[-1]), int(self.rng.integers(1, 5))])
            return apply(MatMul(), x, apply(Constant(weights)))
        order = (*range(x.type.rank - 2), x.type.rank - 1, x.type.rank - 2)
        return apply(BatchMatMul(None, order), x, self.like(x) or x)

    def gather(self) -> Value | None:
        x = self.pick(lambda v: v.type.rank > 0)
        axes = [] if x is None else [a for a, s in enumerate(x.shape) if isinstance(s, int)]
        if x is None or not axes:
            return None
        axis = axes[self.rng.integers(len(axes))]
        return take(x, axis, [int(i) for i in self.rng.integers(number(x.shape[axis]), size=3)])

    def made(self) -> Value | None:
        """Counted or filled values that meet others."""
        x = self.pick(lambda v: v.dtype == "int32" and v.type.rank > 0)
        if x is None:
            return None
        source = Iota(x.shape[-1]) if self.chance(0.6) else Fill(x.shape, 2.0, "int32")
        return elementwise("add", x, apply(source))

    def find(self) -> Value | None:
        x = self.pick(lambda v: v.dtype != "bool" and v.type.rank > 1)
        return None if x is None else apply(ArgReduce("max", int(self.rng.integers(x.type.rank)), self.chance(0.5)), x)

    def repeat(self) -> None:
        """A loop of a counted or symbolic number of iterations, with states, sequences and fixed values of any dtype."""
        sequence = self.pick(lambda v: v.type.rank > 1)
        states = [v for v in (self.pick(lambda v: v.type.rank > 0), self.pick()) if v is not None]
        fixed = self.pick()
        if sequence is None or fixed is None or not states:
            return
        inner = RandomGraph(self.seed * 31 + len(self.values), self.depth + 1)
        parameters = [inner.input(f"state{k}", v.dtype, *v.shape) for k, v in enumerate(states)]
        inner.input("element", sequence.dtype, *sequence.shape[1:])
        inner.input("fixed", fixed.dtype, *fixed.shape)
        inner.grow(7)
        after = [inner.like(p) or p for p in parameters]
        element = inner.pick(lambda v: v.type.rank > 0)
        stacked = [] if element is None else [element]
        names = tuple(f"r{k}" for k in range(len(after) + len(stacked)))
        body = Graph((*parameters, *inner.values[len(parameters) : len(parameters) + 2]), (*after, *stacked), names)
        op = Repeat(sequence.shape[0], body, len(states), 1, self.chance(0.5))
        self.values += Node(op, (*states, sequence, fixed), ("loop",)).outputs

    def graph(self, steps: int = 20) -> Graph:
        inputs = [self.input("f", "float32", N, 3, 4), self.input("g", "float32", T, N, 4)]
        inputs += [self.input(dtype, dtype, N, 3, 4) for dtype in ("int32", "bool", "uint8", "int8")]
        self.grow(steps)
        outputs = [*self.values[-3:], *(v for v in (self.pick(), self.pick()) if v is not None)]
        names = tuple(f"y{k}" for k in range(len(outputs)))
        graph = Graph(tuple(inputs), tuple(outputs), names, (), {"N": Placeholder(), "T": Placeholder()})
        return Graph(graph.inputs, graph.outputs, names, (), graph.placeholders, collect_constraints(graph))


def numbers(rng: np.random.Generator, dtype: str, shape: list[int]) -> Array:
    """Of both signs; floats are multiples of a quarter."""
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if dtype == "float32":
        return np.asarray(rng.integers(-9, 10, shape) / 4, np.float32)
    low = 0 if dtype == "uint8" else -9
    return np.asarray(rng.integers(low, 10, shape), dtype)


def inputs_of(graph: Graph, symbols: Mapping[str, int], seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [numbers(rng, v.dtype, [evaluate(s, symbols) for s in v.shape]) for v in graph.inputs]
