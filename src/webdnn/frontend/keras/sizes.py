"""What to tell a user who chose sizes that a model cannot compute with: where it fails, what the model needs, and the nearest sizes that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeAlias

from webdnn.frontend.keras.support import Trouble
from webdnn.graph.constraints import Constraint
from webdnn.graph.dim import Size, symbol, symbols_of
from webdnn.graph.errors import WebDNNError
from webdnn.graph.graph import Graph, Placeholder

LETTERS = {3: "L", 4: "HW", 5: "DHW"}  # by the rank of the input
FARTHEST = 4096  # from the size chosen to the one proposed
Shape = tuple[int | None, ...]
Build: TypeAlias = "Callable[[Sequence[tuple[Size, ...]], Mapping[str, Placeholder]], Graph]"


def sizes_message(
    model_name: str,
    wanted: Sequence[tuple[str, Shape]],
    shapes: Sequence[tuple[Size, ...]],
    troubles: Sequence[Trouble],
    build: Build,
) -> str:
    """The message for `shapes` of the inputs that `wanted` names, with open sizes; `troubles` are the layers that they do not fit, and `build` gives
    the model's graph for other shapes and their placeholders."""
    given = ", ".join(f"{name}={_text(shape)}" for (name, _), shape in zip(wanted, shapes, strict=True))
    lines = [f"the input shape {given} does not fit the model {model_name!r}:", *map(str, troubles)]
    open_shapes = _open_shapes(wanted, shapes)
    constraints = _constraints(build, open_shapes)
    if not constraints:
        return "\n".join([*lines, "choose sizes that these layers can compute with"])
    needs = " and ".join(f"{c.left} {c.relation} {c.right}" for c in constraints)
    named = ", ".join(f"{name}={_text(shape)}" for (name, _), shape in zip(wanted, open_shapes, strict=True))
    lines.append(f"it needs {needs} of {named}{_proposal(open_shapes, shapes, constraints)}")
    return "\n".join(lines)


def _text(shape: Sequence[Size]) -> str:
    return f"({','.join(map(str, shape))})"


def _open_shapes(wanted: Sequence[tuple[str, Shape]], shapes: Sequence[tuple[Size, ...]]) -> list[tuple[Size, ...]]:
    """`shapes` with a placeholder for every size, but the batch, that the model leaves open."""
    taken: set[str] = {name for size in chain.from_iterable(shapes) for name in symbols_of(size)}
    result = []
    for (_, want), shape in zip(wanted, shapes, strict=True):
        letters = iter(LETTERS.get(len(shape), "") + "TUVWXYZ")
        names = (letter for letter in letters if letter not in taken)
        sizes = [
            symbol(next(names)) if axis and size is None and isinstance(have, int) else have
            for axis, (size, have) in enumerate(zip(want, shape, strict=True))
        ]
        taken |= {name for size in sizes for name in symbols_of(size)}
        result.append(tuple(sizes))
    return result


def _constraints(build: Build, shapes: Sequence[tuple[Size, ...]]) -> tuple[Constraint, ...]:
    """What the model needs of these placeholders; nothing where it cannot be converted with them."""
    names = {name for size in chain.from_iterable(shapes) for name in symbols_of(size)}
    try:
        return build(shapes, {name: Placeholder() for name in names}).constraints
    except WebDNNError:
        return ()


def _proposal(
    open_shapes: Sequence[tuple[Size, ...]], shapes: Sequence[tuple[Size, ...]], constraints: Sequence[Constraint]
) -> str:
    """The nearest sizes, if each placeholder can be chosen by itself."""
    chosen = {
        str(size): have
        for opened, given in zip(open_shapes, shapes, strict=True)
        for size, have in zip(opened, given, strict=True)
        if isinstance(have, int) and not isinstance(size, int)
    }
    nearest: dict[str, int] = {}
    for name, start in chosen.items():
        own = [c for c in constraints if c.symbols == {name}]
        found = next((value for value in _around(start) if all(c.holds({name: value}) for c in own)), None)
        if found is None:
            return ""
        nearest[name] = found
    if any(not c.symbols <= set(nearest) or not c.holds(nearest) for c in constraints):
        return ""
    proposals = [
        tuple(nearest.get(str(size), have) for size, have in zip(opened, given, strict=True))
        for opened, given in zip(open_shapes, shapes, strict=True)
    ]
    return f"; such as {' '.join(f'--input_shape {_text(shape)!r}' for shape in proposals)}"


def _around(start: int) -> Iterator[int]:
    """`start`, then its neighbours, the larger first."""
    yield start
    for distance in range(1, FARTHEST):
        yield start + distance
        if start > distance:
            yield start - distance
