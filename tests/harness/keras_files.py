"""Model files that no Keras of today writes: of old versions, damaged, or hostile."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Array = np.ndarray


def write_hdf5(
    file: Path, config: Mapping[str, Any], weights: Mapping[str, Sequence[tuple[str, Array]]], **attributes: str
) -> Path:
    """A file of Keras 1 or 2: `weights` are those of each layer, `attributes` such as keras_version="2.2.4"."""
    with h5py.File(file, "w") as root:
        root.attrs["model_config"] = json.dumps(config).encode()
        group = root.create_group("model_weights")
        for name, value in attributes.items():
            root.attrs[name] = group.attrs[name] = value.encode()
        group.attrs["layer_names"] = [name.encode() for name in weights]
        for layer, arrays in weights.items():
            inner = group.create_group(layer)
            inner.attrs["weight_names"] = [name.encode() for name, _ in arrays]
            for name, array in arrays:
                inner[name] = array
    return file


def rewrite_archive(source: Path, target: Path, **changes: Callable[[bytes], bytes]) -> Path:
    """A copy of a .keras file; `config` and `weights` change the bytes of its parts."""
    parts = {"config": "config.json", "weights": "model.weights.h5"}
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            for key, part in parts.items():
                content = changes[key](content) if part == name and key in changes else content
            new.writestr(name, content)
    return target


def edited_config(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """For `rewrite_archive`: `change` edits the configuration in place."""

    def edit(content: bytes) -> bytes:
        config = json.loads(content)
        change(config)
        return json.dumps(config).encode()

    return edit


def edited_hdf5(change: Callable[[h5py.File], object]) -> Callable[[bytes], bytes]:
    """For `rewrite_archive`: `change` edits the open HDF5 file."""

    def edit(content: bytes) -> bytes:
        memory = BytesIO(content)
        with h5py.File(memory, "a") as file:
            change(file)
        return memory.getvalue()

    return edit


def write_archive(file: Path, config: Mapping[str, Any], arrays: Mapping[str, Array], version: str) -> Path:
    """A .keras file of any version; `arrays` by their paths, such as "layers/dense/vars/0"."""
    memory = BytesIO()
    with h5py.File(memory, "w") as root:
        for name, array in arrays.items():
            root[name] = array
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", memory.getvalue())
    return file


def old_layer(class_name: str, name: str, *calls: Any, module: str | None = None, **config: Any) -> dict[str, Any]:
    """A layer of Keras 2; each of `calls` is a list of outputs, such as [["conv", 0, 0, {}]]."""
    result = {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": list(calls)}
    return result if module is None else {**result, "module": module, "registered_name": class_name}


def old_model(name: str, layers: Sequence[Any], output: Sequence[Any], **entry: Any) -> dict[str, Any]:
    """A functional model of Keras 2 with one input, which is its first layer."""
    config = {"name": name, "trainable": True, "layers": list(layers)}
    config |= {"input_layers": [[layers[0]["name"], 0, 0]], "output_layers": [list(output)]}
    return {"class_name": "Functional", "config": config, "name": name, **entry}


def old_sequential(name: str, *layers: Any, **entry: Any) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": name, "layers": list(layers)}, "name": name, **entry}
