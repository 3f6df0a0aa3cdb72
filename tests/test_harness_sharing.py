"""Tests that share something expensive go to the same process."""

from __future__ import annotations

import pytest

from harness.sharing import group_of


@pytest.mark.parametrize(
    ("test", "group"),
    [
        ("tests/models/test_models.py::test_native_size[resnet50-webassembly simd]", "resnet50"),
        ("tests/models/test_models.py::test_mutants_fail[resnet50]", "resnet50"),
        ("tests/models/test_models.py::test_mutants_fail[resnet50_v2]", "resnet50_v2"),
        ("tests/optimizer/test_models.py::test_applications[resnet50]", "resnet50"),
        ("tests/models/test_models.py::test_symbolic_batch[webgl]", "mobilenet_v2"),
        ("tests/frontend/keras/test_models.py::test_symbolic_batch[nested]", "tests/frontend/keras/test_models.py"),
        ("tests/backend/test_cases.py::test_case[webassembly simd-conv2d, 3]", "tests/backend/test_cases.py webassembly"),
        ("tests/backend/test_cases.py::test_case[webgl-reduce everything]", "tests/backend/test_cases.py webgl"),
        ("tests/backend/test_toolchains.py::test_unknown_toolchain", "tests/backend/test_toolchains.py"),
        ("tests/test_layering.py::test_the_check_itself[a-b]", "tests/test_layering.py"),
    ],
)  # fmt: skip
def test_groups(test: str, group: str) -> None:
    assert group_of(test) == group
