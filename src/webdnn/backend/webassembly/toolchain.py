"""C compilers: where each is found, what it can do, and how it makes the same modules of the same source as the others."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from webdnn import children
from webdnn.graph.errors import WebDNNError

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

STATIC_BYTES = 1 << 20
"""Linear memory below the weights: constants and the stack. The runtime's first memory is at least as large."""
STACK_BYTES = 1 << 16

# No -ffast-math, whole or in parts: infinities and NaN behave as in numpy, and sums are made in the order written.
COMPILE = (
    *("-std=c11", "-msimd128", "-matomics", "-mbulk-memory", "-mnontrapping-fptoint"),
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fno-strict-aliasing", "-nostdlib"),
    "-Wno-unused-function",
)
LINK = (
    *("--no-entry", "--import-memory", "--export=__heap_base", "--export=__stack_pointer", "-s"),
    *(f"--initial-memory={STATIC_BYTES}", "-z", f"stack-size={STACK_BYTES}"),
)

ZIG_VERSION = "0.17.1"
OLDEST_CLANG = 14
"""The first with vectors' __builtin_elementwise_ceil; what later ones added is in kernels/old_compilers.h.jinja."""
# Without a number first, then the newest: Debian's packages install only names with numbers.
CLANGS = ("clang", *(f"clang-{version}" for version in range(40, OLDEST_CLANG - 5, -1)))

# Which of two facts hold for a compiler: it prints the macros that are defined at the end. The intrinsic has had this name since clang 16,
# and not before the instruction had its final code.
PROBE = b"""
#if __has_builtin(__builtin_wasm_relaxed_madd_f32x4)
#define WEBDNN_RELAXED_SIMD 1
#endif
"""

# Compiled to see whether inline assembly may have vectors; clang 19 dies of it.
VECTOR_ASSEMBLY = b"""
typedef float f32x4 __attribute__((vector_size(16)));
f32x4 copy(f32x4 x) {
  f32x4 y;
  __asm__("local.get %1\\n\\tlocal.set %0" : "=r"(y) : "r"(x));
  return y;
}
"""


class ToolchainError(WebDNNError):
    """The C compiler is missing, too old, or failed."""


@dataclass(frozen=True)
class Toolchain:
    """How to start one compiler and its linker. `compile` is followed by flags and files; `link` by flags of wasm-ld, each after
    `link_prefix`, and the object file."""

    name: str
    """With its version, for people."""
    compile: tuple[str, ...]
    link: tuple[str, ...]
    check: str
    """A command that shows whether it is installed well."""
    caches: tuple[str, ...] = ()
    """Environment variables that name folders where it keeps what it may need again."""
    through_driver: bool = False
    """`link` is a compiler that hands its linker what stands in -Wl."""
    relaxed_simd: bool = True
    vector_assembly: bool = True
    """Whether the inner loops may be written in assembly."""

    @property
    def instruction_sets(self) -> tuple[str, ...]:
        return tuple(name for name in INSTRUCTION_SETS if self.relaxed_simd or name != "relaxed-simd")

    @property
    def notice(self) -> str | None:
        """What the user should know about its modules."""
        notices = []
        if not self.relaxed_simd:
            notices.append(
                f"{self.name} is too old for relaxed SIMD: the relaxed-simd variant is left out, pages use simd, which is slower; "
                "for both, use --toolchain zig, or emscripten or clang with clang 16 or newer"
            )
        if not self.vector_assembly:
            notices.append(
                f"{self.name} fails on vectors in inline assembly: convolutions are compiled from C, which is slower; "
                "use --toolchain zig, or another version of clang (16 works, 19 does not)"
            )
        return "; ".join(notices) or None

    def modules(self, source: str, instructions: str) -> dict[str, bytes]:
        """The modules of `source` for one set of instructions, by variant; the same bytes wherever and whenever they are made."""
        with tempfile.TemporaryDirectory(prefix="webdnn-") as name:
            folder = Path(name)
            (folder / "kernels.c").write_text(source, encoding="utf-8", newline="\n")
            flags = (*COMPILE, *INSTRUCTION_SETS[instructions])
            if not self.vector_assembly:
                flags += ("-DNO_VECTOR_ASSEMBLY",)
            self._make("kernels.o", [*self.compile, *flags, "-c", "kernels.c"], folder, instructions)
            modules = {}
            for suffix, link in LINKS.items():
                command = [*self.link, *self._link_arguments((*LINK, *link)), "kernels.o"]
                modules[instructions + suffix] = self._make("kernels.wasm", command, folder, instructions + suffix)
            return modules

    def _link_arguments(self, flags: Sequence[str]) -> list[str]:
        return [f"-Wl,{','.join(flags)}"] if self.through_driver else list(flags)

    def _make(self, output: str, command: Sequence[str], folder: Path, variant: str) -> bytes:
        """The file `output` that `command` makes in `folder`."""
        # Caches lie in the temporary folder too, so that a home that is read-only or missing will do.
        caches = {name: str(folder / "cache") for name in self.caches}
        done = _run([*command, "-o", output], cwd=folder, environment=caches)
        file = folder / output
        if done.returncode != 0 or not file.is_file():
            message = done.stderr.decode("utf-8", "replace").strip()[-4000:]
            raise ToolchainError(
                f"webassembly: the C compiler ({self.name}) failed on the {variant} variant (exit code {done.returncode}); "
                f"check the installation with: {self.check}\n{message}"
            )
        return file.read_bytes()


