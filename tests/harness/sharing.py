"""Which tests go to the same process, so that what they share (a model, compiled kernels, a page) is made once.

The groups of pytest-xdist 3.8 (`xdist_group`) do nothing with pytest 9.2: they are written into a field that it no longer has.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.applications import APPLICATIONS

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

# Tests of a network that do not say which by their first parameter.
NETWORKS = {
    "tests/models/test_models.py::test_symbolic_batch": "mobilenet_v2",
    "tests/models/test_models.py::test_symbolic_unet": "unet",
}
# Files whose first parameter says what is compiled.
BY_PARAMETER = (
    "tests/backend/test_cases.py",
    "tests/backend/test_keras_layers.py",
    "tests/backend/test_toolchains.py",
)


def group_of(test: str) -> str:
    """The group of a test, given its node id: a network, a backend or toolchain with all its cases, else a file."""
    function, _, parameters = test.partition("[")
    file = function.partition("::")[0]
    first = re.split(r"[] -]", parameters)[0]
    if function in NETWORKS or first in APPLICATIONS:
        return NETWORKS.get(function, first)
    return f"{file} {first}" if file in BY_PARAMETER and first else file


def scheduler(config: Any, log: Any) -> LoadScopeScheduling:
    """Hands whole groups to the processes of pytest-xdist."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return ByGroup(config, log)
