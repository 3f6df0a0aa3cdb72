"""Elementwise programs: what an `Elementwise` op computes, and what a convolution or a matrix product does to its sums before it stores them.

A `Program` is a list of calls in single-assignment form. Operand k < `inputs` is the k-th input; operand `inputs + i` is the result of step i; a
float is a literal, which may be infinite or NaN. The last step is the result. `FUNCTIONS` (functions.py) gives each function's meaning in numpy and
the dtypes that it takes; `COMPOSED` holds those that are programs of others. A program has no dtypes of its own: those of its inputs decide
(`typed`), and one program may add floats and integers alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from webdnn.graph.errors import GraphError
from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.types import FLOATS, dtype_of

Array = np.ndarray
Operand: TypeAlias = "int | float"  # int: index of an input or step; float: literal


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

    def typed(self, inputs: Sequence[str]) -> tuple[TypedCall, ...]:
        """The calls with their dtypes, for inputs of the dtypes `inputs`. Raises GraphError for dtypes that a function does not take."""
        if len(inputs) != self.inputs:
            raise GraphError(f"the program takes {self.inputs} inputs, got {len(inputs)}")
        known = list(inputs)
        calls: list[TypedCall] = []
        for call in self.calls:
            operands = [known[o] if isinstance(o, int) else None for o in call.operands]
            taken, result = FUNCTIONS[call.function].infer(call.function, operands)
            for operand, dtype in zip(call.operands, taken, strict=True):
                if isinstance(operand, float):
                    check_literal(operand, dtype, call.function)
            calls.append(TypedCall(call.function, call.operands, taken, result))
            known.append(result)
        return tuple(calls)

    def infer(self, inputs: Sequence[str]) -> str:
        """The result's dtype, for inputs of the dtypes `inputs`."""
        return self.typed(inputs)[-1].dtype

    def evaluate(self, arrays: Sequence[Array]) -> Array:
        """The result for broadcastable arrays. Floats are computed in the precision of those among `arrays`."""
        return self.evaluate_calls(arrays)[-1]

    def evaluate_calls(self, arrays: Sequence[Array]) -> list[Array]:
        """What every call gives, in the same way."""
        values = list(arrays)
        floats = [a.dtype for a in arrays if a.dtype.kind == "f"]
        precision = np.result_type(*floats) if floats else np.dtype(np.float32)
        for call in self.typed([dtype_of(a) for a in arrays]):
            dtypes = [precision if dtype == "float32" else np.dtype(dtype) for dtype in (*call.taken, call.dtype)]
            with np.errstate(all="ignore"):
                operands = [
                    values[o] if isinstance(o, int) else dtype.type(o)
                    for o, dtype in zip(call.operands, dtypes[:-1], strict=True)
                ]
                values.append(np.asarray(FUNCTIONS[call.function].numpy(*operands)).astype(dtypes[-1], copy=False))
        return values[self.inputs :]

    def up_to(self, call: int) -> tuple[Program, tuple[int, ...]]:
        """The program whose result is that of call number `call`, without what that does not need; and the inputs that are left."""
        needed = {self.inputs + call}
        for position in range(call, -1, -1):
            if self.inputs + position in needed:
                needed.update(o for o in self.calls[position].operands if isinstance(o, int))
        place = {old: new for new, old in enumerate(sorted(needed))}
        calls = tuple(
            Call(c.function, tuple(place[o] if isinstance(o, int) else o for o in c.operands))
            for position, c in enumerate(self.calls[: call + 1])
            if self.inputs + position in needed
        )
        inputs = tuple(k for k in range(self.inputs) if k in needed)
        return Program(len(inputs), calls), inputs

    def __str__(self) -> str:
        def text(operand: Operand) -> str:
            if isinstance(operand, float):
                return f"{operand:g}"
            return f"x{operand}" if operand < self.inputs else f"t{operand - self.inputs}"

        return "; ".join(f"t{i} = {c.function}({', '.join(map(text, c.operands))})" for i, c in enumerate(self.calls))


@dataclass(frozen=True)
class TypedCall:
    """A call, the dtypes of its operands, and that of its result."""

    function: str
    operands: tuple[Operand, ...]
    taken: tuple[str, ...]
    dtype: str

    @property
    def wraps(self) -> bool:
        """Whether the result, computed in 32 bits, must still be cut to the bits of its dtype."""
        return self.dtype in ("uint8", "int8") and FUNCTIONS[self.function].wraps


def check_literal(value: float, dtype: str, function: str) -> None:
    """Raises GraphError where `value` is no number of `dtype`."""
    if dtype in FLOATS:
        return
    low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if not (math.isfinite(value) and value.is_integer() and low <= value <= high):
        raise GraphError(f"{function}: the literal {value:g} is no {dtype}")


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
    # Of floats; integers have `floor_div`.
    # What is divided by 0 is infinite, as in NumPy. The remainder is the divisor where that is infinite and of the other sign.
    "floor_divide": _composed(
        2,
        ("where", ("equal", 1, 0.0), ("div", 0, 1), ("where", ("equal", _REMAINDER, 1), -1.0, _WHOLE_QUOTIENT)),
    ),
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
