"""Elementwise programs: what an `Elementwise` op computes, and what a convolution or a matrix product does to its sums before it stores them.

A `Program` is a list of calls in single-assignment form. Operand k < `inputs` is the k-th input; operand `inputs + i` is the result of step i; a
float is a literal, which may be infinite or NaN. The last step is the result. `FUNCTIONS` gives each function's meaning in numpy, which is its
definition, for infinities and NaN too; `COMPOSED` holds those that are programs of others. Truth is a number: comparisons give 0 or 1, and
any number but 0 counts as true.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from webdnn.graph.errors import GraphError

Array = np.ndarray
Operand: TypeAlias = "int | float"  # int: index of an input or step; float: literal


@dataclass(frozen=True)
class Function:
    """An elementwise function: how many operands, its meaning, and whether operand order is irrelevant."""

    arity: int
    numpy: Callable[..., Array]
    commutative: bool = False


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


def _comparison(compare: Callable[[Array, Array], Array]) -> Function:
    def compare_as_numbers(x: Array, y: Array) -> Array:
        return np.asarray(compare(x, y), np.result_type(x, y))

    return Function(2, compare_as_numbers, commutative=compare in (np.equal, np.not_equal))


FUNCTIONS: dict[str, Function] = {
    # unary
    "neg": Function(1, np.negative),
    "abs": Function(1, np.abs),
    "sign": Function(1, np.sign),
    "floor": Function(1, np.floor),
    "ceil": Function(1, np.ceil),
    "round": Function(1, np.rint),  # halves to the even neighbour
    "square": Function(1, np.square),
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
    "relu": Function(1, lambda x: np.maximum(x, 0)),
    "sigmoid": Function(1, _sigmoid),
    "silu": Function(1, lambda x: x * _sigmoid(x)),
    "softplus": Function(1, lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))),
    "softsign": Function(1, lambda x: x / (1 + np.abs(x))),
    "gelu": Function(1, _gelu),
    "hard_sigmoid": Function(1, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    # binary
    "add": Function(2, np.add, commutative=True),
    "sub": Function(2, np.subtract),
    "mul": Function(2, np.multiply, commutative=True),
    "div": Function(2, np.divide),
    "pow": Function(2, np.power),
    "max": Function(2, np.maximum, commutative=True),
    "min": Function(2, np.minimum, commutative=True),
    "mod": Function(2, np.mod),  # has the sign of the divisor
    "equal": _comparison(np.equal),
    "not_equal": _comparison(np.not_equal),
    "less": _comparison(np.less),
    "less_equal": _comparison(np.less_equal),
    "greater": _comparison(np.greater),
    "greater_equal": _comparison(np.greater_equal),
    "leaky_relu": Function(2, lambda x, slope: np.where(x >= 0, x, slope * x)),
    "elu": Function(2, lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))),
    # ternary
    "clip": Function(3, lambda x, low, high: np.minimum(np.maximum(x, low), high)),
    "where": Function(3, lambda condition, x, y: np.asarray(np.where(condition != 0, x, y))),
}


@dataclass(frozen=True, eq=False)
class Call:
    """One step: `function` applied to `operands`."""

    function: str
    operands: tuple[Operand, ...]

    _identity: tuple[object, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Python takes the operand 1 (an input) and the literal 1.0 for equal, and 0.0 and −0.0, but NaN not for itself.
        operands = (operand.hex() if isinstance(operand, float) else operand for operand in self.operands)
        object.__setattr__(self, "_identity", (self.function, *operands))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)


@dataclass(frozen=True)
class Program:
    """See the module's docstring. `inputs` counts the inputs; there is at least one input and one step."""

    inputs: int
    calls: tuple[Call, ...]

    def __post_init__(self) -> None:
        if self.inputs < 1 or not self.calls:
            raise GraphError("an elementwise program needs an input and a step")
        for position, call in enumerate(self.calls):
            if call.function not in FUNCTIONS:
                raise GraphError(
                    f"{call.function!r} is not an elementwise function; known: {', '.join(sorted(FUNCTIONS))}"
                )
            if len(call.operands) != FUNCTIONS[call.function].arity:
                raise GraphError(
                    f"{call.function} takes {FUNCTIONS[call.function].arity} operands, got {len(call.operands)}"
                )
            for operand in call.operands:
                if isinstance(operand, int) and not 0 <= operand < self.inputs + position:
                    raise GraphError(f"operand {operand} of step {position} is not known there")

    def evaluate(self, arrays: Sequence[Array]) -> Array:
        """The result for broadcastable arrays of one floating dtype."""
        values = list(arrays)
        dtype = values[0].dtype
        for call in self.calls:
            with np.errstate(all="ignore"):
                operands = [values[o] if isinstance(o, int) else dtype.type(o) for o in call.operands]
                values.append(np.asarray(FUNCTIONS[call.function].numpy(*operands), dtype=dtype))
        return values[-1]

    def to_json(self) -> list[list[object]]:
        """`[[function, operand…]…]`; a literal is `{"value": x}`, with x as `literal_to_json` writes it."""

        def place(operand: Operand) -> object:
            return operand if isinstance(operand, int) else {"value": literal_to_json(operand)}

        return [[c.function, *map(place, c.operands)] for c in self.calls]

    def __str__(self) -> str:
        def text(operand: Operand) -> str:
            if isinstance(operand, float):
                return f"{operand:g}"
            return f"x{operand}" if operand < self.inputs else f"t{operand - self.inputs}"

        return "; ".join(f"t{i} = {c.function}({', '.join(map(text, c.operands))})" for i, c in enumerate(self.calls))


