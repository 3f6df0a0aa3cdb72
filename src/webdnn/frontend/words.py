"""Arithmetic on whole numbers of 64 bits without sign, of which a graph, whose integers have 32, holds two halves.

int32 wraps around when it is added and multiplied, so each half is right whatever its sign means. What takes hundreds of functions of the same
element is one program: a graph of as many ops would be one kernel for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from webdnn.graph.errors import UnsupportedError
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.program import Call, Operand, Program

_HALF = 0xFFFF
_SIGN = -(2.0**31)
_NEUTRAL = ("add", "bitwise_or", "bitwise_xor")  # with 0


class Steps:
    """A program of int32 as it is written: `steps("add", 0, 1.0)` is the place of a call, where 0 is an input and 1.0 a literal. What is known is
    computed at once, and what stands there already is not written again."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.places: dict[Call, int] = {}

    def __call__(self, function: str, *operands: Operand) -> Operand:
        literals = [x for x in operands if isinstance(x, float)]
        if len(literals) == len(operands):
            with np.errstate(over="ignore"):
                return float(np.int32(FUNCTIONS[function].numpy(*map(np.int32, literals))))
        if function in _NEUTRAL and 0.0 in literals:
            return next(x for x in operands if not isinstance(x, float))
        if function == "mul" and 0.0 in literals:
            return 0.0
        return self.places.setdefault(Call(function, operands), self.inputs + len(self.places))

    def program(self, result: Operand) -> Program:
        """Everything up to `result`, which is a call."""
        if isinstance(result, float) or result < self.inputs:
            raise UnsupportedError("a result that nothing computes")
        return Program(self.inputs, tuple(self.places)[: result - self.inputs + 1])


@dataclass(frozen=True)
class Word:
    """64 bits: the upper and the lower half, each an int32."""

    high: Operand
    low: Operand


class Words:
    """Writes arithmetic on words."""

    def __init__(self, e: Callable[..., Operand]) -> None:
        self.e = e

    def constant(self, number: int) -> Word:
        halves = np.array([number >> 32 & 0xFFFFFFFF, number & 0xFFFFFFFF], np.uint32).view(np.int32)
        return Word(float(halves[0]), float(halves[1]))

    def signed(self, x: Operand) -> Word:
        """An int32 as 64 bits of two's complement."""
        return Word(self.e("shift_right", x, 31.0), x)

    def unsigned(self, x: Operand) -> Word:
        """The 32 bits of an int32, zeros before them."""
        return Word(0.0, x)

    def where(self, condition: Operand, a: Word, b: Word) -> Word:
        return Word(self.choice(condition, a.high, b.high), self.choice(condition, a.low, b.low))

    def choice(self, condition: Operand, a: Operand, b: Operand) -> Operand:
        """32 bits. Two literals are no int32 unless something says so: they are a product, and a sum."""
        if isinstance(a, float) and isinstance(b, float):
            return self.e("add", self.e("mul", self.e("to_int32", condition), self.e("sub", a, b)), b)
        return self.e("where", condition, a, b)

    def xor(self, a: Word, b: Word) -> Word:
        return Word(self.e("bitwise_xor", a.high, b.high), self.e("bitwise_xor", a.low, b.low))

    def add(self, a: Word, b: Word) -> Word:
        low = self.e("add", a.low, b.low)
        # The lower half has overflowed where it is less than what was added; flipping the signs compares without them.
        flipped = (self.e("bitwise_xor", x, _SIGN) for x in (low, a.low))
        carry = self.e("to_int32", self.e("less", *flipped))
        return Word(self.e("add", self.e("add", a.high, b.high), carry), low)

    def multiply(self, a: Word, b: Word) -> Word:
        low = self.e("mul", a.low, b.low)
        crossed = self.e("add", self.e("mul", a.low, b.high), self.e("mul", a.high, b.low))
        return Word(self.e("add", self._upper_product(a.low, b.low), crossed), low)

    def _upper_product(self, x: Operand, y: Operand) -> Operand:
        """The upper 32 bits of the product of two numbers of 32, from products of their halves."""
        (x1, x0), (y1, y0) = self._halves(x), self._halves(y)
        lowest, first, second = self.e("mul", x0, y0), self.e("mul", x0, y1), self.e("mul", x1, y0)
        middle = self._sum(self._halves(lowest)[0], self._halves(first)[1], self._halves(second)[1])
        tops = (self._halves(part)[0] for part in (first, second, middle))
        return self._sum(self.e("mul", x1, y1), *tops)

    def _halves(self, x: Operand) -> tuple[Operand, Operand]:
        return self._shifted_right(x, 16), self.e("bitwise_and", x, float(_HALF))

    def _sum(self, first: Operand, *others: Operand) -> Operand:
        for x in others:
            first = self.e("add", first, x)
        return first

    def _shifted_right(self, x: Operand, count: int) -> Operand:
        """32 bits moved down, zeros before them."""
        if count == 0:
            return x
        moved = self.e("shift_right", x, float(count))
        return self.e("bitwise_and", moved, float((1 << (32 - count)) - 1))

    def shift_right(self, a: Word, count: int) -> Word:
        """`count` is 1…63; zeros come in."""
        if count >= 32:
            return Word(0.0, self._shifted_right(a.high, count - 32))
        down = self.e("shift_left", a.high, float(32 - count))
        return Word(self._shifted_right(a.high, count), self.e("bitwise_or", self._shifted_right(a.low, count), down))

    def shift_left(self, a: Word, count: int) -> Word:
        """`count` is 1…63; zeros come in."""
        if count >= 32:
            moved = self.e("shift_left", a.low, float(count - 32)) if count > 32 else a.low
            return Word(moved, 0.0)
        up = self._shifted_right(a.low, 32 - count)
        return Word(
            self.e("bitwise_or", self.e("shift_left", a.high, float(count)), up),
            self.e("shift_left", a.low, float(count)),
        )

    def rotate_right(self, a: Word, count: int) -> Word:
        left, right = self.shift_left(a, 64 - count), self.shift_right(a, count)
        return Word(*(self.e("bitwise_or", x, y) for x, y in ((left.high, right.high), (left.low, right.low))))

    def remainder(self, a: Word, divisor: int) -> Operand:
        """a mod `divisor` as an int32, by long division, in digits of as many bits as leave room in 32."""
        room = 31 - (divisor - 1).bit_length()
        if divisor < 1 or room < 1:
            raise UnsupportedError(f"remainders by {divisor}; by 1…{2**30} are supported")
        bits = max(size for size in (1, 2, 4, 8, 16) if size <= room)
        rest: Operand | None = None
        for half in (a.high, a.low):
            for place in range(32 - bits, -1, -bits):
                digit = self.e("bitwise_and", self._shifted_right(half, place), float((1 << bits) - 1))
                number = digit if rest is None else self.e("add", self.e("mul", rest, float(1 << bits)), digit)
                rest = self.e("mod", number, float(divisor))
        if rest is None:
            raise UnsupportedError("a word without bits")
        return rest
