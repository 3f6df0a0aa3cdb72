"""What a page downloads before the model."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

LIMIT = 28_000
# By backend, the files that a page of it loads. The fallback's kernels do not count.
FILES = {
    "webgpu": ["webdnn.mjs", "webdnn-webgpu.mjs"],
    "webgl": ["webdnn.mjs", "webdnn-webgl.mjs"],
    "webassembly": ["webdnn.mjs", "webdnn-worker.js"],
    # Where a policy or the host has no workers, the worker's file is not fetched either.
    "webassembly, where no worker starts": ["webdnn.mjs", "webdnn-webassembly.mjs"],
    "webgpu, by a script tag": ["webdnn.js", "webdnn-webgpu.mjs"],
}


@pytest.mark.parametrize("backend", FILES)
def test_gzipped(runtime_dist: Path, backend: str) -> None:
    sizes = {name: len(gzip.compress((runtime_dist / name).read_bytes(), 9)) for name in FILES[backend]}
    assert sum(sizes.values()) <= LIMIT, sizes