def literal_to_json(value: float) -> float | str:
    """A literal in a plan. JSON has no infinities and no NaN: they are the texts "inf", "-inf" and "nan", as is what float32 cannot hold."""
    with np.errstate(over="ignore"):
        rounded = float(np.float32(value))
    return value if math.isfinite(rounded) else str(rounded)


Expression: TypeAlias = "int | float | tuple[Any, ...]"
"""An input by its number, a literal, or (function, expression, …)."""


def _composed(inputs: int, expression: Expression) -> Program:
    """The program that computes `expression`; what stands in it more than once is computed once."""
    calls: list[Call] = []
    known: dict[object, int] = {}

    def place(part: Expression) -> Operand:
        if not isinstance(part, tuple):
            return part
        function, *operands = part
        call = Call(function, tuple(map(place, operands)))
        if call not in known:
            known[call] = inputs + len(calls)
            calls.append(call)
        return known[call]

    place(expression)
    return Program(inputs, tuple(calls))


_SIZE = ("abs", 0)
# sinh and cosh are products of E − 1/E or E + 1/E, where E is exp(|x| / 2), so that they overflow no sooner than they must.
_HALF_SIZE = ("mul", _SIZE, 0.5)
_HALF_EXPM1 = ("expm1", _HALF_SIZE)
_HALF_EXP = ("add", _HALF_EXPM1, 1.0)
_HALF_COSH = ("mul", ("add", _HALF_EXP, ("reciprocal", _HALF_EXP)), 0.5)
_HALF_SINH = ("mul", ("sub", _HALF_EXPM1, ("expm1", ("neg", _HALF_SIZE))), 0.5)
# The angle whose cosine is |x|, without loss of digits near 1.
_ACOS = ("mul", ("atan", ("sqrt", ("div", ("sub", 1.0, _SIZE), ("add", 1.0, _SIZE)))), 2.0)
_COSINE = ("sqrt", ("mul", ("sub", 1.0, 0), ("add", 1.0, 0)))
_ABOVE_ONE = ("sub", 0, 1.0)
_ACOSH_TAIL = ("mul", ("sqrt", _ABOVE_ONE), ("sqrt", ("add", _ABOVE_ONE, 2.0)))  # NaN below 1
# asinh and acosh of |x| above 2²⁴ are log 2|x| to more digits than float32 has, and the square of x overflows before they do.
_LARGE = ("greater", _SIZE, 2.0**24)
_LOG_TWICE = ("add", ("log", _SIZE), math.log(2))
_ASINH_TAIL = ("mul", _SIZE, ("div", _SIZE, ("add", ("sqrt", ("add", ("square", 0), 1.0)), 1.0)))
_REMAINDER = ("mod", 0, 1)
# Of halves: the difference of two large numbers overflows.
_HALF_QUOTIENT = ("div", ("sub", ("mul", 0, 0.5), ("mul", _REMAINDER, 0.5)), 1)
_WHOLE_QUOTIENT = ("round", ("mul", _HALF_QUOTIENT, 2.0))

