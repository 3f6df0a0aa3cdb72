"""The elementwise functions: each one's meaning in numpy, which is its definition, for infinities and NaN too, and the dtypes that it takes.

Integers wrap around, as in NumPy. Nothing that an integer function does is an error: a quotient by 0 is 0, and so is the remainder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from webdnn.graph.errors import GraphError
from webdnn.graph.types import DTYPES, FLOATS, INTEGERS, NUMBERS

Array = np.ndarray
BOOL = ("bool",)
EVERY = (*NUMBERS, "bool")


@dataclass(frozen=True)
class Function:
    """An elementwise function.

    Its operands have one dtype, which is one of `domain`, and so has its result unless `result` names another; but the first of `where` is
    a bool (`chooses`). A literal has the dtype of the other operands; where all are literals, they are floats if `domain` has them.
    """

    arity: int
    numpy: Callable[..., Array]
    commutative: bool = False
    domain: tuple[str, ...] = FLOATS
    result: str | None = None
    chooses: bool = False
    wraps: bool = True
    """Whether a result can lie outside of the range of its operands, so that a small dtype must be wrapped."""

    def infer(self, name: str, operands: Sequence[str | None]) -> tuple[tuple[str, ...], str]:
        """Dtypes of operands and result; `None` stands for a literal. Raises GraphError for what the function does not take."""
        shared = operands[self.chooses :]
        known = sorted({dtype for dtype in shared if dtype is not None})
        if len(known) > 1:
            raise GraphError(f"{name} of {' and '.join(known)}: operands must have one dtype; cast one of them first")
        dtype = known[0] if known else self.domain[0]
        if dtype not in self.domain:
            wanted = ", ".join(d for d in DTYPES if d in self.domain)
            raise GraphError(f"{name} takes {wanted}, got {dtype}; cast it first")
        if self.chooses and operands[0] not in (None, "bool"):
            raise GraphError(f"{name} chooses by a bool, got {operands[0]}; cast it first")
        taken = ("bool",) * self.chooses + (dtype,) * len(shared)
        return taken, self.result or dtype


_python_erf, _python_erfc = np.frompyfunc(math.erf, 1, 1), np.frompyfunc(math.erfc, 1, 1)


def _erf(x: Array) -> Array:
    return np.asarray(_python_erf(x), dtype=x.dtype)  # frompyfunc answers a rank-0 array with a Python float


def _sigmoid(x: Array) -> Array:
    # exp of a non-positive number only: no overflow on either side.
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + e), e / (1 + e)))


def _gelu(x: Array) -> Array:
    # 1 + erf would cancel far below 0.
    return np.asarray(x * 0.5 * np.asarray(_python_erfc(x * -math.sqrt(0.5)), dtype=x.dtype))


def _truncating_quotient(x: Array, y: Array) -> Array:
    # NumPy's quotient is rounded down; it is one too small where the signs differ and something remains.
    return np.asarray(np.floor_divide(x, y) + ((np.mod(x, y) != 0) & ((x < 0) != (y < 0))))


def _to_integer(dtype: str) -> Callable[[Array], Array]:
    """From floats: towards 0, and to the nearest end where that does not fit; NaN is 0. From integers: the lowest bits."""
    limits = np.iinfo(dtype)

    def cast(x: Array) -> Array:
        if x.dtype.kind != "f":
            return np.asarray(x).astype(dtype)
        whole = np.trunc(np.where(np.isnan(x), 0, x).astype(np.float64))
        return np.asarray(np.clip(whole, limits.min, limits.max)).astype(dtype)

    return cast


def _comparison(compare: Callable[[Array, Array], Array], domain: tuple[str, ...] = NUMBERS) -> Function:
    commutative = compare in (np.equal, np.not_equal)
    return Function(2, compare, commutative=commutative, domain=domain, result="bool")


def _cast(dtype: str, numpy: Callable[[Array], Array]) -> Function:
    return Function(1, numpy, domain=EVERY, result=dtype)


FUNCTIONS: dict[str, Function] = {
    # unary, of floats
    "floor": Function(1, np.floor),
    "ceil": Function(1, np.ceil),
    "round": Function(1, np.rint),  # halves to the even neighbour
    "sqrt": Function(1, np.sqrt),
    "rsqrt": Function(1, lambda x: 1 / np.sqrt(x)),
    "reciprocal": Function(1, np.reciprocal),
    "exp": Function(1, np.exp),
    "expm1": Function(1, np.expm1),
    "log": Function(1, np.log),
    "log1p": Function(1, np.log1p),
    "sin": Function(1, np.sin),
    "cos": Function(1, np.cos),
    "atan": Function(1, np.arctan),
    "tanh": Function(1, np.tanh),
    "erf": Function(1, _erf),
    "sigmoid": Function(1, _sigmoid),
    "silu": Function(1, lambda x: x * _sigmoid(x)),
    "softplus": Function(1, lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))),
    "softsign": Function(1, lambda x: x / (1 + np.abs(x))),
    "gelu": Function(1, _gelu),
    "hard_sigmoid": Function(1, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    # unary, of numbers
    "neg": Function(1, np.negative, domain=NUMBERS),
    "abs": Function(1, np.abs, domain=NUMBERS),
    "sign": Function(1, np.sign, domain=NUMBERS, wraps=False),
    "square": Function(1, np.square, domain=NUMBERS),
    "relu": Function(1, lambda x: np.maximum(x, 0), domain=NUMBERS, wraps=False),
    # binary, of floats
    "div": Function(2, np.divide),
    "pow": Function(2, np.power),
    "leaky_relu": Function(2, lambda x, slope: np.where(x >= 0, x, slope * x)),
    "elu": Function(2, lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))),
    # binary, of numbers
    "add": Function(2, np.add, commutative=True, domain=NUMBERS),
    "sub": Function(2, np.subtract, domain=NUMBERS),
    "mul": Function(2, np.multiply, commutative=True, domain=NUMBERS),
    "max": Function(2, np.maximum, commutative=True, domain=NUMBERS, wraps=False),
    "min": Function(2, np.minimum, commutative=True, domain=NUMBERS, wraps=False),
    "mod": Function(2, np.mod, domain=NUMBERS, wraps=False),  # has the sign of the divisor
    # binary, of integers
    "floor_div": Function(2, np.floor_divide, domain=INTEGERS),
    "trunc_div": Function(2, _truncating_quotient, domain=INTEGERS),
    "trunc_mod": Function(2, np.fmod, domain=INTEGERS, wraps=False),  # has the sign of the dividend
    # An amount that is negative, or no less than the bits of the dtype, shifts everything out: 0, or −1 for a negative number to the right.
    "shift_left": Function(2, np.left_shift, domain=INTEGERS),
    "shift_right": Function(2, np.right_shift, domain=INTEGERS, wraps=False),
    "bitwise_and": Function(2, np.bitwise_and, commutative=True, domain=INTEGERS, wraps=False),
    "bitwise_or": Function(2, np.bitwise_or, commutative=True, domain=INTEGERS, wraps=False),
    "bitwise_xor": Function(2, np.bitwise_xor, commutative=True, domain=INTEGERS, wraps=False),
    "bitwise_not": Function(1, np.invert, domain=INTEGERS),
    # truth
    "equal": _comparison(np.equal, EVERY),
    "not_equal": _comparison(np.not_equal, EVERY),
    "less": _comparison(np.less),
    "less_equal": _comparison(np.less_equal),
    "greater": _comparison(np.greater),
    "greater_equal": _comparison(np.greater_equal),
    "logical_not": Function(1, np.logical_not, domain=BOOL),
    "logical_and": Function(2, np.logical_and, commutative=True, domain=BOOL),
    "logical_or": Function(2, np.logical_or, commutative=True, domain=BOOL),
    "logical_xor": Function(2, np.logical_xor, commutative=True, domain=BOOL),
    # ternary
    "clip": Function(3, lambda x, low, high: np.minimum(np.maximum(x, low), high), domain=NUMBERS, wraps=False),
    "where": Function(3, np.where, domain=EVERY, chooses=True, wraps=False),
    # Casts. Integers become the nearest float; of true and false, numbers are made as 1 and 0; all but 0 is true, NaN too.
    "to_float32": _cast("float32", lambda x: x),
    "to_int32": _cast("int32", _to_integer("int32")),
    "to_uint8": _cast("uint8", _to_integer("uint8")),
    "to_int8": _cast("int8", _to_integer("int8")),
    "to_bool": _cast("bool", lambda x: x != 0),
}

_COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
JUMPS = frozenset(
    ("floor", "ceil", "round", "sign", "mod", "to_int32", "to_uint8", "to_int8", "to_bool", *_COMPARISONS)
)
"""Functions of floats that jump: the last bit of an operand, which is rounded to float32 in the page, may decide between two numbers. So they
are folded into constants from operands that are rounded in the same way, or the answer would be another one than without the optimizer."""
