"""Putting elementwise programs together."""

from __future__ import annotations

from collections.abc import Sequence

from webdnn.graph.functions import FUNCTIONS
from webdnn.graph.graph import Value
from webdnn.graph.program import Call, Operand, Program
from webdnn.optimizer.literals import simplify
from webdnn.optimizer.match import is_floating, scalar
from webdnn.optimizer.recognition import recognize


class ProgramBuilder:
    """Collects calls and inputs; equal inputs and equal calls are kept once, scalar constants become literals, dead calls and inputs go.

    Operands of the builder: step i is i, input k is −1 − k, a literal is a float. A literal takes the dtype of the operands beside it; so a
    scalar integer becomes one only where it has such company.
    """

    def __init__(self) -> None:
        self._inputs: dict[Value | None, int] = {}
        self._calls: list[Call] = []
        self._dtypes: list[str] = []
        self._known: dict[Call, Operand] = {}
        self._sum_dtype = "float32"

    def sum(self, dtype: str) -> Operand:
        """The operand for a sum of products of `dtype`, input 0 of an epilogue; ask before any other input."""
        self._sum_dtype = dtype
        return self._index(None)

    def input(self, value: Value) -> Operand:
        """The operand for `value`."""
        number = scalar(value)
        return number if number is not None and is_floating(value) else self._index(value)

    def dtype(self, operand: Operand) -> str | None:
        """The dtype of an operand; None for a literal."""
        if isinstance(operand, float):
            return None
        if operand >= 0:
            return self._dtypes[operand]
        value = list(self._inputs)[-1 - operand]
        return self._sum_dtype if value is None else value.dtype

    def call(self, function: str, *operands: Operand) -> Operand:
        """The operand for `function` of operands, in its simplest form."""
        simple = simplify(Call(function, self._with_literals(function, operands)), self._calls, self.dtype)
        if not isinstance(simple, Call):
            return simple
        if simple not in self._known:
            place = self._known[simple] = len(self._calls)
            self._calls.append(simple)
            self._dtypes.append(
                FUNCTIONS[simple.function].infer(simple.function, [*map(self.dtype, simple.operands)])[1]
            )
            recognized = recognize(place, self._calls, self.call)
            self._known[simple] = place if recognized is None else recognized
        return self._known[simple]

    def inline(self, program: Program | None, operands: Sequence[Operand]) -> Operand:
        """The operand for the result of `program` on `operands`; without a program the only operand."""
        return self.inline_calls(program, operands)[-1] if program else operands[-1]

    def inline_calls(self, program: Program, operands: Sequence[Operand]) -> list[Operand]:
        """The operands for the results of all calls of `program` on `operands`."""
        known = list(operands)
        for call in program.calls:
            known.append(self.call(call.function, *(known[o] if isinstance(o, int) else o for o in call.operands)))
        return known[program.inputs :]

    def finish(self, result: Operand) -> tuple[Program | None, tuple[Value, ...]]:
        """The program that computes `result`, and its inputs without the sum. No program when the result is a literal or an input."""
        program, _, values = self.finish_all([result])
        return program, values

    def finish_all(self, results: Sequence[Operand]) -> tuple[Program | None, tuple[int, ...], tuple[Value, ...]]:
        """The program that computes `results`, the numbers of their calls, and its inputs without the sum. No program when one of them is a
        literal or an input."""
        needed = self._needed(results)
        inputs = [v for v, index in self._inputs.items() if v is None or -1 - index in needed]
        values = tuple(v for v in inputs if v is not None)
        if any(isinstance(result, float) or result < 0 for result in results):
            return None, (), values
        place = {-1 - self._inputs[v]: k for v, k in zip(inputs, range(len(inputs)), strict=True)}
        kept = [i for i in range(len(self._calls)) if i in needed]
        place |= {i: len(inputs) + k for k, i in enumerate(kept)}
        calls = tuple(
            Call(c.function, tuple(place[o] if isinstance(o, int) else o for o in c.operands))
            for c in (self._calls[i] for i in kept)
        )
        return Program(len(inputs), calls), tuple(place[int(r)] - len(inputs) for r in results), values

    def _with_literals(self, function: str, operands: Sequence[Operand]) -> tuple[Operand, ...]:
        """`operands`, in which integers that are scalar constants are literals where another operand tells their dtype."""
        first = int(FUNCTIONS[function].chooses)
        result = list(operands)
        for place in range(first, len(result)):
            number = self._scalar(result[place])
            others = (o for k, o in enumerate(result) if k >= first and k != place)
            if number is not None and any(isinstance(o, int) for o in others):
                result[place] = number
        return tuple(result)

    def _scalar(self, operand: Operand) -> float | None:
        if isinstance(operand, float) or operand >= 0:
            return None
        value = list(self._inputs)[-1 - operand]
        return None if value is None else scalar(value)

    def _index(self, value: Value | None) -> int:
        return -1 - self._inputs.setdefault(value, len(self._inputs))

    def _needed(self, results: Sequence[Operand]) -> set[int]:
        needed: set[int] = set()
        pending = list(results)
        while pending:
            operand = pending.pop()
            if isinstance(operand, int) and operand not in needed:
                needed.add(operand)
                pending += self._calls[operand].operands if operand >= 0 else ()
        return needed