def find_zig() -> Toolchain:
    """zig's clang and wasm-ld, a Python package."""
    if find_spec("ziglang") is None:
        raise ToolchainError(
            f"webassembly: the C compiler is missing: no Python package 'ziglang'; run: pip install ziglang=={ZIG_VERSION}"
        )
    zig = (sys.executable, "-m", "ziglang")
    driver = (*zig, "cc", "-target", "wasm32-freestanding", "-O3", "-fno-sanitize=all")
    return Toolchain(
        name=f"zig {ZIG_VERSION}",
        compile=driver,
        link=(*driver, *COMPILE),
        check=f"{' '.join(zig)} version",
        caches=("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"),
        through_driver=True,
    )


# What zig tells its clang too. -O2 is what it makes of -O3; with a true -O3 modules are 1.4 times as large.
_CLANG = ("-O2", "-ffreestanding", "-fvisibility=hidden", "-mmutable-globals", "-msign-ext")


def find_emscripten() -> Toolchain:
    """emcc, with its own wasm-ld: emcc's link would add functions of a C library for its JavaScript, of which there is none."""
    wanted = f"emscripten with clang {OLDEST_CLANG} or newer is needed (Debian: apt install emscripten), or use --toolchain zig"
    emcc, config = shutil.which("emcc"), shutil.which("em-config")
    if emcc is None or config is None:
        missing = "emcc" if emcc is None else "em-config, which tells where emcc's linker is,"
        raise ToolchainError(f"webassembly: {missing} is not on the PATH; {wanted}")
    version = _answer(emcc, "-dumpversion")
    macros = _macros(emcc, _CLANG)
    if version is None or macros is None:
        raise ToolchainError(
            f"webassembly: {emcc} does not work: '{emcc} -dumpversion' or compiling an empty file fails; {wanted}"
        )
    clang = int(macros["__clang_major__"])
    if clang < OLDEST_CLANG:
        raise ToolchainError(f"webassembly: found emscripten {version} with clang {clang}; {wanted}")
    root = _answer(config, "LLVM_ROOT")
    linker = shutil.which("wasm-ld", path=root) or shutil.which(f"wasm-ld-{clang}", path=root)
    if linker is None:
        raise ToolchainError(
            f"webassembly: found emscripten {version}, but no wasm-ld in its LLVM_ROOT {root!r}; {wanted}"
        )
    return Toolchain(
        name=f"emscripten {version}",
        compile=(emcc, *_CLANG),
        link=(linker,),
        check=f"{emcc} --check",
        relaxed_simd="WEBDNN_RELAXED_SIMD" in macros,
        vector_assembly=_takes_vector_assembly(emcc, _CLANG),
    )


