"""The text of a model's configuration, judged before anything walks it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from webdnn.graph.errors import ModelError

DEEPEST = 200  # lists and objects in one another; each model in a model takes six
LARGEST_INTEGER = 2**31 - 1  # of sizes, which browsers index with 32 bits
_ANY_INTEGER = ("salt", "seed", "value", "vocabulary", "shared_object_id")


def parse(text: str, file: str) -> dict[str, Any]:
    """The object that `text` is, the configuration of the model in `file`. Raises ModelError for anything that Keras or this frontend, which
    follow it by recursion and take its numbers for sizes, would stumble over."""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ModelError(f"{file!r} is damaged: its model configuration is not JSON: {reason}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{file!r} is no Keras model: its configuration is a {type(config).__name__}, not an object")
    _check(config, file)
    return config


def _check(config: Mapping[str, Any], file: str) -> None:
    stack: list[tuple[Any, str, int]] = [(config, "", 0)]
    while stack:
        item, key, depth = stack.pop()
        if depth > DEEPEST:
            raise ModelError(f"{file!r} is damaged: its model configuration has more than {DEEPEST} levels")
        if isinstance(item, dict):
            stack += [(value, inner, depth + 1) for inner, value in item.items()]
            stack += [(inner, "a key", depth + 1) for inner in item]
        elif isinstance(item, list):
            stack += [(value, key, depth + 1) for value in item]
        elif isinstance(item, str):
            _check_text(item, key, file)
        elif isinstance(item, int) and abs(item) > LARGEST_INTEGER and key not in _ANY_INTEGER:
            raise ModelError(
                f"{file!r} is damaged: its model configuration says {key!r}: {_short(item)}; no size may be so large"
            )


def _check_text(text: str, key: str, file: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ModelError(
            f"{file!r} is damaged: {key!r} in its model configuration is no text: {ascii(text)[:80]}"
        ) from error


def _short(number: int) -> str:
    return str(number) if number.bit_length() < 100 else "a number of more than 30 digits"


def field(entry: Mapping[str, Any], key: str, kinds: type | tuple[type, ...], where: str) -> Any:
    """`entry[key]`, None where it is missing or null. Raises ModelError where it has another type than `kinds`."""
    value = entry.get(key)
    if value is not None and not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
        raise ModelError(
            f"the model's configuration is damaged: {key!r} of {where} is a {type(value).__name__}, not a {wanted}"
        )
    return value
