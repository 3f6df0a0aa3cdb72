"""Sizes in traced code that are not numbers.

`ops.shape(x)[0]` of a symbolic batch is a `Length`: the code computes with it as with a number, hands it to `ops.reshape` or `ops.arange`, multiplies
tensors by it. It holds the expression that the graph has for that size, so nothing is lost. Where code needs the number itself (Python's `range`,
a comparison that holds for some sizes and fails for others), an error says so: a number that is right for one size only never gets into a graph.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from webdnn.graph.bounds import least_value, most_value
from webdnn.graph.dim import Dim, Size
from webdnn.graph.errors import UnsupportedError

AnyLength: TypeAlias = "int | Length"
Method: TypeAlias = "Callable[[Length, Any], Any]"


def _arithmetic(function: Callable[[Any, Any], Any], name: str) -> tuple[Method, Method]:
    """The methods for `length + other` and `other + length`, of a `function` of whole numbers and the `name` of that of tensors."""

    def left(self: Length, other: Any) -> Any:
        return length(function(self.size, sizes_of(other))) if is_whole(other) else _tensor_of(name, self, other)

    def right(self: Length, other: Any) -> Any:
        return length(function(sizes_of(other), self.size)) if is_whole(other) else _tensor_of(name, other, self)

    return left, right


class Length:
    """A symbolic size. Arithmetic with whole numbers gives a size again, or a number where the symbols cancel; with anything else a tensor."""

    __array_ufunc__ = None  # NumPy leaves `array * length` to the methods below.

    def __init__(self, size: Dim) -> None:
        self.size = size

    def __repr__(self) -> str:
        return str(self.size)

    def __hash__(self) -> int:
        return hash(self.size)

    def __neg__(self) -> AnyLength:
        return length(-self.size)

    def __pos__(self) -> AnyLength:
        return self

    def __abs__(self) -> AnyLength:
        return self if self >= 0 else -self

    __add__, __radd__ = _arithmetic(operator.add, "add")
    __sub__, __rsub__ = _arithmetic(operator.sub, "subtract")
    __mul__, __rmul__ = _arithmetic(operator.mul, "multiply")
    __floordiv__, __rfloordiv__ = _arithmetic(operator.floordiv, "floor_divide")
    __mod__, __rmod__ = _arithmetic(operator.mod, "mod")

    def __pow__(self, exponent: Any) -> Any:
        if isinstance(exponent, int) and 0 <= exponent < 8:
            result: AnyLength = 1
            for _ in range(exponent):
                result = self * result
            return result
        return _tensor_of("power", self, exponent)

    def __rpow__(self, base: Any) -> Any:
        return _tensor_of("power", base, self)

    def __truediv__(self, other: Any) -> Any:
        return _tensor_of("true_divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _tensor_of("true_divide", other, self)

    def __eq__(self, other: object) -> bool:
        return is_whole(other) and _sign(self, other, "==") == 0

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> bool:
        return _sign(self, other, "<") < 0

    def __le__(self, other: Any) -> bool:
        return _sign(self, other, "<=") <= 0

    def __gt__(self, other: Any) -> bool:
        return _sign(self, other, ">") > 0

    def __ge__(self, other: Any) -> bool:
        return _sign(self, other, ">=") >= 0

    def __bool__(self) -> bool:
        return self != 0

    def __index__(self) -> NoReturn:
        raise UnsupportedError(f"it wants the size {self} as a number, and it is symbolic; {_ADVICE}")

    __int__ = __float__ = __index__


def length(size: Size) -> AnyLength:
    return size if isinstance(size, int) else Length(size)


def sizes_of(structure: Any) -> Any:
    """A structure of lists, tuples and slices with the graph's sizes in place of `Length`s; itself where it has none."""
    if isinstance(structure, Length):
        return structure.size
    if not has_lengths(structure):
        return structure
    if isinstance(structure, slice):
        return slice(*(sizes_of(end) for end in (structure.start, structure.stop, structure.step)))
    return type(structure)(map(sizes_of, structure))


def has_lengths(structure: Any) -> bool:
    if isinstance(structure, (list, tuple)):
        return any(map(has_lengths, structure))
    if isinstance(structure, slice):
        return any(map(has_lengths, (structure.start, structure.stop, structure.step)))
    return isinstance(structure, Length)


def is_whole(x: object) -> bool:
    return isinstance(x, (int, Length))


def compared(left: Size, right: Size) -> int | None:
    """−1, 0 or 1 as `left` is less than `right`, equal or greater, whatever the placeholders are; None where that depends on them."""
    difference = left - right
    if isinstance(difference, int):
        return (difference > 0) - (difference < 0)
    if least_value(difference, {}) > 0:
        return 1
    return -1 if most_value(difference, {}) < 0 else None


def _sign(left: Length, right: Any, relation: str) -> int:
    """−1, 0 or 1 as `compared` says. Raises UnsupportedError where sizes decide, unless both possible answers mean the same for `relation`."""
    other = sizes_of(right)
    sign = compared(left.size, other)
    if sign is not None:
        return sign
    difference = left.size - other
    if relation in ("<", ">=") and least_value(difference, {}) >= 0:
        return 1  # not less
    if relation in (">", "<=") and most_value(difference, {}) <= 0:
        return -1  # not greater
    raise UnsupportedError(f"what it does depends on whether {left} {relation} {other}; {_ADVICE}")


def _tensor_of(function: str, left: Any, right: Any) -> Any:
    """What the function of keras.ops gives, which takes lengths while code is traced."""
    import keras

    return getattr(keras.ops, function)(left, right)


_ADVICE = "use keras.ops in place of Python's loops, branches and functions of numbers, or give the size as a number in --input_shape"
