"""Hashes that TensorFlow makes of whole numbers, computed in the graph: of their decimal digits, as text, or of the numbers themselves.

FarmHash is by Geoff Pike, https://github.com/google/farmhash, here its fingerprint of up to sixteen bytes; SipHash-2-4 is by J.-P. Aumasson and
D. J. Bernstein, https://www.aumasson.jp/siphash/siphash.pdf.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from webdnn.frontend.words import Steps, Word, Words
from webdnn.graph.program import Operand, Program

_K0, _K2 = 0xC3A5C85C97CB3127, 0x9AE16A3B2F90404F
_JOIN = 0xC6A4A7935BD1E995
_SIP = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_MOST_DIGITS = 10
_MINUS, _ZERO = 45.0, 48.0


class Decimal:
    """The text of int32 numbers: a minus where they are negative, and one to ten digits. `length` is that of the text, which is at most eleven."""

    def __init__(self, e: Steps, x: Operand) -> None:
        self.e = e
        negative = e("less", x, 0.0)
        last = e("mod", x, 10.0)
        # Of −2³¹ there is no positive number in int32, but of the rest, without the last digit, there is.
        rest = e("floor_div", x, 10.0)
        borrowed = e("logical_and", negative, e("greater", last, 0.0))
        last = e("where", borrowed, e("sub", 10.0, last), last)
        rest = e("abs", e("add", rest, e("to_int32", borrowed)))
        digits = [last]
        for _ in range(_MOST_DIGITS - 1):
            digits.append(e("mod", rest, 10.0))
            rest = e("floor_div", rest, 10.0)
        counts = [e("to_int32", e("not_equal", self._any(digits[place:]), 0.0)) for place in range(1, _MOST_DIGITS)]
        self.digits = e("add", reduce(lambda a, b: e("add", a, b), counts), 1.0)
        self.length = e("add", self.digits, e("to_int32", negative))
        self.from_end = self._with_sign(digits, negative)

    def _any(self, digits: Sequence[Operand]) -> Operand:
        return reduce(lambda a, b: self.e("bitwise_or", a, b), digits)

    def _with_sign(self, digits: Sequence[Operand], negative: Operand) -> list[Operand]:
        """The bytes from the last to the first, then zeros."""
        e, found = self.e, []
        sign = e("mul", e("to_int32", negative), _MINUS)
        for place in range(_MOST_DIGITS + 1):
            digit = e("add", digits[place], _ZERO) if place < _MOST_DIGITS else sign
            beyond = e("where", e("equal", self.digits, float(place)), sign, 0.0)
            found.append(e("where", e("less", float(place), self.digits), digit, beyond))
        return found

    def byte(self, place: int) -> Operand:
        """Byte `place` from the first, 0 after the last."""
        e, found = self.e, 0.0
        for back, byte in enumerate(self.from_end):
            found = e("where", e("equal", self.length, float(place + back + 1)), byte, found)
        return found

    def first(self, place: int = 0) -> Word:
        """Eight bytes from byte `place`, the first one lowest."""
        return self._word([self.byte(place + i) for i in range(8)])

    def last(self) -> Word:
        """The last eight bytes of a text that has them, the first one lowest."""
        return self._word(self.from_end[7::-1])

    def _word(self, chars: Sequence[Operand]) -> Word:
        return Word(self.half(chars[4:]), self.half(chars[:4]))

    def half(self, chars: Sequence[Operand]) -> Operand:
        """Four bytes as 32 bits, the first one lowest."""
        moved = [self.e("shift_left", char, float(8 * i)) if i else char for i, char in enumerate(chars)]
        return self._any(moved)


def farm_fingerprint(e: Steps, x: Operand) -> Word:
    """FarmHash's fingerprint of the text of an int32."""
    text, words = Decimal(e, x), Words(e)
    length = words.unsigned(text.length)
    factor = words.add(words.constant(_K2), words.unsigned(e("mul", text.length, 2.0)))
    four, eight = _of_four(words, text, length, factor), _of_eight(words, text, factor)
    found = words.where(e("less", text.length, 8.0), four, eight)
    return words.where(e("less", text.length, 4.0), _of_one(words, text, length), found)


def _of_eight(words: Words, text: Decimal, factor: Word) -> Word:
    """Of 8 to 16 bytes."""
    a, b = words.add(text.first(), words.constant(_K2)), text.last()
    c = words.add(words.multiply(words.rotate_right(b, 37), factor), a)
    d = words.multiply(words.add(words.rotate_right(a, 25), b), factor)
    return _joined(words, c, d, factor)


