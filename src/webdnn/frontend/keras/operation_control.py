"""The operations of keras.ops that take functions: cond, switch, map, vectorized_map, scan, associative_scan, fori_loop, while_loop.

While code is traced, they call their functions on symbolic tensors and write what these compute, in place of the framework. In a Functional model
they stand as operations of their own, which are traced when the model is walked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from webdnn.frontend.control import constant_value, one_of, selected, while_true
from webdnn.frontend.keras.calls import Tensor, constant, is_array
from webdnn.frontend.keras.lengths import is_whole, sizes_of
from webdnn.frontend.keras.size_values import iota
from webdnn.frontend.keras.symbols import Symbols
from webdnn.frontend.keras.traced_lengths import Patch, current_symbols
from webdnn.frontend.loops import Loop
from webdnn.graph.dim import Size
from webdnn.graph.errors import UnsupportedError
from webdnn.graph.graph import Value


@dataclass(frozen=True)
class _Leaves:
    """The tensors in a structure of the user's, in the graph, with their dtypes in Keras."""

    symbols: Symbols
    structure: Any
    values: tuple[Value, ...]
    dtypes: tuple[str, ...]

    @staticmethod
    def of(structure: Any) -> _Leaves:
        import keras

        symbols = current_symbols()
        tensors = [_symbolic(symbols, x) for x in keras.tree.flatten(structure)]
        values, dtypes = tuple(map(symbols.value, tensors)), tuple(str(x.dtype) for x in tensors)
        return _Leaves(symbols, structure, values, dtypes)

    def tensors(self, values: Sequence[Value]) -> Any:
        """The same structure of the tensors that stand for `values`."""
        import keras

        found = [self.symbols.stand_for(Tensor(x), dtype) for x, dtype in zip(values, self.dtypes, strict=True)]
        return keras.tree.pack_sequence_as(self.structure, found)

    def like(self, other: _Leaves, what: str) -> list[Value]:
        """The values; raises UnsupportedError where types, dtypes or structure are others than those of `other`."""
        import keras

        try:
            keras.tree.assert_same_structure(self.structure, other.structure)
        except (TypeError, ValueError) as error:
            raise UnsupportedError(f"{what} have different structures") from error
        mine, theirs = ([(x.type, d) for x, d in zip(y.values, y.dtypes, strict=True)] for y in (self, other))
        for (a, name), (b, other_name) in zip(mine, theirs, strict=True):
            if (a, name) != (b, other_name):
                raise UnsupportedError(f"{what} are {a} in {name} and {b} in {other_name}; they must be the same")
        return list(self.values)


def _symbolic(symbols: Symbols, x: Any) -> Any:
    """A symbolic tensor for any tensor, number or length."""
    import keras

    if isinstance(x, keras.KerasTensor):
        return x
    if is_whole(x) and not isinstance(x, (bool, int)):
        return symbols.symbol_of(x)
    if isinstance(x, (bool, int, float)):
        dtype = "bool" if isinstance(x, bool) else "int32" if isinstance(x, int) else keras.config.floatx()
        x = np.array(x, dtype)
    if not is_array(x):
        raise UnsupportedError(f"a function gives {type(x).__name__}, which is no tensor")
    return symbols.stand_for(Tensor(constant(x, symbols.context)), keras.backend.standardize_dtype(x.dtype))


def _flag(x: Any) -> Value:
    """A condition, a bool of one element."""
    (value,) = _Leaves.of(x).values
    if value.type.elements != 1:
        raise UnsupportedError(f"a condition of {value.type}; one element is wanted")
    return current_symbols().context.cast(value, "bool")


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    called: list[_Leaves] = []

    def branch(function: Callable[[], Any]) -> Callable[[], Sequence[Value]]:
        def results() -> Sequence[Value]:
            called.append(_Leaves.of(function()))
            return called[-1].like(called[0], "what the branches give")

        return results

    if pred is True or pred is False:  # A function may have no symbolic form for what is not called.
        return true_fn() if pred else false_fn()
    values = one_of(current_symbols().context, _flag(pred), branch(true_fn), branch(false_fn))
    return called[0].tensors(values)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    c, last = current_symbols().context, len(branches) - 1
    (place,) = _Leaves.of(index).values
    known = constant_value(place)
    if known is not None:
        return branches[min(max(int(known.item()), 0), last)](*operands)
    first, *others = (_Leaves.of(branch(*operands)) for branch in branches)
    results = [list(first.values), *(x.like(first, "what the branches give") for x in others)]
    values = results[last]
    for number in reversed(range(last)):
        values = selected(c, c.elementwise("less_equal", place, float(number)), results[number], values)
    return first.tensors(values)


def map_(f: Callable[[Any], Any], xs: Any) -> Any:
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


def scan(
    f: Callable[[Any, Any], Any], init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1
) -> Any:
    """`unroll` changes no result."""
    before = _Leaves.of(init)
    c = before.symbols.context
    sequences = None if xs is None else _Leaves.of(xs)
    count = _count(sequences, length)
    loop = Loop(c, count, bool(reverse))
    states = [loop.state(x) for x in before.values]
    elements = None
    if sequences is not None:
        elements = sequences.tensors([_element(loop, x, count) for x in sequences.values])
    carry, given = f(before.tensors(states), elements)
    after = _Leaves.of(carry).like(before, "the states of a loop before and after an iteration")
    results = None if given is None else _Leaves.of(given)
    for state, value in zip(states, after, strict=True):
        loop.set_next(state, value)
    values = () if results is None else results.values
    if not states and not values:
        return init, given
    finals, stacks = loop.finish([x if x.shape else c.reshape(x, (1,)) for x in values])
    stacked = [c.reshape(stack, (count, *x.shape)) for stack, x in zip(stacks, values, strict=True)]
    return before.tensors(finals), None if results is None else results.tensors(stacked)


