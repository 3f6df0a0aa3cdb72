"""Which backends there are, and which of them a conversion is for."""

from __future__ import annotations

import importlib
import importlib.util

from webdnn.backend.target import Target
from webdnn.cli.errors import UsageError
from webdnn.graph.errors import UnsupportedError

# In the order in which a page tries them. Imported only when needed: one that cannot be imported does not break the others.
BACKENDS = {
    "webgpu": "webdnn.backend.webgpu",
    "webgl": "webdnn.backend.webgl",
    "webassembly": "webdnn.backend.webassembly",
    "fallback": "webdnn.backend.fallback",
}
OLD_NAMES = {"webmetal": "webgpu"}


def available() -> list[str]:
    """Names of the backends that this installation has."""
    return [name for name, module in BACKENDS.items() if importlib.util.find_spec(module) is not None]


def parse_backends(text: str) -> tuple[list[str], list[str]]:
    """The backends that a comma list names, in the order of BACKENDS, and what to tell the user about old names."""
    known = available()
    notes: list[str] = []
    asked: set[str] = set()
    for part in text.split(","):
        name = part.strip().lower()
        if name in OLD_NAMES:
            notes.append(f"{name} is an old name of {OLD_NAMES[name]}; converting for {OLD_NAMES[name]}")
            name = OLD_NAMES[name]
        if name not in known:
            raise UsageError(f"--backend: there is no backend {part.strip()!r}; choose from {', '.join(known)}")
        asked.add(name)
    return [name for name in known if name in asked], notes


def load_target(name: str) -> Target:
    """The target called `name`. Raises UnsupportedError when something it needs is not installed."""
    try:
        module = importlib.import_module(BACKENDS[name])
    except ImportError as error:
        raise UnsupportedError(
            f"{name} cannot be used: {error}; install what is missing, or leave it out with --backend"
        ) from error
    target: Target = module.TARGET
    return target