def _of_four(words: Words, text: Decimal, length: Word, factor: Word) -> Word:
    """Of 4 to 7 bytes."""
    first = words.unsigned(text.half([text.byte(i) for i in range(4)]))
    last = words.unsigned(text.half(text.from_end[3::-1]))
    return _joined(words, words.add(length, words.shift_left(first, 3)), last, factor)


def _of_one(words: Words, text: Decimal, length: Word) -> Word:
    """Of 1 to 3 bytes."""
    e = words.e
    first, last = text.byte(0), text.from_end[0]
    middle = e("where", e("equal", text.length, 1.0), first, text.byte(1))  # of 2 and of 3 bytes it is the second
    y = words.unsigned(e("add", first, e("shift_left", middle, 8.0)))
    z = words.unsigned(e("add", length.low, e("shift_left", last, 2.0)))
    mixed = words.xor(words.multiply(y, words.constant(_K2)), words.multiply(z, words.constant(_K0)))
    return words.multiply(_folded(words, mixed), words.constant(_K2))


def _folded(words: Words, a: Word) -> Word:
    return words.xor(a, words.shift_right(a, 47))


def _joined(words: Words, u: Word, v: Word, factor: Word) -> Word:
    a = _folded(words, words.multiply(words.xor(u, v), factor))
    b = _folded(words, words.multiply(words.xor(v, a), factor))
    return words.multiply(b, factor)


def sip_hash(e: Steps, x: Operand, key: tuple[int, int]) -> Word:
    """SipHash-2-4 of the text of an int32."""
    text, words = Decimal(e, x), Words(e)
    state = [words.constant(key[i % 2] ^ constant) for i, constant in enumerate(_SIP)]
    # A text of less than eight bytes is one block, else there is another before it. The last byte of the last block is the length.
    is_long = e("greater_equal", text.length, 8.0)
    rest = words.where(is_long, text.first(8), text.first())
    closing = Word(e("bitwise_or", rest.high, e("shift_left", text.length, 24.0)), rest.low)
    longer = _sip_block(words, state, text.first())
    state = [words.where(is_long, a, b) for a, b in zip(longer, state, strict=True)]
    state = _sip_block(words, state, closing)
    state[2] = words.xor(state[2], words.constant(0xFF))
    for _ in range(4):
        state = _sip_round(words, state)
    return reduce(words.xor, state)


def _sip_block(words: Words, state: Sequence[Word], block: Word) -> list[Word]:
    v = [*state[:3], words.xor(state[3], block)]
    v = _sip_round(words, _sip_round(words, v))
    return [words.xor(v[0], block), *v[1:]]


def _sip_round(words: Words, state: Sequence[Word]) -> list[Word]:
    v0, v1, v2, v3 = state
    v0, v2 = words.add(v0, v1), words.add(v2, v3)
    v1, v3 = words.xor(words.rotate_right(v1, 51), v0), words.xor(words.rotate_right(v3, 48), v2)
    v0 = words.rotate_right(v0, 32)
    v2, v0 = words.add(v2, v1), words.add(v0, v3)
    v1, v3 = words.xor(words.rotate_right(v1, 47), v2), words.xor(words.rotate_right(v3, 43), v0)
    return [v0, v1, words.rotate_right(v2, 32), v3]


def joined_fingerprint(e: Steps, numbers: Sequence[Operand], key: int) -> Word:
    """TensorFlow's hash of several int32, each of which is its own fingerprint."""
    words = Words(e)
    found, factor = words.constant(key), words.constant(_JOIN)
    for x in numbers:
        mixed = words.multiply(_folded(words, words.multiply(words.signed(x), factor)), factor)
        result = words.multiply(words.xor(words.xor(found, factor), mixed), factor)
        found = _folded(words, words.multiply(_folded(words, result), factor))
    return found


def bin_of_text(bins: int, key: tuple[int, int] | None) -> Program:
    """The hash of an int32's digits mod `bins`: FarmHash's fingerprint or, with a key, SipHash."""
    e = Steps(1)
    return e.program(Words(e).remainder(farm_fingerprint(e, 0) if key is None else sip_hash(e, 0, key), bins))


def bin_of_numbers(count: int, bins: int, key: int) -> Program:
    """The hash of `count` int32 together mod `bins`."""
    e = Steps(count)
    return e.program(Words(e).remainder(joined_fingerprint(e, range(count), key), bins))
