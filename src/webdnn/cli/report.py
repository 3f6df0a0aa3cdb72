"""The closing report: what a conversion made, in numbers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from webdnn.backend.limits import memory_of
from webdnn.backend.target import Target
from webdnn.cli.backends import load_target
from webdnn.descriptor.schema import MANY_WORKGROUPS, Item, Loop, Plan
from webdnn.descriptor.writer import json_bytes
from webdnn.graph.cost import count_ops, macs, parameters, smallest_sizes
from webdnn.graph.dim import Dim, evaluate
from webdnn.graph.graph import Graph, Input, collect_constraints
from webdnn.graph.types import BYTES_PER_ELEMENT

LONGEST_EXPRESSION = 60


@dataclass(frozen=True)
class BackendReport:
    """One backend's share; bytes of activations and dispatches are None when no sample sizes are known."""

    weight_bytes_on_device: int
    packed_bytes: int
    activation_bytes: int | None
    largest_live_bytes: int | None
    kernels: int
    steps: int
    dispatches: int | None
    plan_gzip_bytes: int
    code_gzip_bytes: dict[str, int]
    """By variant; one of them reaches the page. Empty for fallback, whose code is part of the runtime."""
    toolchain: str | None
    """What compiled the code, where something did."""


@dataclass(frozen=True)
class Report:
    """Everything that is printed; also written as JSON. Holds no times and no absolute paths: equal conversions give equal reports."""

    name: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    parameters: int
    parameters_before: int
    macs: int | None
    macs_expression: str | None
    sample: dict[str, int] | None
    """The sizes for which symbolic quantities are given."""
    weight_bytes: int
    shards: int
    ops: dict[str, int]
    transposes: int
    placeholders: dict[str, str]
    constraints: tuple[str, ...]
    backends: dict[str, BackendReport]
    left_out: dict[str, str]
    descriptor_bytes: int

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def make_report(
    graph: Graph,
    plans: Mapping[str, Plan],
    files: Mapping[str, int],
    *,
    source_parameters: int,
    left_out: Mapping[str, str],
) -> Report:
    """The report of the Descriptor with these `files` (bytes by name), which was made from `graph` (optimized) and `plans`."""
    cost = macs(graph)
    sample = smallest_sizes(graph)
    shards = [size for name, size in files.items() if name.startswith("weights.")]
    return Report(
        name=graph.name,
        inputs={v.op.label: str(v.type) for v in graph.inputs if isinstance(v.op, Input)},
        outputs={name: str(v.type) for name, v in zip(graph.output_names, graph.outputs, strict=True)},
        parameters=parameters(graph),
        parameters_before=source_parameters,
        macs=_at(cost, sample),
        macs_expression=str(cost) if isinstance(cost, Dim) else None,
        sample=sample,
        weight_bytes=sum(shards),
        shards=len(shards),
        ops=count_ops(graph),
        transposes=count_ops(graph).get("Transpose", 0),
        placeholders={n: _bounds(n, p.minimum, p.maximum) for n, p in graph.placeholders.items()},
        constraints=tuple(str(c) for c in graph.constraints or collect_constraints(graph)),
        backends={name: _backend(plan, load_target(name), sample) for name, plan in plans.items()},
        left_out=dict(left_out),
        descriptor_bytes=sum(files.values()),
    )


def _at(size: int | Dim, sample: Mapping[str, int] | None) -> int | None:
    return size if isinstance(size, int) else None if sample is None else evaluate(size, sample)


def _bounds(name: str, minimum: int, maximum: int | None) -> str:
    return f"{minimum} <= {name}" + ("" if maximum is None else f" <= {maximum}")


def _backend(plan: Plan, target: Target, sample: Mapping[str, int] | None) -> BackendReport:
    memory = None if sample is None else memory_of(plan, target, sample)
    fixed = [
        (b.kind, BYTES_PER_ELEMENT[b.storage] * evaluate(b.elements, {}))
        for b in plan.buffers
        if b.kind in ("weight", "packed")
    ]
    return BackendReport(
        weight_bytes_on_device=sum(size for _, size in fixed),
        packed_bytes=sum(size for kind, size in fixed if kind == "packed"),
        activation_bytes=None if memory is None else memory.activations,
        largest_live_bytes=None if memory is None else memory.largest_live,
        kernels=len(plan.kernels),
        steps=_count(plan.steps, None),
        dispatches=None if sample is None else _count(plan.steps, sample),
        plan_gzip_bytes=_gzipped(json_bytes(plan.to_json())),
        code_gzip_bytes=_code(plan),
        toolchain=plan.toolchain,
    )


