"""The list of passes, and the loop that runs it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from webdnn.graph.errors import GraphError
from webdnn.graph.graph import Graph
from webdnn.graph.verify import verify
from webdnn.optimizer.attention import cut_large_attention
from webdnn.optimizer.computed_weights import expand_computed_weights
from webdnn.optimizer.concat import flatten_concat, split_over_concat
from webdnn.optimizer.constant_folding import fold_constants
from webdnn.optimizer.cse import share_common_subexpressions
from webdnn.optimizer.dense_weights import permute_dense_weights
from webdnn.optimizer.elementwise_chain import fuse_elementwise
from webdnn.optimizer.epilogue import fuse_epilogue
from webdnn.optimizer.joint import join_elementwise
from webdnn.optimizer.loops import hoist_from_loops
from webdnn.optimizer.move_rows import shorten_moves
from webdnn.optimizer.no_op import merge_moves, remove_no_op, transpose_as_reshape
from webdnn.optimizer.normalization import recognize_normalize
from webdnn.optimizer.padding import fold_padding, fold_padding_into_max
from webdnn.optimizer.product_factors import transpose_of_factor
from webdnn.optimizer.recognition import recognize_softmax
from webdnn.optimizer.reshape_motion import sink_reshape
from webdnn.optimizer.rewrite import Rule, map_bodies, reasons_to_stay, rewrite_to_fixpoint
from webdnn.optimizer.scale_bias import fold_into_next, fold_into_sum
from webdnn.optimizer.simplify_programs import simplify_elementwise, simplify_epilogue
from webdnn.optimizer.transpose_motion import sink_transpose

MAX_ROUNDS = 20
"""And one for every two ops: what a rule does to one layer of a dense block may let another begin on the next."""

Observer: TypeAlias = "Callable[[str, Graph, int], None]"
Run: TypeAlias = "Callable[[Graph], tuple[Graph, int]]"


@dataclass(frozen=True)
class Pass:
    """A step of the optimizer: `run` gives the better graph and how much it changed; `reason` says why it stands where it does.

    `functions` are the rules that it applies, or the one function that works on the whole graph; their docstrings become docs/optimizer.md.
    """

    name: str
    functions: tuple[Callable[..., object], ...]
    run: Run
    reason: str
    rules: tuple[Rule, ...] = ()


def optimize(graph: Graph, level: int = 1, observer: Observer | None = None, further: Sequence[Rule] = ()) -> Graph:
    """A graph with the same inputs, outputs and answers, and fewer and larger ops. Level 0 changes only what no backend runs.

    The list of passes runs until a whole round changes nothing, and again when EXPANSION or ATTENTION changes something then; at last LAST_PASSES
    run once. `further` are rules that are tried before PASSES.
    `observer(pass, graph, changes)` is called after every pass. WEBDNN_DEBUG=1 prints passes, timings and why rules leave what they looked at to
    stderr, 2 also the graph after each pass that changed it.
    """
    if level == 0:
        return _run(EXPANSION, graph, observer)
    passes = (*([further_rules(further)] if further else []), *PASSES)
    graph = _to_fixpoint(graph, observer, passes)
    for step in (EXPANSION, ATTENTION):
        better = _run(step, graph, observer)
        graph = graph if better is graph else _to_fixpoint(better, observer, passes)
    if _debug_level():
        _print_reasons(graph)
    for step in LAST_PASSES:
        graph = _run(step, graph, observer)
    return graph


def rules(name: str, functions: Sequence[Rule], reason: str) -> Pass:
    """The pass that applies rules until none fires."""
    return Pass(name, tuple(functions), lambda graph: rewrite_to_fixpoint(graph, functions), reason, tuple(functions))


def whole_graph(name: str, function: Run, reason: str) -> Pass:
    """The pass that runs `function` once."""
    return Pass(name, (function,), function, reason)


def optimize_loop_bodies(graph: Graph) -> tuple[Graph, int]:
    """The body of every loop, a graph of its own, is optimized; bodies used twice stay one."""
    return map_bodies(graph, _to_fixpoint)


def further_rules(functions: Sequence[Rule]) -> Pass:
    """The pass that applies rules of plugins, also in the bodies of loops."""

    def run(graph: Graph) -> tuple[Graph, int]:
        graph, inside = map_bodies(graph, lambda body: run(body)[0])
        graph, fired = rewrite_to_fixpoint(graph, functions)
        return graph, inside + fired

    return Pass("plugins", tuple(functions), run, "first: they look for what frontends write", tuple(functions))


def _to_fixpoint(graph: Graph, observer: Observer | None = None, passes: Sequence[Pass] | None = None) -> Graph:
    """`graph` after rounds of `passes`, or else of PASSES, of which the last one changed nothing."""
    verify(graph)
    rounds = MAX_ROUNDS + len(graph.nodes()) // 2
    for _ in range(rounds):
        before = graph
        for step in PASSES if passes is None else passes:
            graph = _run(step, graph, observer)
        if graph is before:
            return graph
    raise GraphError(
        f"the optimizer still changes '{graph.name}' after {rounds} rounds; this is a bug, use --optimize 0"
    )


def _run(step: Pass, graph: Graph, observer: Observer | None) -> Graph:
    debug = _debug_level()
    start = time.perf_counter()
    result, changes = step.run(graph)
    if changes:
        verify(result)
        _check_interface(step.name, graph, result)
    if debug:
        print(f"optimizer: {step.name}: {changes} in {(time.perf_counter() - start) * 1000:.1f} ms", file=sys.stderr)
    if debug >= 2 and changes:
        print(result, file=sys.stderr)
    if observer is not None:
        observer(step.name, result, changes)
    return result


def _print_reasons(graph: Graph) -> None:
    rules = dict.fromkeys(rule for step in PASSES for rule in step.rules)
    for reason in reasons_to_stay(graph, list(rules)):
        print(f"optimizer: {reason}", file=sys.stderr)


def _check_interface(name: str, before: Graph, after: Graph) -> None:
    """A pass must keep what the outside sees."""
    if after.inputs != before.inputs or after.output_names != before.output_names:
        raise GraphError(
            f"{name} changed the graph's inputs or the names of its outputs; this is a bug of the optimizer"
        )
    if [start for start, _ in after.states] != [start for start, _ in before.states]:
        raise GraphError(f"{name} changed what the graph keeps from run to run; this is a bug of the optimizer")
    for old, new in zip(before.roots(), after.roots(), strict=True):
        if old.type != new.type:
            raise GraphError(f"{name} changed an output from {old.type} to {new.type}; this is a bug of the optimizer")


def _debug_level() -> int:
    text = os.environ.get("WEBDNN_DEBUG", "0")
    return int(text) if text.isdigit() else 0


PASSES = (
    whole_graph(
        "hoisting", hoist_from_loops, "before loop_bodies, which would fuse what can leave with what must stay"
    ),
    whole_graph("loop_bodies", optimize_loop_bodies, "first: what the body no longer needs is then not made for it"),
    rules("constant_folding", [fold_constants], "before all that looks for constants"),
    whole_graph("cse", share_common_subexpressions, "before fusion, which would hide equal parts in unequal wholes"),
    rules(
        "no_op",
        [remove_no_op, merge_moves, simplify_elementwise, simplify_epilogue],
        "before fusion: they stand between its partners",
    ),
    rules(
        "transpose_motion",
        [remove_no_op, merge_moves, shorten_moves, sink_transpose, sink_reshape, permute_dense_weights],
        "before fusion: a transpose between a convolution and its activation keeps them apart",
    ),
    rules(
        "product_factors",
        [transpose_of_factor],
        "after transpose_motion: a transpose that can meet its inverse is gone for all its readers",
    ),
    rules("size_one_transpose", [transpose_as_reshape], "after transposes had the chance to cancel each other"),
    whole_graph(
        "cse_of_moves",
        share_common_subexpressions,
        "after transpose_motion, which makes a move anew for each of its readers; before rows, which looks for one value that is read twice",
    ),
    rules(
        "rows",
        [recognize_softmax, recognize_normalize],
        "before fusion, which would take their parts into their neighbours",
    ),
    rules(
        "padding",
        [fold_padding, fold_padding_into_max],
        "before epilogue, whose scale and bias folding must see all padding of a convolution",
    ),
    rules(
        "concat",
        [flatten_concat, split_over_concat],
        "after no_op and transpose_motion, which bring concatenations together; before epilogue, which takes what moves through them",
    ),
    rules(
        "epilogue",
        [fold_into_sum, fold_into_next, fuse_epilogue],
        "one pass: batch norm gets into the weights through the epilogue and frees the operands that the next fusion needs; before "
        "elementwise_chain, which would bind batch norms of two branches into their sum",
    ),
    rules(
        "elementwise_chain",
        [fuse_elementwise],
        "on what no epilogue could take; x·sigmoid(x) becomes one op, which the next round's epilogue takes",
    ),
)

EXPANSION = whole_graph(
    "computed_weights",
    expand_computed_weights,
    "when weights that can be folded into constants are constants; what it makes is optimized like all else",
)

ATTENTION = whole_graph(
    "attention_blocks",
    cut_large_attention,
    "when the softmax and the epilogues of its products are found",
)

LAST_PASSES = (
    whole_graph(
        "joint_results",
        join_elementwise,
        "once, behind all rounds: no rule looks into an op that has several results, so none must be left that could fire",
    ),
)
"""What follows when PASSES change nothing any more."""