def _count(sequences: _Leaves | None, length: Any) -> Size:
    """How often a loop runs over `sequences`, which must be equally long."""
    found = [] if length is None else [_whole(length)]
    for x in () if sequences is None else sequences.values:
        if not x.shape:
            raise UnsupportedError("a loop over a scalar")
        found.append(x.shape[0])
    if not found:
        raise UnsupportedError("a loop over nothing needs its length")
    if any(size != found[0] for size in found):
        raise UnsupportedError(f"a loop over sequences of different lengths: {', '.join(map(str, found))}")
    return found[0]


def _element(loop: Loop, x: Value, count: Size) -> Value:
    """The element of an iteration; one that is a scalar lies in a row of its own."""
    if len(x.shape) > 1:
        return loop.element(x)
    c = loop.writer
    return c.reshape(loop.element(c.reshape(x, (count, 1))), ())


def _whole(x: Any) -> Size:
    if is_whole(x):
        return sizes_of(x)
    value = constant_value(_Leaves.of(x).values[0])
    if value is None:
        raise UnsupportedError("a loop whose bounds are computed; they must be numbers or sizes")
    return int(value.item())


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    start = _whole(lower)
    count = _whole(upper) - start
    if isinstance(count, int) and count <= 0:
        return init_val
    c = current_symbols().context
    numbers = iota(c, count)
    if start != 0:
        numbers = c.elementwise("add", numbers, c.literal(np.array(_number(start), np.int32)))
    symbol = current_symbols().stand_for(Tensor(numbers), "int32")
    return scan(lambda state, number: (body_fun(number, state), None), init_val, symbol)[0]


def _number(size: Size) -> int:
    if not isinstance(size, int):
        raise UnsupportedError("a loop that begins at a symbolic size")
    return size


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: Any = None
) -> Any:
    several = isinstance(loop_vars, (tuple, list))
    before = _Leaves.of(tuple(loop_vars) if several else (loop_vars,))

    def after(states: Sequence[Value]) -> list[Value]:
        found = body(*before.tensors(states))
        found = tuple(found) if several and isinstance(found, (tuple, list)) else (found,)
        return _Leaves.of(found).like(before, "the states of a loop before and after an iteration")

    def going(states: Sequence[Value]) -> Value:
        return _flag(cond(*before.tensors(states)))

    most = None if maximum_iterations is None else _number(_whole(maximum_iterations))
    values = while_true(before.symbols.context, going, after, before.values, most)
    found = before.tensors(values)
    return found if several else found[0]


def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """One after another: y(t) = f(y(t − 1), x(t)), where `f` sees elements with an axis of size 1 in place of `axis`."""
    given = _Leaves.of(elems)
    c = given.symbols.context
    axes = [axis % x.type.rank for x in given.values]
    rows = [_in_front(c, x, a) for x, a in zip(given.values, axes, strict=True)]
    count = _count(given_rows := _Leaves(given.symbols, given.structure, tuple(rows), given.dtypes), None)
    if count == 1:
        return elems
    ends, rest = (count - 1, 0) if reverse else (0, 1)
    firsts = [c.cut(x, 0, ends, 1) for x in given_rows.values]
    others = given_rows.tensors([c.cut(x, 0, rest, count - 1) for x in given_rows.values])
    begin = given_rows.tensors([c.reshape(x, x.shape[1:]) for x in firsts])

    def step(state: Any, element: Any) -> tuple[Any, Any]:
        found = f(state, element)
        return found, found

    stacks = _Leaves.of(scan(step, begin, others, reverse=reverse)[1]).values
    joined = [c.concat([b, a] if reverse else [a, b], 0) for a, b in zip(firsts, stacks, strict=True)]
    return given.tensors([_put_back(c, x, like, a) for x, like, a in zip(joined, given.values, axes, strict=True)])


def _in_front(c: Any, x: Value, axis: int) -> Value:
    """(…, T, …) as (T, …, 1, …): time first, and an axis of size 1 where it was."""
    order = [axis, *(i for i in range(x.type.rank) if i != axis)]
    moved = c.transpose(x, order)
    return c.reshape(moved, (x.shape[axis], *x.shape[:axis], 1, *x.shape[axis + 1 :]))


def _put_back(c: Any, x: Value, like: Value, axis: int) -> Value:
    """The inverse of `_in_front`."""
    shape = like.shape
    moved = c.reshape(x, (shape[axis], *shape[:axis], *shape[axis + 1 :]))
    order = [i + 1 if i < axis else 0 if i == axis else i for i in range(len(shape))]
    return c.transpose(moved, order)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "associative_scan": associative_scan,
    "cond": cond,
    "fori_loop": fori_loop,
    "map": map_,
    "scan": scan,
    "switch": switch,
    "vectorized_map": map_,
    "while_loop": while_loop,
}
CONTROL = ("AssociativeScan", "Cond", "ForiLoop", "Map", "Scan", "Switch", "VectorizedMap", "WhileLoop")


def patches() -> list[Patch]:
    """What traced code finds in place of the framework's functions. The operations do not become part of a Functional model, but are called."""
    from keras.src import backend
    from keras.src.ops import core

    def symbolic_call(self: Any, *arguments: Any, **keywords: Any) -> Any:
        return self.call(*arguments, **keywords)

    return [
        *((backend.core, name, function) for name, function in FUNCTIONS.items()),
        *((getattr(core, name), "symbolic_call", symbolic_call) for name in CONTROL),
    ]
