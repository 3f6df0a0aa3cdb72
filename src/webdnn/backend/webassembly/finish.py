"""Kernels of a plan → C → WebAssembly modules, one per variant."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2

from webdnn.backend.webassembly.dialect import literal, render_program
from webdnn.backend.webassembly.lower_convolution import BLOCK_DEPTH, BLOCK_ELEMENTS
from webdnn.backend.webassembly.winograd import POINT_A, POINT_B, filter_transform
from webdnn.descriptor.schema import Plan
from webdnn.graph.errors import WebDNNError

HEADERS = ("simd.h.jinja", "team.h.jinja", "math.h.jinja", "gemm.h.jinja", "winograd.h.jinja", "move.h.jinja")

INSTRUCTION_SETS: dict[str, tuple[str, ...]] = {
    "simd": (),
    "relaxed-simd": ("-mrelaxed-simd", "-DRELAXED_SIMD"),
}
"""Compiled once each, linked with and without shared memory: on a memory that is not shared the threads' atomics do no harm."""

LINKS: dict[str, tuple[str, ...]] = {
    "": (),
    # Up to 65,535 pages: what the runtime's memory may grow to is in its own maximum.
    "-threads": ("--shared-memory", f"--max-memory={65535 << 16}"),
}
VARIANTS = tuple(instructions + threads for instructions in INSTRUCTION_SETS for threads in LINKS)
ZIG_VERSION = "0.17.1"

STATIC_BYTES = 1 << 20
"""Linear memory below the weights: constants and the stack. The runtime's first memory is at least as large."""
STACK_BYTES = 1 << 16

# No -ffast-math, whole or in parts: infinities and NaN behave as in numpy, and sums are made in the order written.
COMPILE = (
    *(
        "-target",
        "wasm32-freestanding",
        "-std=c11",
        "-O3",
        "-msimd128",
        "-matomics",
        "-mbulk-memory",
        "-mnontrapping-fptoint",
    ),
    *(
        "-fno-math-errno",
        "-fno-trapping-math",
        "-ffp-contract=off",
        "-fno-strict-aliasing",
        "-fno-sanitize=all",
        "-nostdlib",
    ),
    "-Wno-unused-function",
)
LINK = (
    *("--no-entry", "--import-memory", "--export=__heap_base", "--export=__stack_pointer", "-s"),
    *(f"--initial-memory={STATIC_BYTES}", "-z", f"stack-size={STACK_BYTES}"),
)


class ToolchainError(WebDNNError):
    """The C compiler is missing, or failed."""


def finish(plan: Plan, options: Mapping[str, object]) -> None:
    """Compiles the plan's kernels; what remains of a kernel's record is its name."""
    toolchain = options.get("toolchain", "zig")
    if toolchain != "zig":
        raise ToolchainError(f"webassembly: unknown toolchain {toolchain!r}; known: zig")
    plan.source = source = render_module(plan.kernels)
    plan.kernels = [{"name": kernel["name"]} for kernel in plan.kernels]
    with ThreadPoolExecutor(len(INSTRUCTION_SETS)) as pool:
        modules = pool.map(lambda instructions: compile_modules(source, instructions), INSTRUCTION_SETS)
    plan.files = {variant: content for files in modules for variant, content in files.items()}


@lru_cache(1)
def _templates() -> jinja2.Environment:
    folder = Path(__file__).parent / "kernels"
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), undefined=jinja2.StrictUndefined, trim_blocks=False, autoescape=False
    )


def render_module(kernels: list[dict[str, Any]]) -> str:
    """The C source of all kernels, in their order."""
    sources = [_render_kernel(index, kernel) for index, kernel in enumerate(kernels)]
    template = _templates().get_template("module.c.jinja")
    return template.render(
        headers=HEADERS,
        sources=sources,
        block_depth=BLOCK_DEPTH,
        block_elements=BLOCK_ELEMENTS,
        point_a=POINT_A,
        point_b=POINT_B,
    )


def _render_kernel(index: int, kernel: dict[str, Any]) -> str:
    fields: dict[str, Any] = {"index": index, "kernel": kernel, "program": ""}
    if kernel.get("program"):
        inputs = len(kernel["operands"]) + (kernel["name"] != "elementwise")
        fields["program"] = render_program(f"program_{index}", inputs, kernel["program"])
    if "m" in kernel:
        fields["transform"] = [[float(value).hex() for value in row] for row in filter_transform(kernel["m"])]
    if "value" in kernel:
        fields["literal"] = literal(kernel["value"])
    return _templates().get_template(kernel["template"]).render(fields)


def compile_modules(source: str, instructions: str) -> dict[str, bytes]:
    """The modules of `source` for one set of instructions, by variant; the same bytes wherever and whenever they are made."""
    if find_spec("ziglang") is None:
        raise ToolchainError(
            f"webassembly: the C compiler is missing: no Python package 'ziglang'; run: pip install ziglang=={ZIG_VERSION}"
        )
    with tempfile.TemporaryDirectory(prefix="webdnn-") as name:
        folder = Path(name)
        (folder / "kernels.c").write_text(source, encoding="utf-8", newline="\n")
        flags = [*COMPILE, *INSTRUCTION_SETS[instructions]]
        _run_compiler([*flags, "-c", "kernels.c"], instructions, folder, "kernels.o")
        return {
            instructions + suffix: _run_compiler(
                [*flags, "kernels.o", f"-Wl,{','.join((*LINK, *link))}"], instructions + suffix, folder, "kernels.wasm"
            )
            for suffix, link in LINKS.items()
        }


def _run_compiler(arguments: list[str], variant: str, folder: Path, output: str) -> bytes:
    """The file that the compiler makes in `folder`."""
    command = [sys.executable, "-m", "ziglang", "cc", *arguments, "-o", output]
    # The compiler's caches lie in the temporary folder too, so that a home that is read-only or missing will do.
    caches = {name: str(folder / "cache") for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **caches}, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    file = folder / output
    if done.returncode != 0 or not file.is_file():
        message = done.stderr.decode("utf-8", "replace").strip()[-4000:]
        raise ToolchainError(
            f"webassembly: the C compiler failed on the {variant} variant (exit code {done.returncode}); "
            f"check the installation with: {sys.executable} -m ziglang version\n{message}"
        )
    return file.read_bytes()