def find_clang(names: Sequence[str] = CLANGS) -> Toolchain:
    """The first clang of `names` that is new enough, knows WebAssembly and has a wasm-ld."""
    problems = []
    for name in names:
        path = shutil.which(name)
        if path is None:
            continue
        found = _as_clang(path)
        if isinstance(found, Toolchain):
            return found
        problems.append(f"{path}: {found}")
    wanted = f"clang {OLDEST_CLANG} or newer with its wasm-ld is needed (Debian: apt install clang-19 lld-19), or use --toolchain zig"
    raise ToolchainError(
        "\n  ".join([f"webassembly: {'no usable' if problems else 'found no'} clang on the PATH; {wanted}", *problems])
    )


def _as_clang(path: str) -> Toolchain | str:
    """The toolchain of the clang at `path`, or what it lacks."""
    version = _answer(path, "-dumpversion")
    if version is None or not version.split(".")[0].isdigit():
        return "does not tell its version"
    if int(version.split(".")[0]) < OLDEST_CLANG:
        return f"is clang {version}, too old"
    target = ("--target=wasm32-unknown-unknown", *_CLANG)
    macros = _macros(path, target)
    if macros is None:
        return f"clang {version} cannot compile to WebAssembly"
    # The name alone is the answer of a clang that has none beside it.
    linker = shutil.which(_answer(path, "-print-prog-name=wasm-ld") or "wasm-ld")
    if linker is None:
        return f"clang {version} has no wasm-ld"
    return Toolchain(
        name=f"clang {version}",
        compile=(path, *target),
        link=(linker,),
        check=f"{path} --version",
        relaxed_simd="WEBDNN_RELAXED_SIMD" in macros,
        vector_assembly=_takes_vector_assembly(path, target),
    )


TOOLCHAINS: Mapping[str, Callable[[], Toolchain]] = {
    "zig": find_zig,
    "emscripten": find_emscripten,
    "clang": find_clang,
}


def find_toolchain(name: object) -> Toolchain:
    """The toolchain that `--toolchain` calls `name`. Raises ToolchainError when it is not installed, or too old."""
    find = TOOLCHAINS.get(name) if isinstance(name, str) else None
    if find is None:
        raise ToolchainError(f"webassembly: unknown toolchain {name!r}; known: {', '.join(TOOLCHAINS)}")
    return find()


def _macros(compiler: str, flags: Sequence[str]) -> dict[str, str] | None:
    """The macros that `compiler` and PROBE define; None when it refuses the flags."""
    done = _run([compiler, *flags, "-msimd128", "-mrelaxed-simd", "-E", "-dM", "-x", "c", "-"], content=PROBE)
    if done.returncode != 0:
        return None
    lines = (line.split(" ", 2) for line in done.stdout.decode("utf-8", "replace").splitlines())
    return {line[1]: line[2] if len(line) > 2 else "" for line in lines if line[0] == "#define"}


def _takes_vector_assembly(compiler: str, flags: Sequence[str]) -> bool:
    with tempfile.TemporaryDirectory(prefix="webdnn-") as folder:
        output = str(Path(folder) / "probe.o")
        done = _run([compiler, *flags, "-msimd128", "-c", "-x", "c", "-", "-o", output], content=VECTOR_ASSEMBLY)
    return done.returncode == 0


def _answer(*command: str) -> str | None:
    """What `command` prints; None when it fails."""
    done = _run(command)
    return done.stdout.decode("utf-8", "replace").strip() or None if done.returncode == 0 else None


def _run(
    command: Sequence[str], cwd: Path | None = None, environment: Mapping[str, str] | None = None, content: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    try:
        return children.run(command, cwd, environment, content)
    except OSError as error:
        raise ToolchainError(f"webassembly: cannot start {command[0]}: {error.strerror or error}") from error
