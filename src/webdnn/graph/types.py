"""Tensor types: a shape of sizes and a dtype."""

from __future__ import annotations

from dataclasses import dataclass

from webdnn.graph.constraints import never_equal
from webdnn.graph.dim import Size, product
from webdnn.graph.errors import GraphError

DTYPES = ("float32", "float16", "int32", "uint8", "int8", "bool")


@dataclass(frozen=True)
class TensorType:
    """Shape (outermost axis first) and dtype of a value."""

    shape: tuple[Size, ...]
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
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
