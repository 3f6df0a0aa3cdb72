"""Resizing images.

Output i of an axis looks at position (i · step + start) / divisor of the input, all whole numbers: fractions are exact, and a kernel needs to know
nothing of the conventions, which are ONNX's (operator Resize; `tf_half_pixel_for_nn` from its version 11).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from webdnn.graph.dim import Size, maximum, minimum, number
from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Op
from webdnn.graph.types import FLOATS, TensorType, check_dtype

Array = np.ndarray
Ratio: TypeAlias = "tuple[Size, Size]"

TAPS = {"nearest": 1, "bilinear": 2, "bicubic": 4}
"""How many neighbours along an axis each mode reads."""

COORDINATES = (
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn",
)  # fmt: skip
ROUNDINGS = ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")


@dataclass(frozen=True)
class Positions:
    """Output i of an axis looks at position (i · step + start) / divisor, never less than −½; `nearest` reads the floor of it."""

    step: Size
    start: Size
    divisor: Size


@dataclass(frozen=True, eq=False)
class Resize2D(Op):
    """x (N, H, W, C) → (N, height, width, C), `mode` nearest, bilinear or bicubic; no antialiasing.

    `coordinates` says where output pixels lie in the input (default: asymmetric for nearest, else half_pixel), `rounding` which pixel is
    nearest. Outside of the image lie copies of its edge; with `exclude_outside` a bicubic mean leaves them out. `cubic` is the kernel's
    coefficient. `ratios` are the vertical and the horizontal scale, as fractions, where they are not those of the sizes (ONNX's scale 0.7 of
    5 pixels gives 3).
    """

    height: Size
    width: Size
    mode: str
    coordinates: str | None = None
    rounding: str = "floor"
    cubic: float = -0.75
    exclude_outside: bool = False
    ratios: tuple[Ratio, Ratio] | None = None

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = inputs
        if x.rank != 4:
            raise GraphError(f"data must have rank 4, got {x}")
        check_dtype(x.dtype, FLOATS, "data")
        for value, known in (
            (self.mode, tuple(TAPS)),
            (self.coordinates or COORDINATES[0], COORDINATES),
            (self.rounding, ROUNDINGS),
        ):
            if value not in known:
                raise GraphError(f"{value!r} is not one of {', '.join(known)}")
        return (TensorType((x.shape[0], self.height, self.width, x.shape[3]), x.dtype),)

    def positions(self, axis: int, before: Size) -> Positions:
        """Where the outputs along `axis` (0: vertical, 1: horizontal) look, when the input's size is `before`."""
        after = (self.height, self.width)[axis]
        scale, unit = self.ratios[axis] if self.ratios else (after, before)
        coordinates = self.coordinates or ("asymmetric" if self.mode == "nearest" else "half_pixel")
        if coordinates == "asymmetric":
            result = Positions(unit, 0, scale)
        elif coordinates == "align_corners" and self.ratios:
            result = Positions((before - 1) * unit, 0, maximum(scale * before - unit, 1))
        elif coordinates == "align_corners":
            result = Positions(before - 1, 0, maximum(after - 1, 1))
        elif coordinates == "tf_half_pixel_for_nn":
            result = Positions(2 * unit, unit, 2 * scale)
        elif coordinates == "half_pixel_symmetric":
            result = Positions(2 * unit, unit - scale + before * scale - after * unit, 2 * scale)
        elif coordinates == "pytorch_half_pixel":  # 0 for a single output
            result = Positions(2 * unit, (unit - scale) * minimum(after - 1, 1), 2 * scale)
        else:
            result = Positions(2 * unit, unit - scale, 2 * scale)
        return self._rounded(result) if self.mode == "nearest" else result

    def reads_itself(self, axis: int, before: Size) -> bool:
        """Whether output i surely looks at the centre of pixel i."""
        p = self.positions(axis, before)
        return p.step == p.divisor and p.start == 0

    def _rounded(self, p: Positions) -> Positions:
        """Positions whose floor is what `rounding` makes of `p`."""
        if self.rounding == "floor":
            return p
        if self.rounding == "ceil":
            return Positions(p.step, p.start + p.divisor - 1, p.divisor)
        half = p.divisor - 1 if self.rounding == "round_prefer_floor" else p.divisor
        return Positions(2 * p.step, 2 * p.start + half, 2 * p.divisor)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (x,) = inputs
        for axis, size in ((0, number(self.height)), (1, number(self.width))):
            x = self._along(x, axis, size)
        return (x,)

    def _along(self, x: Array, axis: int, size: int) -> Array:
        before = x.shape[1 + axis]
        indices, weights = self._taps(axis, before, size)
        shape = [1] * x.ndim
        shape[1 + axis] = size
        terms = [
            np.take(x, np.clip(index, 0, before - 1), 1 + axis) * weight.astype(x.dtype).reshape(shape)
            for index, weight in zip(indices, weights, strict=True)
        ]
        return np.asarray(sum(terms[1:], terms[0]))

    def _taps(self, axis: int, before: int, size: int) -> tuple[list[Array], list[Array]]:
        """For every neighbour that is read: its index for each output (outside of the image, too), and its weight."""
        p = self.positions(axis, before)
        divisor = number(p.divisor)
        position = np.arange(size) * number(p.step) + number(p.start)
        low, fraction = position // divisor, position % divisor / divisor
        if self.mode == "nearest":
            return [low], [np.ones(size)]
        if self.mode == "bilinear":
            return [low, low + 1], [1 - fraction, fraction]
        offsets = range(-1, 3)
        indices = [low + offset for offset in offsets]
        weights = [cubic_kernel(np.abs(fraction - offset), self.cubic) for offset in offsets]
        if self.exclude_outside:
            weights = [np.where((i >= 0) & (i < before), w, 0) for i, w in zip(indices, weights, strict=True)]
            total = sum(weights[1:], weights[0])
            weights = [weight / total for weight in weights]
        return indices, weights


def cubic_kernel(distance: Array, a: float) -> Array:
    """The weight of a pixel at `distance` (0…2) after Keys, "Cubic convolution interpolation", 1981."""
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.asarray(np.where(distance <= 1, near, far))


OPS: tuple[type[Op], ...] = (Resize2D,)
