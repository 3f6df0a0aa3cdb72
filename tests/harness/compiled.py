"""What compilers make, kept from run to run in `.cache` of the checkout: modules of WebAssembly, and the programs that JAX runs for Keras.

Both are found under everything that goes into them, so that a test sees what it would see without. Tests of a compiler itself ask for the
fixture `compilers_run`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from harness.cache import Cache, delete_old, key_of
from webdnn.backend.webassembly import toolchain
from webdnn.backend.webassembly.toolchain import LINKS, Toolchain

Modules = Callable[[Toolchain, str, str], dict[str, bytes]]
DAYS = 7
"""Modules that were not used for so long are deleted, and programs that were made longer ago."""


def open_modules(root: Path) -> Cache:
    """The cache in `root` for modules of these flags and this version of zig."""
    return Cache(root, key_of([Path(toolchain.__file__)], ["ziglang"]))


def delete_old_ones(modules: Cache, programs: Path) -> None:
    delete_old(modules.folder, DAYS)
    delete_old(programs, DAYS)


def keeping(modules: Modules, cache: Cache) -> Modules:
    """`Toolchain.modules` that compiles what is not in `cache`. The other compilers have their versions in their names."""

    @wraps(modules)
    def kept(self: Toolchain, source: str, instructions: str) -> dict[str, bytes]:
        def make(folder: Path) -> None:
            for variant, content in modules(self, source, instructions).items():
                (folder / variant).write_bytes(content)

        name = hashlib.sha256(repr((self, source, instructions)).encode()).hexdigest()[:32]
        folder = cache.get(name, make)
        return {variant: (folder / variant).read_bytes() for variant in (instructions + link for link in LINKS)}

    return kept


def keep_programs(folder: Path) -> None:
    """JAX keeps in `folder` what it compiles for the operations of a model; reading it takes a tenth of the time."""
    import jax
    from jax._src.lru_cache import LRUCache
    from jax.experimental.compilation_cache import compilation_cache

    def put(self: Any, key: str, value: bytes) -> None:
        """Whole or not at all: JAX's own writes into a file that another process may read, and that a stopped one leaves cut."""
        draft = folder / f".{key[-32:]}.{os.getpid()}"
        draft.write_bytes(value)
        draft.replace(folder / f"{key}-cache")

    LRUCache.put = put  # type: ignore[method-assign]
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    compilation_cache.reset_cache()  # it may have been asked before, and found none
