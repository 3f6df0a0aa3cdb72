"""The sizes of a model's inputs as a user writes them: `'(N<=8,224,224,3)'`, `'name=(1,64)'`.

shape  = [name "="] "(" size {"," size} [","] ")"
size   = number | [number "<="] placeholder ["<=" number]
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import SupportsIndex, TypeAlias

from webdnn.graph.dim import Dim, Size, symbol
from webdnn.graph.errors import ModelError
from webdnn.graph.graph import Placeholder

_SHAPE = re.compile(r"\s*(?:(?P<name>[^=<>()]*[^=<>()\s])\s*=\s*)?\((?P<sizes>[^()]*)\)\s*", re.ASCII)
_SYMBOL = re.compile(r"\s*(?:(?P<least>\d+)\s*<=\s*)?(?P<name>[A-Za-z]\w{0,60})\s*(?:<=\s*(?P<most>\d+)\s*)?", re.ASCII)
LARGEST = 2**31 - 1  # what kernels count with
_IN_PROGRAMS = "write (1, 224, 224, 3), ('N<=8', 'H', 'W', 3) or '(N<=8,H,W,3)'; for several inputs a list of them, or {'name': shape}"
_EXAMPLES = "write it like '(1,224,224,3)', '(N<=8,H,W,3)' or 'name=(1,64)'"


@dataclass(frozen=True)
class InputShape:
    """The shape of the input `name`, or of the next input when None; `placeholders` holds the bounds written with it."""

    name: str | None
    shape: tuple[Size, ...]
    placeholders: Mapping[str, Placeholder] = field(default_factory=dict)

    def __str__(self) -> str:
        text = f"({', '.join(map(str, self.shape))})"
        return text if self.name is None else f"{self.name}={text}"


def parse_input_shape(text: str) -> InputShape:
    """The InputShape that `text` spells; raises ModelError, saying what is wrong with which part."""
    match = _SHAPE.fullmatch(text)
    if not match:
        raise ModelError(f"input shape {text!r} is not a list of sizes in brackets; {_EXAMPLES}")
    sizes: list[Size] = []
    placeholders: dict[str, Placeholder] = {}
    parts = match["sizes"].split(",")
    if not parts[-1].strip():  # (), or a comma after the last size
        parts.pop()
    for part in parts:
        size, bounds = _parse_size(part, text)
        sizes.append(size)
        for name, placeholder in bounds.items():
            known = placeholders.get(name, placeholder)
            placeholders[name] = _intersect(name, known, placeholder)
    return InputShape(match["name"], tuple(sizes), placeholders)


GivenShape: TypeAlias = "InputShape | str | Sequence[Size | str]"
"""The shape of one input as programs give it: parsed, as text, or as a tuple of numbers and placeholders (names, with bounds or without)."""
GivenShapes: TypeAlias = "GivenShape | Sequence[GivenShape] | Mapping[str, GivenShape]"
"""The shape of a model's one input, or those of all, in the model's order or by name."""


def as_input_shapes(given: GivenShapes) -> list[InputShape]:
    """The shapes that a program gives; raises ModelError for what is none, saying which part."""
    if isinstance(given, Mapping):
        named = [(name, _as_input_shape(shape)) for name, shape in given.items()]
        return [replace(shape, name=_input_name(name, shape)) for name, shape in named]
    if not isinstance(given, (InputShape, str)) and not _is_list(given):
        raise ModelError(f"input shapes are {given!r}, a {type(given).__name__}; {_IN_PROGRAMS}")
    if isinstance(given, (InputShape, str)) or (given and not any(map(_is_shape, given))):
        return [_as_input_shape(given)]  # type: ignore[arg-type]
    return [_as_input_shape(shape) for shape in given]  # type: ignore[arg-type]


def _as_input_shape(given: GivenShape) -> InputShape:
    if isinstance(given, InputShape):
        return given
    if isinstance(given, str):
        return parse_input_shape(given)
    wrong = [part for part in given if not _is_size(part)] if _is_list(given) else [given]
    if wrong:
        raise ModelError(
            f"input shape {given!r}: {wrong[0]!r} is neither a positive number nor a placeholder; {_IN_PROGRAMS}"
        )
    fixed = {index: size for index, size in enumerate(given) if isinstance(size, Dim)}
    texts = ("1" if index in fixed else str(part) for index, part in enumerate(given))
    parsed = parse_input_shape(f"({','.join(texts)})")
    return replace(parsed, shape=tuple(fixed.get(index, size) for index, size in enumerate(parsed.shape)))


def _input_name(name: object, shape: InputShape) -> str:
    if not isinstance(name, str) or shape.name not in (None, name):
        raise ModelError(f"input shape '{shape}' is given for the input {name!r}; {_IN_PROGRAMS}")
    return name


def _is_list(given: object) -> bool:
    return isinstance(given, Sequence) and not isinstance(given, (str, bytes))


def _is_shape(part: object) -> bool:
    return isinstance(part, InputShape) or _is_list(part) or (isinstance(part, str) and "(" in part)


def _is_size(part: object) -> bool:
    # Python counts True as a number, and NumPy's numbers are not Python's.
    return isinstance(part, (str, Dim, SupportsIndex)) and not isinstance(part, bool)


def merge_placeholders(shapes: Sequence[InputShape]) -> dict[str, Placeholder]:
    """All placeholders of `shapes`; one that several mention must lie within all its bounds."""
    merged: dict[str, Placeholder] = {}
    for shape in shapes:
        for name, placeholder in shape.placeholders.items():
            merged[name] = _intersect(name, merged.get(name, placeholder), placeholder)
    return merged


def match_input_shapes(
    inputs: Sequence[tuple[str, tuple[int | None, ...]]], shapes: Sequence[InputShape]
) -> tuple[list[tuple[Size, ...]], dict[str, Placeholder]]:
    """The shape of each of the model's inputs, and the placeholders they use.

    `inputs` are (name, shape) with None for what the model leaves open. Named shapes go to their inputs, the others to the inputs left over, in
    order. Without any shape, a model that leaves only the batch open gets batch 1.
    """
    for name, shape in inputs:
        if any(size is not None and size < 1 for size in shape):
            raise ModelError(f"input {name!r} has shape {_text(shape)} in the model; every size must be at least 1")
    if not shapes:
        return [_default_shape(name, shape) for name, shape in inputs], {}
    found = _assign(inputs, shapes)
    return [_check_shape(name, want, found[name]) for name, want in inputs], merge_placeholders(shapes)


def _parse_size(part: str, text: str) -> tuple[Size, dict[str, Placeholder]]:
    part = part.strip()
    if part.isascii() and part.isdigit():
        if int(part) < 1:
            raise ModelError(f"input shape {text!r}: size {part} is less than 1")
        if int(part) > LARGEST:
            raise ModelError(f"input shape {text!r}: size {part} is more than {LARGEST}")
        return int(part), {}
    match = _SYMBOL.fullmatch(part)
    if not match:
        raise ModelError(
            f"input shape {text!r}: {part!r} is neither a positive number nor a placeholder such as N or 4<=N<=32 "
            f"(a letter, then letters, digits and _); {_EXAMPLES}"
        )
    least, most = int(match["least"] or 1), int(match["most"]) if match["most"] else None
    if least < 1 or (most is not None and most < least):
        raise ModelError(f"input shape {text!r}: {part!r} leaves no positive size for {match['name']}")
    if max(least, most or 1) > LARGEST:
        raise ModelError(f"input shape {text!r}: {part!r} bounds {match['name']} by more than {LARGEST}")
    return symbol(match["name"]), {match["name"]: Placeholder(least, most)}


def _intersect(name: str, left: Placeholder, right: Placeholder) -> Placeholder:
    least = max(left.minimum, right.minimum)
    maxima = [p.maximum for p in (left, right) if p.maximum is not None]
    most = min(maxima) if maxima else None
    if most is not None and most < least:
        raise ModelError(
            f"placeholder {name} is bounded by {least} <= {name} and by {name} <= {most}; no size satisfies both"
        )
    return Placeholder(least, most)


def _text(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('?' if size is None else str(size) for size in shape)})"


def _default_shape(name: str, shape: tuple[int | None, ...]) -> tuple[Size, ...]:
    if not shape or any(size is None for size in shape[1:]):
        letters = iter("HW" if len(shape) == 4 else "TUVW")
        sizes = [1 if axis == 0 else next(letters, "X") if size is None else size for axis, size in enumerate(shape)]
        raise ModelError(
            f"input {name!r} has shape {_text(shape)} in the model, where ? is open; "
            f"give its sizes, such as --input_shape '({','.join(map(str, sizes))})'"
        )
    return tuple(1 if size is None else size for size in shape)


def _assign(
    inputs: Sequence[tuple[str, tuple[int | None, ...]]], shapes: Sequence[InputShape]
) -> dict[str, InputShape]:
    listing = ", ".join(f"{name!r} {_text(shape)}" for name, shape in inputs)
    names = [name for name, _ in inputs]
    if len(shapes) != len(inputs):
        plural = "" if len(inputs) == 1 else "s"
        raise ModelError(
            f"the model has {len(inputs)} input{plural}, got {len(shapes)} input shapes "
            f"({'; '.join(map(str, shapes))}); inputs: {listing}"
        )
    found: dict[str, InputShape] = {}
    for shape in shapes:
        if shape.name is None:
            continue
        if shape.name not in names:
            raise ModelError(f"input shape '{shape}' names an input that the model does not have; inputs: {listing}")
        if shape.name in found:
            raise ModelError(f"input {shape.name!r} has two input shapes: '{found[shape.name]}' and '{shape}'")
        found[shape.name] = shape
    rest = iter([shape for shape in shapes if shape.name is None])
    for name in names:
        if name not in found:
            found[name] = next(rest)
    return found


def _check_shape(name: str, want: tuple[int | None, ...], got: InputShape) -> tuple[Size, ...]:
    if len(got.shape) != len(want):
        raise ModelError(
            f"input {name!r} has rank {len(want)}, shape {_text(want)}, in the model; got rank {len(got.shape)}, '{got}'"
        )
    for axis, (size, have) in enumerate(zip(want, got.shape, strict=True)):
        if size is not None and size != have:
            raise ModelError(
                f"input {name!r} has size {size} on axis {axis}, shape {_text(want)}, in the model; got {have} in '{got}'"
            )
    return got.shape