def _count(items: Sequence[Item], sample: Mapping[str, int] | None) -> int:
    """Steps as written, or with `sample` as run: a loop's as often as it repeats, on webgpu by a large device."""
    total = 0
    for item in items:
        if isinstance(item, Loop):
            total += _count(item.body, sample) * (
                1 if sample is None else evaluate(item.repeat, {**sample, MANY_WORKGROUPS: 1})
            )
        else:
            total += 1
    return total


def _code(plan: Plan) -> dict[str, int]:
    if plan.files:
        return {variant: _gzipped(content) for variant, content in sorted(plan.files.items())}
    sources = [k.text for k in plan.kernels if k.text is not None]
    return {"source": _gzipped("".join(sources).encode())} if sources else {}


def _gzipped(content: bytes) -> int:
    return len(gzip.compress(content, mtime=0))


def print_report(report: Report, out: Path, console: Console) -> None:
    """The report for people."""
    at = ", ".join(f"{name}={value}" for name, value in (report.sample or {}).items())
    console.print(f"\n[bold]{escape(report.name)}[/bold]")
    for title, tensors in (("input", report.inputs), ("output", report.outputs)):
        for name, type_ in tensors.items():
            console.print(f"  {title:<12} {escape(name)}  [dim]{escape(type_)}[/dim]")
    console.print(f"  {'parameters':<12} {report.parameters:,}{_folded(report)}")
    console.print(f"  {'MACs':<12} {escape(_macs(report, at))}")
    console.print(f"  {'weights':<12} {size_text(report.weight_bytes)} in {_plural(report.shards, 'shard')}")
    console.print(f"  {'transposes':<12} {report.transposes} left")
    for bounds in report.placeholders.values():
        console.print(f"  {'placeholder':<12} {escape(bounds)}")
    for constraint in report.constraints:
        console.print(f"  {'requires':<12} {escape(constraint)}")
    console.print()
    console.print(_table(report))
    if at:
        console.print(f"[dim]Sizes that depend on placeholders are for {escape(at)}.[/dim]")
    for name in report.left_out:
        console.print(f"[yellow]{name} is left out: it cannot run this model (see the warning above).[/yellow]")
    console.print(
        f"\nWritten: [bold]{escape(str(out))}[/bold] ({size_text(report.descriptor_bytes)}). Serve it with your page, then:"
    )
    console.print(f"  const runner = await WebDNN.load('{escape(_address(out))}');", style="cyan")


def _folded(report: Report) -> str:
    if report.parameters == report.parameters_before:
        return ""
    return f" [dim]({report.parameters_before:,} before optimization)[/dim]"


def _macs(report: Report, at: str) -> str:
    expression = report.macs_expression
    if expression is None:
        return f"{report.macs:,}"
    known = f"{report.macs:,} at {at}" if report.macs is not None else "unknown: no small sizes satisfy the constraints"
    return f"{expression}  ({known})" if len(expression) <= LONGEST_EXPRESSION else known


def _table(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    table.add_column("", style="dim")
    for name in report.backends:
        table.add_column(name, justify="right")
    for title, text in ROWS.items():
        table.add_row(title, *(text(part) for part in report.backends.values()))
    return table


def _ratio(part: int | None, whole: int | None) -> str:
    return "–" if part is None or not whole else f"× {part / whole:.2f}"


# What the table says about each backend, line by line.
ROWS: dict[str, Callable[[BackendReport], str]] = {
    "weights on the device": lambda r: size_text(r.weight_bytes_on_device),
    "  of them packed at load": lambda r: size_text(r.packed_bytes),
    "activations": lambda r: size_text(r.activation_bytes),
    "  of the largest live set": lambda r: _ratio(r.activation_bytes, r.largest_live_bytes),
    "kernels": lambda r: f"{r.kernels}",
    "kernel calls in a run": lambda r: "–" if r.dispatches is None else f"{r.dispatches:,}",
    "code, gzipped": lambda r: size_text(max(r.code_gzip_bytes.values())) if r.code_gzip_bytes else "in the runtime",
    "  compiled by": lambda r: r.toolchain or "–",
    "plan, gzipped": lambda r: size_text(r.plan_gzip_bytes),
}


def _address(out: Path) -> str:
    return f"./{out.name}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def size_text(size: int | None) -> str:
    """Bytes for people: 1 kB is 1,000 bytes."""
    if size is None:
        return "–"
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"
