"""Dense samples of float32 for elementwise functions, and how far answers are from the right ones, element by element."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from math import inf

import numpy as np

from harness.cases import graph_of, source
from webdnn.backend.precision import BOUNDS, FLUSHED, FLUSHES, Bound
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.graph import Graph, apply
from webdnn.graph.ops import Elementwise
from webdnn.graph.program import COMPOSED, Program, compose, single

Array = np.ndarray

LN2, PI = np.log(2), np.pi
# Where a reduction of the argument, a polynomial or a branch of a kernel begins or ends, and where results leave float32's range.
BOUNDARIES = np.concatenate(
    [
        (np.arange(-152, 130) + 0.5) * LN2,
        np.arange(1, 2000) * PI / 4,
        np.arange(1597, 636_000, 1597) * PI / 2,
        np.sqrt(0.5) * 2.0 ** np.arange(-126, 128, 8),
        [2**0.5 - 1, 2**0.5 + 1, 0.5, 0.625, 0.927734375, 0.927734375 * 2**0.5, 1, 2, 3, 4, 4 * 2**0.5, 6, 9, 17],
        [30, 87, 88, 88.3762626647949, 88.722839, 89, 103.972, 104, 1e6, 2**20 * PI / 2, 2**23, 2**24, 2**31, 2**126],
        [0.25, 15, 20, 4096, 8.5e37],
    ]
)
_MAXIMUM, _SMALLEST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)
_SIZES = (0.0, inf, _MAXIMUM, _SMALLEST, 0.5, 1.0, 1.5, 2.0, 3.0, 2.0**23 + 1, 2.0**24, 2.0**127)
SPECIAL = np.array([*_SIZES, *(-x for x in _SIZES), np.nan], np.float32)
POINTS = (
    *(
        (-100.0, 1.0),
        (-1e6, 1.0),
        (-14.5, 1.0),
        (-8.0, 1.0),
        (2.0**31, 3.0),
        (1e10, 3.0),
        (-1e10, 3.0),
        (1e38, 7.0),
        (1e38, -0.1),
    ),
    *(
        (1 + 2.0**-23, 1e8),
        (1 - 2.0**-24, -1e8),
        (1.001, 3e4),
        (-2.0, 1.5),
        (-8.0, 1 / 3),
        (10.0, 38.5),
        (1.2e-38, -1.0),
    ),
    *(
        (2.0**31, 2.0),
        (1e13, 2.0),
        (3e38, 2.0),
        (88.7, 2.0),
        (88.8, 2.0),
        (89.0, 2.0),
        (-87.0, 2.0),
        (1.7e38, 3e38),
        (3e38, 1.6e38),
    ),
    *((2.9e19, 1.0), (-2.9e19, 1.0), (1e19, 1.0), (200.0, 1.0), (-200.0, 1.0), (120.0, 1.0), (5.0, -inf), (-5.0, inf)),
)
"""Pairs of operands that some implementation got wrong."""


OF_FLOATS = {name: f for name, f in FUNCTIONS.items() if "float32" in f.domain and not name.startswith("to_")}
EXACT = frozenset(OF_FLOATS) - {"pow", "mod"} - frozenset().union(*BOUNDS.values())
"""Functions that are exact, or rounded once."""

MOST_OF_COMPOSED = 6.0
"""In ulp: the largest error of a function that is a program of several."""

SMALL_DIVISOR = 2.0**-100
"""A remainder of less may be subnormal."""


def sample(random: np.random.Generator, density: float, smallest: int) -> Array:
    """Numbers of every exponent from `smallest` on (0 is that of subnormals) and both signs, more of them where functions are curved; the
    neighbours of all boundaries."""
    exponents = np.concatenate(
        [
            np.repeat(np.arange(smallest, 255), int(256 * density)),
            np.repeat(np.arange(127 - 14, 127 + 7), int(12_000 * density)),
        ]
    )
    mantissas = random.integers(0, 1 << 23, len(exponents))
    reach = int(16 * density**0.5)
    near = BOUNDARIES.astype(np.float32).view(np.int32)[:, None] + np.arange(-reach, reach + 1)
    bits = np.concatenate([exponents << 23 | mantissas, near.ravel() & 0x7FFFFFFF]).astype(np.int32)
    positive = bits.view(np.float32)
    positive = positive[positive >= (_SMALLEST if smallest else 0)]
    return np.concatenate([positive, -positive])


def second(random: np.random.Generator, x: Array) -> Array:
    """Second operands for `x`: numbers of several sizes, whole ones, halves, neighbours of x, and the special ones."""
    y = random.normal(size=len(x)) * 2.0 ** random.integers(-3, 5, len(x))
    y = np.where(random.random(len(x)) < 0.3, np.rint(y), y).astype(np.float32)
    y = np.where(random.random(len(x)) < 0.1, random.permutation(x), y)
    return np.where(random.random(len(x)) < 0.05, random.choice(SPECIAL, len(x)), y)


def inputs(backend: str, density: float) -> list[Array]:
    """Three operands, the same on every call: first all pairs of special values, then POINTS, then a sample; subnormal
    numbers only where they are not flushed."""
    random = np.random.default_rng(0)
    x = sample(random, density, 1 if backend in FLUSHES else 0)
    pairs = np.array([*itertools.product(SPECIAL, SPECIAL), *POINTS], np.float32)
    x, y = np.concatenate([pairs[:, 0], x]), np.concatenate([pairs[:, 1], second(random, x)])
    x, y = (np.append(array, np.ones(-len(array) % 4, np.float32)) for array in (x, y))
    return [x, y, second(random, y)]


def programs() -> dict[str, Program]:
    """Every function of floats by its name, on as many inputs as it has; elu and leaky_relu with a literal slope. Truth is given as 0 and 1, and
    taken of any number. Casts are exact, and op cases of their own."""
    known = {name: single(name, *[None] * function.arity) for name, function in OF_FLOATS.items()}
    truths = [name for name, function in OF_FLOATS.items() if function.result == "bool"]
    known |= {name: compose(single("to_float32", None), 0, known[name]) for name in truths}
    known["where"] = compose(known["where"], 0, single("to_bool", None))
    known |= {name: single(name, *[None] * program.inputs) for name, program in COMPOSED.items()}
    return known | {"elu": single("elu", None, 1.0), "leaky_relu": single("leaky_relu", None, 0.25)}


def graph_of_programs(chosen: Mapping[str, Program], count: int) -> Graph:
    """One output for each program, on inputs of `count` elements."""
    inputs = [source(f"x{k}", count) for k in range(max(program.inputs for program in chosen.values()))]
    outputs = [apply(Elementwise(p), *inputs[: p.inputs], origin=(name,)) for name, p in chosen.items()]
    return graph_of(inputs, outputs)


def error(backend: str, name: str, program: Program, arrays: Sequence[Array], have: Array) -> float:
    """The largest error of `have`, in ulp, where the function's bound says anything; infinite where it is wrong elsewhere."""
    operands = arrays[: program.inputs]
    want = program.evaluate([array.astype(np.float64) for array in operands])
    bound = BOUNDS[backend].get(name, Bound(0))
    x = operands[0]
    result = ulps(have, want, x if bound.of_argument else None, backend)
    if name in ("mod", "floor_divide") and backend in FLUSHES:
        result[np.abs(operands[1]) < SMALL_DIVISOR] = 0
    if bound.under_low:
        under = np.isfinite(x) & (x < bound.low)
        with np.errstate(invalid="ignore"):
            result[under] = np.where(np.abs(have - want)[under] <= bound.under_low, 0, inf)
    return float(result.max())


def ulps(have: Array, want: Array, at: Array | None = None, backend: str = "") -> Array:
    """|have − want| in float32's spacing at `want`, or at `at`: that of subnormals is 2⁻¹⁴⁹. Infinite where just one of them overflows or is
    NaN. On a backend that flushes, the smallest errors are none."""
    with np.errstate(all="ignore"):
        rounded = want.astype(np.float32)
        place = np.abs(rounded if at is None else at)
        off = np.abs(have.astype(np.float64) - want)
        if backend in FLUSHES:
            off = np.where(off <= FLUSHED, 0, off)
        result = off / np.spacing(place).astype(np.float64)
    same = (have == rounded) | (np.isnan(have) & np.isnan(rounded))
    return np.where(np.isfinite(rounded) & np.isfinite(have), result, np.where(same, 0.0, inf))
