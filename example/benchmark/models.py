"""The models, made once and kept: Keras → Descriptor, and Keras → ONNX."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXPORTER_VENV = HERE / ".venv"

# What a kept model depends on.
MAKERS = [
    HERE / "make_model.py",
    HERE / "export_onnx.py",
    HERE / "requirements.txt",
    *(ROOT / "tests" / "harness" / f"{name}.py" for name in ("applications", "calibrate", "keras_models", "reference")),
]


@dataclass(frozen=True)
class Model:
    """A model on disk; `name` is as given on the command line, such as `mobilenet_v2@64`."""

    name: str
    folder: Path

    @property
    def descriptor(self) -> Path:
        return self.folder / "descriptor"

    @property
    def input(self) -> np.ndarray:
        return np.load(self.folder / "input.npy")

    @property
    def reference(self) -> np.ndarray:
        """Keras's answer, computed in float64."""
        return np.load(self.folder / "reference.npy")

    @property
    def report(self) -> Mapping[str, Any]:
        """The converter's."""
        return json.loads((self.folder / "descriptor.report.json").read_text(encoding="utf-8"))

    @property
    def onnx(self) -> Mapping[str, Any]:
        """What export_onnx.py says about model.onnx."""
        return json.loads((self.folder / "model.onnx.json").read_text())


def parse_name(text: str) -> tuple[str, int]:
    """`NAME` or `NAME@SIZE` → name and size; size 0 is that of a small model. Raises ValueError for unknown ones."""
    from harness.applications import APPLICATIONS, NATIVE
    from harness.keras_models import MODELS

    name, _, size = text.partition("@")
    small = [one for one, (_, shapes) in MODELS.items() if len(shapes) == 1 and one not in APPLICATIONS]
    if name in APPLICATIONS and (not size or (size.isdecimal() and int(size) > 0)):
        return name, int(size) if size else NATIVE[name]
    if name in small and not size:
        return name, 0
    raise ValueError(
        f"unknown model {text!r}; known: {', '.join(APPLICATIONS)} (each also as NAME@SIZE, such as mobilenet_v2@96), "
        f"and for a quick look {', '.join(small)}"
    )


def make(text: str, folder: Path, exporter: Path, *, onnx: bool, digest: str, say: Any) -> Model:
    """The model `text` in `folder`. The Descriptor is made anew each time, the rest when `digest`, of MAKERS, changes.

    `exporter` is the Python of requirements.txt.
    """
    name, size = parse_name(text)
    model = Model(text, folder / (f"{name}-{size}" if size else name))
    stamp = model.folder / "made.txt"
    if not stamp.exists() or stamp.read_text() != digest:
        say(f"{text}: building the Keras model, and its answer in float64")
        shutil.rmtree(model.folder, ignore_errors=True)
        model.folder.mkdir(parents=True)
        _run(sys.executable, HERE / "make_model.py", name, size, model.folder)
        model.input.astype("<f4").tofile(model.folder / "input.bin")
        stamp.write_text(digest)
    if onnx and not (model.folder / "model.onnx.json").exists():
        say(f"{text}: exporting to ONNX")
        _run(exporter, HERE / "export_onnx.py", *(model.folder / f for f in ("model.h5", "input.npy", "model.onnx")))
    say(f"{text}: converting")
    shape = str(tuple(model.input.shape))
    command = [ROOT / "bin" / "convert_keras.py", model.folder / "model.h5", "--input_shape", shape]
    _run(sys.executable, *command, "--backend", "webassembly", "--out", model.descriptor, "--quiet")
    return model


def layer_macs(model: Model) -> list[dict[str, Any]]:
    """Origin, op and MACs of every node of the optimized graph that has any."""
    file = model.folder / "layers.json"
    _run(sys.executable, HERE / "layer_macs.py", model.folder / "model.h5", str(tuple(model.input.shape)), file)
    return json.loads(file.read_text(encoding="utf-8"))


def _run(*command: object) -> None:
    """Runs a step in a process of its own, so that no framework's threads and memory stay."""
    # What TensorFlow says about this machine's processor is no news.
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout)
        sys.exit(f"failed ({done.returncode}): {' '.join(map(str, command))}")
