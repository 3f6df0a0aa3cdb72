"""HDF5 files read with distrust: everything that leads out of the file, or that is no plain array of numbers, is refused.

Only the child process of `isolation.py` runs this. libhdf5 may crash, or loop for ever, on a damaged file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from webdnn.frontend.budget import Budget, size_of
from webdnn.graph.errors import ModelError

Array = np.ndarray
DEEPEST = 100  # groups in groups; models in models need two or three for each
MOST_OBJECTS = 200_000
# deflate, shuffle, fletcher32, and LZF, which h5py brings along. Others are programs that libhdf5 would look for on this machine.
FILTERS = (1, 2, 3, 32000)
LINKS_OUT = {
    h5py.h5l.TYPE_SOFT: "a soft link",
    h5py.h5l.TYPE_EXTERNAL: "a link to another file",
}


@dataclass
class Tree:
    """What `walk` finds in a file: arrays in the file's order, and lists of names that are attributes of groups."""

    budget: Budget
    skipped: Collection[str] = ()
    seen: set[tuple[int, int]] = field(default_factory=set)

    def walk(self, group: h5py.Group, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
        """(path, array) of each dataset below `group`, (path, {attribute: names}) of each group. Raises ModelError for what is refused."""
        self._enter(group, path, depth)
        yield path, names_of(group, self.budget)
        for name in group:
            inner = f"{path}/{name}" if path else name
            if inner in self.skipped:
                continue
            item = _open(group, name, inner)
            if isinstance(item, h5py.Group):
                yield from self.walk(item, inner, depth + 1)
            else:
                self._enter(item, inner, depth)
                yield inner, read_dataset(item, inner, self.budget)

    def _enter(self, item: h5py.Group | h5py.Dataset, path: str, depth: int) -> None:
        place = h5py.h5o.get_info(item.id)
        key = (place.fileno, place.addr)
        if key in self.seen:
            raise ModelError(
                f"{path!r} is another name of something else in the file, which no version of Keras writes"
            )
        self.seen.add(key)
        if depth > DEEPEST:
            raise ModelError(f"{path!r} lies more than {DEEPEST} groups deep")
        if len(self.seen) > MOST_OBJECTS:
            raise ModelError(f"more than {MOST_OBJECTS:,} groups and datasets")


def open_group(parent: h5py.Group, name: str) -> h5py.Group:
    """The group `name`. Raises ModelError where there is none, or a link to another place."""
    if name not in parent:
        raise ModelError(f"it holds no weights: the group {name!r} is missing")
    group = _open(parent, name, name)
    if not isinstance(group, h5py.Group):
        raise ModelError(f"it holds no weights: {name!r} is not a group")
    return group


def _open(group: h5py.Group, name: str, path: str) -> h5py.Group | h5py.Dataset:
    """The item `name` of `group`; a link is refused before anything follows it."""
    kind = group.id.links.get_info(group._e(name)).type
    if kind != h5py.h5l.TYPE_HARD:
        raise ModelError(
            f"{path!r} is {LINKS_OUT.get(kind, 'a link of an unknown kind')}; only what is in the file is read"
        )
    found = h5py.h5o.open(group.id, group._e(name))
    if isinstance(found, h5py.h5g.GroupID):
        return h5py.Group(found)
    if not isinstance(found, h5py.h5d.DatasetID):
        raise ModelError(f"{path!r} is neither a group nor a dataset")
    _check_storage(found.get_create_plist(), path)
    return h5py.Dataset(found)


def _check_storage(layout: h5py.h5p.PropDCID, path: str) -> None:
    """Before the dataset is asked for anything else: even its shape may depend on other files."""
    if layout.get_layout() == h5py.h5d.VIRTUAL:
        raise ModelError(
            f"{path!r} is a virtual dataset, whose numbers lie in other files; only what is in the file is read"
        )
    if layout.get_external_count():
        raise ModelError(f"{path!r} is stored in other files (external storage); only what is in the file is read")
    filters = [layout.get_filter(i)[0] for i in range(layout.get_nfilters())]
    unknown = [number for number in filters if number not in FILTERS]
    if unknown:
        raise ModelError(
            f"{path!r} is compressed by HDF5's filter {unknown[0]}; save it with gzip or without compression"
        )


def read_dataset(dataset: h5py.Dataset, path: str, budget: Budget) -> Array:
    """The numbers of a dataset, in this machine's byte order."""
    dtype = dataset.dtype
    is_bfloat16 = _is_bfloat16(dataset)
    if dtype.kind not in "fiub" and not is_bfloat16:
        raise ModelError(f"{path!r} holds {_kind_name(dtype)}; weights are real numbers")
    if dataset.shape is None:
        raise ModelError(f"{path!r} is empty")
    array_type = np.dtype("float64") if dtype.kind == "f" and dtype.itemsize > 8 else dtype.newbyteorder("=")
    size = size_of(dataset.shape, 4 if is_bfloat16 else max(dtype.itemsize, array_type.itemsize))
    budget.take(size, f"{path!r} with the shape {list(dataset.shape)}")
    if size and not _is_written(dataset):
        raise ModelError(
            f"{path!r} was never (or only partly) written; its numbers would be zeros: save the model again"
        )
    array = np.empty(dataset.shape, array_type)
    if size:
        dataset.read_direct(array)
    return _from_bfloat16(array) if is_bfloat16 else array


def _is_bfloat16(dataset: h5py.Dataset) -> bool:
    """HDF5 has no bfloat16: Keras writes the two bytes of each number without a meaning, and says it in an attribute, in .keras files only."""
    dtype = dataset.dtype
    if dtype.kind != "V" or dtype.names is not None or dtype.subdtype is not None or dtype.itemsize != 2:
        return False
    return str(dataset.attrs.get("dtype", "bfloat16")) == "bfloat16"


def _from_bfloat16(array: Array) -> Array:
    """float32 with the same numbers, of which bfloat16 has the upper half."""
    return (array.view("<u2").astype(np.uint32) << 16).view(np.float32)


def _is_written(dataset: h5py.Dataset) -> bool:
    chunks = dataset.chunks
    if chunks is None:
        return bool(dataset.id.get_storage_size())
    wanted = 1
    for size, chunk in zip(dataset.shape, chunks, strict=True):
        wanted *= -(-size // chunk)
    return int(dataset.id.get_num_chunks()) >= wanted


def _kind_name(dtype: np.dtype[Any]) -> str:
    names = {"c": "complex numbers", "S": "strings", "U": "strings", "V": "structures"}
    if h5py.check_string_dtype(dtype) is not None:
        return "strings"
    if h5py.check_ref_dtype(dtype) is not None:
        return "references"
    return names.get(dtype.kind, f"values of the type {dtype}")


def text_of(group: h5py.Group, attribute: str, budget: Budget) -> str | bytes | None:
    """A string attribute, None where it is missing or something else."""
    _check_attribute(group, attribute, budget)
    found = group.attrs.get(attribute)
    return found if isinstance(found, (str, bytes)) else None


def names_of(group: h5py.Group, budget: Budget) -> dict[str, list[str]]:
    """The lists of names that are attributes of `group`: layer_names, weight_names. Long lists are divided: weight_names0, weight_names1 …"""
    result = {}
    for attribute in ("layer_names", "weight_names"):
        parts = [attribute] if attribute in group.attrs else _parts(group, attribute)
        if parts:
            result[attribute] = [name for part in parts for name in _names(group, part, budget)]
    return result


def _parts(group: h5py.Group, attribute: str) -> list[str]:
    parts: list[str] = []
    while f"{attribute}{len(parts)}" in group.attrs:
        parts.append(f"{attribute}{len(parts)}")
    return parts


def _names(group: h5py.Group, attribute: str, budget: Budget) -> list[str]:
    _check_attribute(group, attribute, budget)
    values = np.atleast_1d(group.attrs[attribute]).ravel().tolist()
    names = [value.decode("utf-8") if isinstance(value, bytes) else value for value in values]
    if not values or all(isinstance(value, float) for value in values):  # how NumPy writes an empty list
        return []
    if not all(isinstance(name, str) for name in names):
        raise ModelError(f"the attribute {attribute!r} of {group.name!r} is not a list of names")
    return names


def _check_attribute(group: h5py.Group, attribute: str, budget: Budget) -> None:
    if attribute in group.attrs:
        found = group.attrs.get_id(attribute)
        budget.take(size_of(found.shape, found.dtype.itemsize), f"the attribute {attribute!r}")
