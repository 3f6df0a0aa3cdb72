"""WebGL 2: fragment shaders that compute four columns of a matrix at a time."""

from __future__ import annotations

from collections.abc import Mapping

from webdnn.backend.target import Capabilities, Target
from webdnn.backend.webgl.lower_movement import copy
from webdnn.backend.webgl.lowering import LOWERINGS
from webdnn.descriptor.schema import Plan


def _finish(plan: Plan, options: Mapping[str, object]) -> None:
    """Nothing to add: shaders are compiled in the page."""


TARGET = Target(
    name="webgl",
    capabilities=Capabilities(
        memory="slots", strided_write=False, in_place=False, same_buffer_io=False, alignment=4, pad_columns=True
    ),
    lowerings=LOWERINGS,
    copy=copy,
    finish=_finish,
)
