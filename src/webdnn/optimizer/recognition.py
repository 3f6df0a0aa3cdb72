"""Functions that arrive written out in simpler ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeAlias

from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.graph import Value, apply
from webdnn.graph.ops import Elementwise, Reduce, Softmax
from webdnn.graph.program import Call, Operand, Program, single
from webdnn.optimizer.rewrite import Context, merge_origins

Make: TypeAlias = "Callable[..., Operand]"  # (function, *operands) → operand
Pattern: TypeAlias = "Callable[[Operand, Steps], Operand | None]"

TOLERANCE = 1e-6  # of a literal that should be a certain number; exporters round to float32
MAX_FACTORS = 32  # looked at; a square of a square of a … has exponentially many
DIFFERENCE_THEN_EXP = Program(2, (Call("sub", (0, 1)), Call("exp", (2,))))


def recognize_softmax(value: Value, context: Context) -> Value | None:
    """`exp(x) / sum(exp(x)) = softmax(x)` over the last axis, and `softmax(x − max(x)) = softmax(x)`.

    Hazards: the sum and the maximum must be taken of the very values that they are divided and subtracted from, along the last axis alone.
    """
    if isinstance(value.op, Softmax):
        x = value.node.inputs[0]
        shifted = _operands(x, single("sub", None, None))
        inner = _without_maximum(*shifted) if shifted else None
        return None if inner is None else apply(Softmax(), inner, origin=merge_origins(x.node, value.node))
    quotient = _operands(value, single("div", None, None))
    if quotient is None or not _is_row_reduction("sum", *quotient):
        return None
    powers = quotient[0]
    if (exponent := _operands(powers, single("exp", None))) is not None:
        x = exponent[0]
    elif (shifted := _operands(powers, DIFFERENCE_THEN_EXP)) is not None:
        found = _without_maximum(*shifted)
        if found is None:
            return None
        x = found
    else:
        return None
    return apply(Softmax(), x, origin=merge_origins(powers.node, value.node)) if x.type == value.type else None


def _operands(value: Value, program: Program) -> tuple[Value, ...] | None:
    """What `program` is applied to, if that is what `value` is."""
    return value.node.inputs if isinstance(value.op, Elementwise) and value.op.program == program else None


def _without_maximum(x: Value, shift: Value) -> Value | None:
    return x if _is_row_reduction("max", x, shift) else None


def _is_row_reduction(kind: str, x: Value, reduced: Value) -> bool:
    """True when `reduced` is the `kind` of x along its last axis, which stays with size 1."""
    op = reduced.op
    rows = isinstance(op, Reduce) and (op.kind, op.axes, op.keepdims) == (kind, (x.type.rank - 1,), True)
    return rows and reduced.node.inputs[0] == x


class Steps:
    """The steps of a program that is being made, and the questions that patterns ask about them. Operands are those of a ProgramBuilder."""

    def __init__(self, calls: Sequence[Call], make: Make) -> None:
        self.calls = calls
        self.make = make

    def arguments(self, operand: Operand, function: str) -> tuple[Operand, ...] | None:
        """The operands of the step `operand`, if that is a `function`."""
        step = self.calls[operand] if isinstance(operand, int) and operand >= 0 else None
        return step.operands if step is not None and step.function == function else None

    def argument(self, operand: Operand, function: str) -> Operand | None:
        """x when `operand` is function(x)."""
        found = self.arguments(operand, function)
        return None if found is None else found[0]

    def with_literal(self, operand: Operand, function: str, number: float) -> Operand | None:
        """x when `operand` is function(x, number); of a commutative function also function(number, x)."""
        left, right = self.arguments(operand, function) or (None, None)
        if left is None or right is None:
            return None
        if close(right, number):
            return left
        return right if FUNCTIONS[function].commutative and close(left, number) else None

    def times(self, operand: Operand, number: float) -> Operand | None:
        """x when `operand` is x·number or x / (1 / number)."""
        found = self.with_literal(operand, "mul", number)
        return self.with_literal(operand, "div", 1 / number) if found is None else found

    def clipped(self, operand: Operand, low: float, high: float) -> Operand | None:
        """x when `operand` is clip(x, low, high), or a minimum and a maximum in either order."""
        clip = self.arguments(operand, "clip")
        if clip is not None:
            return clip[0] if close(clip[1], low) and close(clip[2], high) else None
        below = self.with_literal(operand, "min", high)
        if below is not None:
            return self._at_least(below, low)
        above = self._at_least(operand, low)
        return None if above is None else self.with_literal(above, "min", high)

    def _at_least(self, operand: Operand, low: float) -> Operand | None:
        rectified = self.argument(operand, "relu") if low == 0 else None
        return self.with_literal(operand, "max", low) if rectified is None else rectified

    def factors(self, operand: Operand) -> tuple[float, Counter[Operand]]:
        """`operand` as a literal times a product; what has more than a few factors is left whole."""
        literal, product, pending = 1.0, Counter[Operand](), [operand]
        for _ in range(MAX_FACTORS):
            if not pending:
                return literal, product
            factor = pending.pop()
            divided = self.arguments(factor, "div")
            if isinstance(factor, float):
                literal *= factor
            elif (parts := self.arguments(factor, "mul")) is not None:
                pending += parts
            elif divided is not None and isinstance(divided[1], float) and divided[1]:
                literal /= divided[1]
                pending.append(divided[0])
            else:
                product[factor] += 1
        return 1.0, Counter([operand])


def close(operand: Operand, number: float) -> bool:
    """True for a literal that is `number` up to its rounding to float32."""
    return isinstance(operand, float) and math.isclose(operand, number, rel_tol=TOLERANCE)


def sigmoid(result: Operand, steps: Steps) -> Operand | None:
    """`1 / (1 + exp(−x)) = sigmoid(x)`, also as a reciprocal."""
    left, right = steps.arguments(result, "div") or (1.0, steps.argument(result, "reciprocal"))
    x = None if right is None or not close(left, 1) else _argument_of_logistic(right, steps)
    return None if x is None else steps.make("sigmoid", x)


def silu(result: Operand, steps: Steps) -> Operand | None:
    """`x·sigmoid(x) = silu(x)`, and `x / (1 + exp(−x)) = silu(x)`."""
    if (quotient := steps.arguments(result, "div")) is not None:
        x, below = quotient
        return steps.make("silu", x) if isinstance(x, int) and _argument_of_logistic(below, steps) == x else None
    left, right = steps.arguments(result, "mul") or (1.0, 1.0)
    for x, gate in ((left, right), (right, left)):
        if isinstance(x, int) and steps.argument(gate, "sigmoid") == x:
            return steps.make("silu", x)
    return None


def hard_sigmoid(result: Operand, steps: Steps) -> Operand | None:
    """`clip(x/6 + ½, 0, 1) = hard_sigmoid(x)`, and `y·clip(x + 3, 0, 6)/6 = y·hard_sigmoid(x)`: with y = x the hard swish.

    Hazard: the hard sigmoid of other slopes, 0.2·x + ½ above all, is another function.
    """
    line = steps.clipped(result, 0, 1)
    scaled = None if line is None else steps.with_literal(line, "add", 0.5)
    x = None if scaled is None else steps.times(scaled, 1 / 6)
    if x is not None:
        return steps.make("hard_sigmoid", x)
    literal, product = steps.factors(result)
    if not close(literal, 1 / 6):
        return None
    for factor in product:
        shifted = steps.clipped(factor, 0, 6)
        x = None if shifted is None else steps.with_literal(shifted, "add", 3)
        if x is not None:
            made = steps.make("hard_sigmoid", x)
            for other in (product - Counter([factor])).elements():
                made = steps.make("mul", other, made)
            return made
    return None


def gelu(result: Operand, steps: Steps) -> Operand | None:
    """`½·x·(1 + erf(x·√½)) = gelu(x)`, the factors in any order and grouping.

    Hazard: the form with tanh is an approximation, which differs by up to 5e-4: it stays as it is, one fused program.
    """
    literal, product = steps.factors(result)
    for factor in product:
        error = steps.with_literal(factor, "add", 1)
        scaled = None if error is None else steps.argument(error, "erf")
        x = None if scaled is None else steps.times(scaled, math.sqrt(0.5))
        if x is None:
            continue
        factor_of_x, product_of_x = steps.factors(x)
        if product - Counter([factor]) == product_of_x and close(literal, factor_of_x / 2):
            return steps.make("gelu", x)
    return None


def _argument_of_logistic(operand: Operand, steps: Steps) -> Operand | None:
    """x when `operand` is 1 + exp(−x)."""
    power = steps.with_literal(operand, "add", 1)
    exponent = None if power is None else steps.argument(power, "exp")
    if exponent is None:
        return None
    negated = steps.argument(exponent, "neg")
    return steps.with_literal(exponent, "mul", -1) if negated is None else negated


# What the last step of a pattern may be → the patterns that may end in it.
PATTERNS: dict[str, tuple[Pattern, ...]] = {
    "clip": (hard_sigmoid,),
    "div": (sigmoid, silu, hard_sigmoid, gelu),
    "max": (hard_sigmoid,),
    "min": (hard_sigmoid,),
    "mul": (silu, hard_sigmoid, gelu),
    "reciprocal": (sigmoid,),
    "relu": (hard_sigmoid,),
}


def recognize(result: Operand, calls: Sequence[Call], make: Make) -> Operand | None:
    """An operand that equals `result` in fewer steps, made by `make`; None when no pattern ends in that step."""
    if not isinstance(result, int) or result < 0:
        return None
    steps = Steps(calls, make)
    for pattern in PATTERNS.get(calls[result].function, ()):
        found = pattern(result, steps)
        if found is not None:
            return found
    return None