COMPOSED: dict[str, Program] = {
    "tan": _composed(1, ("div", ("sin", 0), ("cos", 0))),
    "asin": _composed(1, ("mul", ("atan", ("div", 0, ("add", _COSINE, 1.0))), 2.0)),
    "acos": _composed(1, ("where", ("less", 0, 0.0), ("sub", math.pi, _ACOS), _ACOS)),
    "sinh": _composed(1, ("mul", ("sign", 0), ("mul", ("mul", _HALF_SINH, _HALF_COSH), 2.0))),
    "cosh": _composed(1, ("sub", ("mul", ("square", _HALF_COSH), 2.0), 1.0)),
    "asinh": _composed(1, ("mul", ("sign", 0), ("where", _LARGE, _LOG_TWICE, ("log1p", ("add", _SIZE, _ASINH_TAIL))))),
    "acosh": _composed(
        1,
        ("where", ("greater", 0, 2.0**24), _LOG_TWICE, ("log1p", ("add", _ABOVE_ONE, _ACOSH_TAIL))),
    ),
    "atanh": _composed(
        1, ("mul", ("mul", ("sign", 0), 0.5), ("log1p", ("div", ("mul", _SIZE, 2.0), ("sub", 1.0, _SIZE))))
    ),
    "log_sigmoid": _composed(1, ("neg", ("softplus", ("neg", 0)))),
    # What is divided by 0 is infinite, as in NumPy. The remainder is the divisor where that is infinite and of the other sign.
    "floor_divide": _composed(
        2,
        ("where", ("equal", 1, 0.0), ("div", 0, 1), ("where", ("equal", _REMAINDER, 1), -1.0, _WHOLE_QUOTIENT)),
    ),
    "logical_not": _composed(1, ("equal", 0, 0.0)),
    "logical_and": _composed(2, ("mul", ("not_equal", 0, 0.0), ("not_equal", 1, 0.0))),
    "logical_or": _composed(2, ("max", ("not_equal", 0, 0.0), ("not_equal", 1, 0.0))),
    "logical_xor": _composed(2, ("not_equal", ("not_equal", 0, 0.0), ("not_equal", 1, 0.0))),
}
"""Functions that are programs of others, and lose no digits by it."""


def single(function: str, *operands: float | None) -> Program:
    """The program of one function. `None` marks an input, in order; a number is a literal: `single("clip", None, 0, 6)`."""
    inputs = 0
    resolved: list[Operand] = []
    for operand in operands:
        if operand is None:
            resolved.append(inputs)
            inputs += 1
        else:
            resolved.append(float(operand))
    if function in COMPOSED:
        return _with_operands(COMPOSED[function], resolved, inputs)
    return Program(inputs, (Call(function, tuple(resolved)),))


def _with_operands(program: Program, operands: Sequence[Operand], inputs: int) -> Program:
    """`program` on `operands`, which are literals and some of `inputs` inputs."""
    if len(operands) != program.inputs:
        raise GraphError(f"takes {program.inputs} operands, got {len(operands)}")

    def place(operand: Operand) -> Operand:
        if isinstance(operand, float):
            return operand
        return operands[operand] if operand < program.inputs else operand - program.inputs + inputs

    return Program(inputs, tuple(Call(c.function, tuple(map(place, c.operands))) for c in program.calls))


def compose(outer: Program, position: int, inner: Program) -> Program:
    """`outer` with its input `position` computed by `inner`.

    Inputs of the result: outer's before `position`, then inner's, then outer's after `position`.
    """
    inputs = outer.inputs - 1 + inner.inputs

    def place_inner(operand: Operand) -> Operand:
        if isinstance(operand, float):
            return operand
        return position + operand if operand < inner.inputs else inputs + operand - inner.inputs

    def place_outer(operand: Operand) -> Operand:
        if isinstance(operand, float) or operand < position:
            return operand
        if operand == position:
            return inputs + len(inner.calls) - 1
        if operand < outer.inputs:
            return operand - 1 + inner.inputs
        return inputs + len(inner.calls) + operand - outer.inputs

    calls = [Call(c.function, tuple(map(place_inner, c.operands))) for c in inner.calls]
    calls += [Call(c.function, tuple(map(place_outer, c.operands))) for c in outer.calls]
    return Program(inputs, tuple(calls))
