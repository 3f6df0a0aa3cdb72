"""Tensor types: a shape of sizes and a dtype."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.graph.constraints import never_equal
from webdnn.graph.dim import Size, product
from webdnn.graph.errors import GraphError

FLOATS = ("float32", "float64")
INTEGERS = ("int32", "uint8", "int8")
NUMBERS = (*FLOATS, *INTEGERS)
DTYPES = ("float32", *INTEGERS, "bool")
"""What an element may be. Integers wrap around; a whole number of a source model that fits none of these is refused by its frontend.

A graph of float64 is a reference to compare with: no target stores it.
"""

STORAGE = {"float32": "float", "int32": "int", "uint8": "int", "int8": "int", "bool": "int"}
"""How the elements of each dtype lie in memory: in cells of one float or of one 32-bit integer, whose other bits a small dtype leaves unused."""
BYTES_PER_ELEMENT = {"float": 4, "int": 4}
"""By storage class."""


def storage_of(dtype: str) -> str:
    """The storage class of a dtype."""
    return STORAGE[dtype]


def dtype_of(array: np.ndarray) -> str:
    """The dtype of an array of the interpreter, where float64 stands for a float32 that is computed more precisely."""
    return "float32" if array.dtype == np.float64 else str(array.dtype)


def check_dtype(have: str, wanted: Sequence[str], what: str) -> None:
    """Raises GraphError unless the dtype `have` of `what` is one of `wanted`."""
    if have not in wanted:
        raise GraphError(f"{what} must be {' or '.join(d for d in wanted if d in DTYPES)}, got {have}; cast it first")


@dataclass(frozen=True)
class TensorType:
    """Shape (outermost axis first) and dtype of a value."""

    shape: tuple[Size, ...]
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.dtype not in (*DTYPES, *FLOATS):
            raise GraphError(f"dtype {self.dtype!r} is not one of {', '.join(DTYPES)}")
        for axis, size in enumerate(self.shape):
            if isinstance(size, int) and size < 1:
                raise GraphError(f"size {size} on axis {axis} of {self}; every size must be at least 1")

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def elements(self) -> Size:
        return product(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


def sizes_may_match(left: Size, right: Size) -> bool:
    """False when two sizes differ whatever the placeholders are; symbolic sizes get the benefit of the doubt and a constraint."""
    return not never_equal(left, right)


def merge_sizes(left: Size, right: Size) -> Size:
    """The better known of two sizes that must be equal."""
    return right if isinstance(right, int) and not isinstance(left, int) else left


def broadcast_shapes(shapes: list[tuple[Size, ...]]) -> tuple[Size, ...]:
    """NumPy's broadcasting. A placeholder is taken to be no 1: it matches itself and, under a constraint, other sizes."""
    rank = max((len(shape) for shape in shapes), default=0)
    result: list[Size] = [1] * rank
    for shape in shapes:
        for axis, size in enumerate(shape, start=rank - len(shape)):
            if size == 1:
                continue
            if result[axis] == 1:
                result[axis] = size
            elif sizes_may_match(result[axis], size):
                result[axis] = merge_sizes(result[axis], size)
            else:
                raise GraphError(
                    f"shapes {', '.join(map(str, shapes))} do not broadcast: {result[axis]} and {size} on axis {axis}"
                )
    return tuple(result)


def broadcast_requirements(shapes: list[tuple[Size, ...]]) -> tuple[tuple[Size, Size], ...]:
    """Pairs of sizes that must be equal for `broadcast_shapes` to be right."""
    result = broadcast_shapes(shapes)
    pairs = []
    for shape in shapes:
        for target, size in zip(result[len(result) - len(shape) :], shape, strict=True):
            if size != 1 and size != target:
                pairs.append((target, size))
    return tuple(pairs)
