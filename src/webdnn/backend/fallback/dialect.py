"""Elementwise programs for the fallback kernels, which interpret them."""

from __future__ import annotations

from webdnn.graph.program import Program

FUNCTIONS = frozenset(
    "abs add atan ceil clip cos div elu equal erf exp expm1 floor gelu greater greater_equal hard_sigmoid leaky_relu less less_equal log "
    "log1p max min mod mul neg not_equal pow reciprocal relu round rsqrt sigmoid sign silu sin softplus softsign sqrt square sub tanh "
    "where".split()
)
"""The entries of `FUNCTIONS` in webdnn_js/src/fallback/functions.ts."""


def render(program: Program | None) -> list[list[object]] | None:
    """The program as the kernels read it: `[[function, operand…]…]`, where a literal is `{"value": x}`, and x may be "inf", "-inf" or "nan"."""
    return program.to_json() if program else None
