"""Functions of one number that no backend has, made of those that all have.

The coefficients of polynomials are ours: fits whose relative error is the same everywhere and below 2e-8, where float32's rounding is 6e-8. The
functions are right to some units in the last place, for small results too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from webdnn.frontend.writer import Writer
from webdnn.graph.graph import Value

# (1 + 2x) · exp(x²) · erfc(x) as a polynomial of (x − 2.5) / (x + 2.5), for x ≥ 0.5.
ERFC = (
    *(1.26483818, -0.122356787, -0.099024278, 0.157630861, -0.102972025, 0.032749922, 0.000964827115, -0.00432796362),
    *(0.000402232073, 0.000509581144),
)
# erfinv(x) / x as a polynomial of w − 2.5, where w = −log(1 − x²) is below 5; beyond, of √w − 3.
ERFINV_NEAR = (
    *(1.50140936, 0.246640286, -0.00417738678, -0.00125274188, 0.000218344439, -4.96334785e-06, -3.46270476e-06),
    *(4.66170663e-07, 2.32326441e-08, -8.79105638e-09),
)
ERFINV_FAR = (
    *(2.83297681, 1.00167491, 0.00944500779, -0.00763639093, 0.00568940557, -0.00360164078, 0.00147865205),
    *(-4.86759011e-05, -0.000304363863, 0.000110099761),
)
# I₀(x) is the sum of (x² / 4)ᵏ / (k!)², all of whose terms are positive; up to 7.75, so many of them are enough.
BESSEL_NEAR = tuple(1 / math.factorial(k) ** 2 for k in range(19))
# √x · exp(−x) · I₀(x) as a polynomial of 1 / x, beyond.
BESSEL_FAR = (0.398942281, 0.0498673537, 0.028101296, 0.0270111664, 0.0891398715, -0.336496807, 1.91626353)
BESSEL_LIMIT = 7.75


def polynomial(w: Writer, coefficients: Sequence[float], x: Value) -> Value:
    """The sum of coefficient k times xᵏ, by Horner's rule."""
    last, *rest = reversed(coefficients)
    total = w.elementwise("add", w.elementwise("mul", x, last), rest[0])
    for coefficient in rest[1:]:
        total = w.elementwise("add", w.elementwise("mul", total, x), coefficient)
    return total


def complementary_error(w: Writer, x: Value) -> Value:
    """1 − erf(x), with all digits where that is near 0.

    exp(−x²) is that of an x of few digits, whose square is exact, times that of what is left: x² alone, rounded, would be wrong by 6e-8 · x².
    """
    e = w.elementwise
    size = e("min", e("abs", x), 12.0)  # where the result is 0 in float32
    few = e("mul", e("round", e("mul", size, 8.0)), 0.125)
    left = e("mul", e("sub", size, few), e("add", size, few))
    falling = e("mul", e("exp", e("neg", e("square", few))), e("exp", e("neg", left)))
    factor = polynomial(w, ERFC, e("div", e("sub", size, 2.5), e("add", size, 2.5)))
    tail = e("div", e("mul", falling, factor), e("add", e("mul", size, 2.0), 1.0))
    return e("where", e("less", x, 0.5), e("sub", 1.0, e("erf", x)), tail)


def inverse_error(w: Writer, x: Value) -> Value:
    """The y with erf(y) = x; infinite at −1 and 1, NaN beyond."""
    e = w.elementwise
    size = e("neg", e("log", e("mul", e("sub", 1.0, x), e("add", 1.0, x))))
    near = polynomial(w, ERFINV_NEAR, e("sub", size, 2.5))
    far = polynomial(w, ERFINV_FAR, e("sub", e("sqrt", size), 3.0))
    found = e("mul", x, e("where", e("less", size, 5.0), near, far))
    return e("where", e("equal", e("abs", x), 1.0), e("mul", x, math.inf), found)


def bessel(w: Writer, x: Value) -> Value:
    """I₀, the modified Bessel function of the first kind and of order 0. Half of the exponential comes last: the whole would overflow too soon."""
    e = w.elementwise
    size = e("abs", x)
    small = e("min", size, BESSEL_LIMIT)
    near = polynomial(w, BESSEL_NEAR, e("mul", e("square", small), 0.25))
    large = e("max", size, BESSEL_LIMIT)
    half = e("exp", e("mul", large, 0.5))
    far = e("mul", polynomial(w, BESSEL_FAR, e("reciprocal", large)), e("rsqrt", large))
    beyond = e("mul", e("mul", far, half), half)
    beyond = e("where", e("greater", half, 3e38), half, beyond)  # ∞ · 0 is none
    return e("where", e("less", size, BESSEL_LIMIT), near, beyond)


def next_number(w: Writer, x: Value, towards: Value) -> Value:
    """The float32 next to x in the direction of another number; that number itself where both are equal.

    x + |x| · 2⁻²⁴ · (1 + 2⁻²³), rounded, is the next number above x, if nothing there is subnormal; where it may be, the distance is 2⁻¹⁴⁹. A GPU
    that takes subnormal numbers for 0 leaves x as it is there.
    """
    e = w.elementwise
    upwards = e("less", x, towards)
    size = e("abs", x)
    unit = 2.0**-24 * (1 + 2.0**-23)
    # Small numbers are looked at 2³⁰ times as large, so that their distances are no subnormal numbers.
    is_small = e("less", size, 2.0**-90)
    scaled = e("where", is_small, e("mul", x, 2.0**30), x)
    step = e("mul", e("abs", scaled), unit)
    step = e("where", e("less", size, 2.0**-125), 2.0**-119, step)
    moved = e("add", scaled, e("where", upwards, step, e("neg", step)))
    moved = e("where", is_small, e("mul", moved, 2.0**-30), moved)
    largest = float.fromhex("0x1.fffffep127")
    is_infinite = e("greater", size, largest)
    moved = e("where", is_infinite, e("mul", e("sign", x), largest), moved)
    moved = e("where", e("equal", x, towards), towards, moved)
    is_number = e("logical_and", e("equal", x, x), e("equal", towards, towards))
    return e("where", is_number, moved, e("add", x, towards))
