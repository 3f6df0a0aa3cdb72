"""The target `fallback`: kernels are functions of the runtime (webdnn_js/src/fallback), so a plan names them and gives their attributes."""

from webdnn.backend.fallback.lowering import LOWERINGS, copy, finish
from webdnn.backend.target import Capabilities, Target

TARGET = Target(
    name="fallback",
    capabilities=Capabilities(memory="arena", strided_write=True, in_place=True, same_buffer_io=True),
    lowerings=LOWERINGS,
    copy=copy,
    finish=finish,
)
