"""Tensors made of sizes: a size as a number that a graph computes with, and rows of numbers that are as long as a size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, TypeAlias

from webdnn.frontend.keras.lowering import Context
from webdnn.frontend.keras.operation_dtypes import cast, graph_dtype, number_as
from webdnn.frontend.writer import Writer
from webdnn.graph.dim import Atom, Call, Dim, Size, ceil_divide, symbol
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value
from webdnn.graph.ops.reduction import Reduce
from webdnn.graph.ops.shape import Iota

Made: TypeAlias = "tuple[Value, str]"  # and its dtype in Keras
_FUNCTIONS = {"//": "floor_div", "%": "mod", "min": "min", "max": "max"}


def size_value(w: Writer, size: Size) -> Value:
    """`size` as an int32 scalar. A placeholder is counted where the graph runs, and the rest of the expression is computed from that."""
    if isinstance(size, int):
        return w.fill((), size, "int32")

    def term(atoms: Sequence[Atom], coefficient: int) -> Value:
        start = w.fill((), coefficient, "int32")
        return reduce(lambda total, atom: w.elementwise("mul", total, _atom_value(w, atom)), atoms, start)

    terms = [term(atoms, coefficient) for atoms, coefficient in size.terms]
    return reduce(lambda total, term: w.elementwise("add", total, term), terms)


def _atom_value(w: Writer, atom: Atom) -> Value:
    if isinstance(atom, Call):
        return w.elementwise(_FUNCTIONS[atom.function], size_value(w, atom.left), size_value(w, atom.right))
    return w.apply(Reduce("sum", (0,)), w.fill((symbol(atom),), 1, "int32"))


def iota(w: Writer, count: Size, axis: int = 0, rank: int = 1) -> Value:
    """0, 1, 2 … along one of `rank` axes; the others have size 1. In int32."""
    shape: list[Size] = [1] * rank
    shape[axis] = count
    return w.reshape(w.apply(Iota(count)), shape)


def at_or_below(w: Writer, rows: Size, columns: Size, offset: Size = 0) -> Value:
    """(rows, columns), true at (i, j) where j <= i + offset: below a diagonal, and on it."""
    row = iota(w, rows, 0, 2)
    row = row if offset == 0 else w.elementwise("add", row, size_value(w, offset))
    return w.elementwise("less_equal", iota(w, columns, 1, 2), row)


def make_range(c: Context, start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Made:
    """`start`, `start + step` … below `stop`; whole numbers or sizes."""
    start, stop, step = (0, start, step) if stop is None else (start, stop, step)
    step = 1 if step is None else step
    if not all(isinstance(x, (int, Dim)) for x in (start, stop)) or not isinstance(step, int) or step == 0:
        raise UnsupportedError(f"arange({start}, {stop}, {step}) of a symbolic length; whole numbers are supported")
    line = iota(c, ceil_divide(stop - start, step) if step > 0 else ceil_divide(start - stop, -step))
    for function, number, nothing in (("mul", step, 1), ("add", start, 0)):
        line = line if number == nothing else c.elementwise(function, line, size_value(c, number))
    return converted(c, line, dtype or "int32")


def make_full(c: Context, shape: Any, value: Any, dtype: Any = None) -> Made:
    target = str(dtype or "float32")
    sizes = tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)
    if isinstance(value, (bool, int, float)):
        return c.fill(sizes, float(number_as(value, target)), graph_dtype(target)), target
    raise UnsupportedError(f"full of a symbolic shape with {value!r}; numbers are supported")


def filled_with(value: int) -> Callable[..., Made]:
    return lambda c, shape, dtype=None: make_full(c, shape, value, dtype)


def make_eye(c: Context, N: Any, M: Any = None, k: Any = 0, dtype: Any = None) -> Made:
    columns = iota(c, N if M is None else M, 1, 2)
    rows = c.elementwise("add", iota(c, N, 0, 2), size_value(c, k))
    return converted(c, c.elementwise("equal", columns, rows), dtype or "float32")


def make_triangle(c: Context, N: Any, M: Any = None, k: Any = 0, dtype: Any = None) -> Made:
    return converted(c, at_or_below(c, N, N if M is None else M, k), dtype or "float32")


def converted(c: Context, x: Value, dtype: Any) -> Made:
    return cast(c, x, str(dtype), x.dtype), str(dtype)


# By the names of the functions of keras.ops, with Keras's parameters.
MAKERS: dict[str, Callable[..., Made]] = {
    "arange": make_range,
    "empty": filled_with(0),
    "eye": make_eye,
    "full": make_full,
    "identity": lambda c, n, dtype=None: make_eye(c, n, dtype=dtype),
    "ones": filled_with(1),
    "tri": make_triangle,
    "zeros": filled_with(0),
}
