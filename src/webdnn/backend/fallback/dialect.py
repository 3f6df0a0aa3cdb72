"""Elementwise programs for the fallback kernels, which interpret them."""

from __future__ import annotations

from webdnn.graph.program import Program

FUNCTIONS = frozenset(
    "abs add ceil clip cos div elu erf exp floor gelu hard_sigmoid leaky_relu log max min mul neg pow reciprocal relu rsqrt sigmoid sign "
    "silu sin softplus softsign sqrt square sub tanh".split()
)
"""The entries of `FUNCTIONS` in webdnn_js/src/fallback/functions.ts."""


def render(program: Program | None) -> list[list[object]] | None:
    """The program as the kernels read it: `[[function, operand…]…]`, where a literal is `{"value": x}`."""
    return program.to_json() if program else None
