"""What pytest has selected, so that a fixture that computes many cases at once computes no others: `-k` with one case takes as long as that case."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

Selected = Callable[..., list[Any]]
"""`selected(module, name, **fixed)`: the values of the parameter `name` in the tests of a module whose other parameters are `fixed`."""


def selected_of(items: Iterable[pytest.Item], module: str, name: str, **fixed: Any) -> list[Any]:
    found = []
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        is_fixed = all(key in parameters and parameters[key] == value for key, value in fixed.items())
        if name in parameters and is_fixed and getattr(item, "module", None).__name__ == module:
            found.append(parameters[name])
    return found
