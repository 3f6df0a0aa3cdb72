"""From the name of a kernel and its attributes to a step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webdnn.backend.builder import Builder
from webdnn.descriptor.schema import Kernel
from webdnn.graph.dim import Size
from webdnn.graph.graph import Node


@dataclass(frozen=True)
class FallbackKernel(Kernel):
    """A function of the runtime. `attributes` is everything about the op that is no size, as a JSON object: in its text, unlike in Python,
    0 and −0 differ, so that only equal kernels are one."""

    attributes: str
    script: str = ""
    """By what the page registers the kernel, which is then none of the runtime's."""

    def to_json(self) -> dict[str, Any]:
        more = {"script": self.script} if self.script else {}
        return {"name": self.name, "attributes": json.loads(self.attributes), **more}


def kernel(builder: Builder, name: str, **attributes: object) -> int:
    """Index of the kernel `name` with `attributes`."""
    return builder.kernel(FallbackKernel(name, json.dumps(attributes)))


def emit(builder: Builder, node: Node, name: str, args: Sequence[Size] = (), **attributes: object) -> None:
    """The step of an op that is one call of the kernel `name`. It reads sizes off the shapes of its operands; what else may be symbolic is
    in `args`."""
    inputs, outputs = ([builder.view(value) for value in values] for values in (node.inputs, node.outputs))
    builder.step(kernel(builder, name, **attributes), inputs, outputs, args, origin=node.origin)


def emit_registered(
    builder: Builder, node: Node, name: str, script: str, args: Sequence[Size] = (), **attributes: object
) -> None:
    """The same for the kernel that a page registers as `name`: `script` is the file that does so, which the page has to load."""
    inputs, outputs = ([builder.view(value) for value in values] for values in (node.inputs, node.outputs))
    record = FallbackKernel(name, json.dumps(attributes), script)
    builder.step(builder.kernel(record), inputs, outputs, args, origin=node.origin)
