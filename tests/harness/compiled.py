"""What compilers make, kept from run to run in `.cache` of the checkout: zig's modules of WebAssembly, and the programs that JAX runs for Keras.

Both are found under everything that goes into them, so that a test sees what it would see without. Tests of a compiler itself ask for the
fixture `compilers_run`.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path

from harness.cache import Cache, key_of
from webdnn.backend.webassembly import toolchain
from webdnn.backend.webassembly.toolchain import Toolchain, find_zig

Modules = Callable[[Toolchain, str, str], dict[str, bytes]]
DAYS = 7
"""Modules that were not used for so long are deleted, and programs that were made longer ago."""


def open_modules(root: Path) -> Cache:
    """The cache in `root` for modules that this source of toolchain.py has this version of zig make."""
    return Cache(root, key_of([Path(str(toolchain.__file__))], ["ziglang"]))


def open_programs(root: Path) -> Cache:
    """The cache in `root` for programs of this version of JAX on this processor, which JAX's own keys leave out."""
    return Cache(root, key_of([], ["jax", "jaxlib"]))


def keeping(modules: Modules, cache: Cache) -> Modules:
    """`Toolchain.modules` that has zig compile what is not in `cache`. Other compilers always run: their names do not tell all of them."""

    @wraps(modules)
    def kept(self: Toolchain, source: str, instructions: str) -> dict[str, bytes]:
        if self != find_zig():
            return modules(self, source, instructions)

        def make(folder: Path) -> None:
            for variant, content in modules(self, source, instructions).items():
                (folder / variant).write_bytes(content)

        flags = (toolchain.COMPILE, toolchain.INSTRUCTION_SETS, toolchain.LINK, toolchain.LINKS)
        name = hashlib.sha256(repr((self, flags, source, instructions)).encode()).hexdigest()[:32]
        folder = cache.get(name, make)
        return {instructions + link: (folder / (instructions + link)).read_bytes() for link in toolchain.LINKS}

    return kept


@contextmanager
def keeping_programs(kept: Path) -> Iterator[None]:
    """What JAX compiles meanwhile is in the folder `kept` afterwards; reading it takes a tenth of the time.

    JAX gets a copy of `kept` for itself: it writes into files that another process may be reading, and that a stopped one leaves cut.
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    def use(folder: str | None) -> None:
        jax.config.update("jax_compilation_cache_dir", folder)
        compilation_cache.reset_cache()  # JAX does not look for a folder twice

    before = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update(
        "jax_persistent_cache_enable_xla_caches", "none"
    )  # of GPUs; the folder would be a part of the keys
    with tempfile.TemporaryDirectory(prefix=".", dir=kept) as name:
        own = Path(name)
        for file in kept.glob("*-cache"):
            with suppress(FileNotFoundError):  # another process deletes what is old
                shutil.copyfile(file, own / file.name)
        known = set(own.iterdir())
        use(name)
        try:
            yield
        finally:
            use(before)
        for file in set(own.iterdir()) - known:
            file.replace(kept / file.name)
