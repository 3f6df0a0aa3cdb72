"""The plan as Python objects. docs/descriptor.md explains every part; `to_json` gives its grammar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from webdnn.graph.dim import JSONExpression, Size, product, to_json

VERSION = 3
MANY_WORKGROUPS = "$many"
"""A symbol of `repeat` in plans for webgpu: 1 on a device that needs hundreds of workgroups to be busy, 0 where dozens do."""


@dataclass(frozen=True)
class View:
    """Part of a buffer, seen as a tensor: element (row, column) stands at `offset + row·pitch + column`; units are elements."""

    buffer: int
    offset: Size
    pitch: Size
    shape: tuple[Size, ...]

    @property
    def columns(self) -> Size:
        """The last axis; 1 for a scalar."""
        return self.shape[-1] if self.shape else 1

    @property
    def rows(self) -> Size:
        """The product of all axes but the last."""
        return product(self.shape[:-1])

    @property
    def elements(self) -> Size:
        return product(self.shape)

    @property
    def is_dense(self) -> bool:
        """Whether rows follow each other without a gap."""
        return self.pitch == self.columns or self.rows == 1

    def strides(self) -> tuple[Size, ...]:
        """Distance between neighbours along each axis of `shape`, in elements."""
        result: list[Size] = [1] if self.shape else []
        step = self.pitch
        for size in reversed(self.shape[1:-1]):
            result.append(step)
            step = step * size
        if len(self.shape) > 1:
            result.append(step)
        return tuple(reversed(result))

    def to_json(self) -> dict[str, Any]:
        return {
            "buffer": self.buffer,
            "offset": to_json(self.offset),
            "pitch": to_json(self.pitch),
            "shape": expressions(self.shape),
        }

    def __str__(self) -> str:
        return f"b{self.buffer}[{self.offset}:{self.pitch}]({', '.join(map(str, self.shape))})"


@dataclass
class Buffer:
    """`kind` is weight, packed, activation or state; `storage` is the class of its cells, "float" or "int"; `live` (activation only) is
    filled when all steps are known."""

    kind: str
    storage: str
    elements: Size
    weight: int | None = None
    pitch: int | None = None
    live: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        if self.kind == "weight":
            return {"kind": "weight", "storage": self.storage, "weight": self.weight, "pitch": self.pitch}
        result: dict[str, Any] = {"kind": self.kind, "storage": self.storage, "elements": to_json(self.elements)}
        if self.kind == "activation":
            result["live"] = list(self.live or (0, 0))
        return result


@dataclass(frozen=True)
class Kernel:
    """A kernel of a plan. Targets derive records of their own, with the fields that they need; equal records are one kernel."""

    name: str

    @property
    def text(self) -> str | None:
        """What is compiled for this kernel alone, where a target has such a text."""
        return None

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name}


@dataclass(frozen=True)
class Step:
    """One kernel call."""

    kernel: int
    inputs: tuple[View, ...]
    outputs: tuple[View, ...]
    args: tuple[Size, ...] = ()
    dispatch: tuple[Size, ...] | None = None
    origin: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        result: dict[str, Any] = {
            "kernel": self.kernel,
            "in": [v.to_json() for v in self.inputs],
            "out": [v.to_json() for v in self.outputs],
            "args": expressions(self.args),
            "origin": ", ".join(self.origin),
        }
        if self.dispatch is not None:
            result["dispatch"] = expressions(self.dispatch)
        return result


@dataclass(frozen=True)
class Loop:
    """`body` run `repeat` times."""

    repeat: Size
    body: tuple[Item, ...]

    def to_json(self) -> dict[str, Any]:
        return {"repeat": to_json(self.repeat), "body": [item.to_json() for item in self.body]}


Item: TypeAlias = "Step | Loop"


@dataclass(frozen=True)
class Setup:
    """A kernel call for every piece of a weight that arrives; see docs/descriptor.md for its implicit parameters."""

    kernel: int
    weight: int
    output: View
    args: tuple[Size, ...] = ()
    dispatch: tuple[Size, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        result: dict[str, Any] = {
            "kernel": self.kernel,
            "weight": self.weight,
            "out": self.output.to_json(),
            "args": expressions(self.args),
        }
        if self.dispatch is not None:
            result["dispatch"] = expressions(self.dispatch)
        return result


@dataclass
class Plan:
    """What one backend does for one model. `files` maps a variant to a file's content until the writer names it; `source` is what
    they were compiled from, for people to read."""

    backend: str
    buffers: list[Buffer] = field(default_factory=list)
    kernels: list[Kernel] = field(default_factory=list)
    setup: list[Setup] = field(default_factory=list)
    steps: list[Item] = field(default_factory=list)
    inputs: list[View] = field(default_factory=list)
    outputs: list[View] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    memory_maximum: int | None = None
    source: str = ""
    toolchain: str | None = None
    """What compiled `files`, with its version."""
    notice: str | None = None
    """What the user should know about the plan, such as a variant that is missing."""

    def to_json(self) -> dict[str, Any]:
        """Everything but `source` and `files`, of which the descriptor writer puts names and hashes into the manifest."""
        result: dict[str, Any] = {
            "version": VERSION,
            "backend": self.backend,
            "buffers": [b.to_json() for b in self.buffers],
            "kernels": [k.to_json() for k in self.kernels],
            "setup": [s.to_json() for s in self.setup],
            "steps": [s.to_json() for s in self.steps],
            "inputs": [v.to_json() for v in self.inputs],
            "outputs": [v.to_json() for v in self.outputs],
        }
        if self.memory_maximum is not None:
            result["memory"] = {"maximum": self.memory_maximum}
        return result

    def __str__(self) -> str:
        lines = [f"plan for {self.backend}"]
        lines += [
            f"  b{i}: {b.kind} {b.storage}[{b.elements}]{f' live {b.live}' if b.live else ''}"
            for i, b in enumerate(self.buffers)
        ]
        lines += [
            f"  setup {self.kernels[s.kernel].name}(w{s.weight}) -> {s.output} {list(map(str, s.args))}"
            for s in self.setup
        ]
        lines += self._step_lines(self.steps, "  ")
        return "\n".join(lines)

    def _step_lines(self, items: Sequence[Item], indent: str) -> Iterator[str]:
        for item in items:
            if isinstance(item, Loop):
                yield f"{indent}repeat {item.repeat}:"
                yield from self._step_lines(item.body, indent + "  ")
            else:
                inputs, outputs = (", ".join(map(str, views)) for views in (item.inputs, item.outputs))
                yield f"{indent}{self.kernels[item.kernel].name}({inputs}) -> {outputs} {list(map(str, item.args))}  # {', '.join(item.origin)}"


def expressions(sizes: Sequence[Size]) -> list[JSONExpression]:
    """Sizes in the expression grammar."""
    return [to_json(size) for size in sizes]
