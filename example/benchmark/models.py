"""The models, made once and kept: Keras → Descriptors, and Keras → the formats of the rivals."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from _setup import digest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# What a kept Keras model depends on.
MAKERS = [
    HERE / "make_model.py",
    HERE / "few_bits.py",
    *(ROOT / "tests" / "harness" / f"{name}.py" for name in ("applications", "calibrate", "keras_models", "reference")),
]


@dataclass(frozen=True)
class Export:
    """A format of a rival: `file` is what a page loads, `maker` the module of export.py that writes it."""

    file: str
    maker: str


# What export.py runs with: pip's files, and the options that each needs.
REQUIREMENTS = {
    HERE / "requirements.txt": (),
    HERE / "requirements-tfjs.txt": ("--no-deps",),
    HERE / "requirements-torch.txt": (),
}

EXPORTS = {
    "onnx": Export("model.onnx", "export_onnx.py"),
    "tflite": Export("model.tflite", "export_tflite.py"),
    "tfjs": Export("tfjs/model.json", "export_tfjs.py"),
}


# tf2onnx takes more than 14 GB of memory for VGG16, whose first dense layer alone is 411 MB.
ONNX_BY_TORCH = ("vgg16",)


@dataclass(frozen=True)
class Build:
    """A Descriptor: which checkout converts it, with which options."""

    checkout: Path
    options: Sequence[str] = ()
    backends: str = "webassembly"


@dataclass(frozen=True)
class Model:
    """A model on disk; `name` is as given on the command line, such as `mobilenet_v2@64`."""

    name: str
    folder: Path

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

    def path(self, form: str) -> str:
        """What a page loads, relative to `folder`: a file of EXPORTS or a Descriptor."""
        return EXPORTS[form].file if form in EXPORTS else form

    def exported(self, form: str) -> Mapping[str, Any]:
        """What export.py says about the file."""
        return json.loads((self.folder / f"{EXPORTS[form].file}.json").read_text())


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


class Maker:
    """Makes what is missing or out of date, each step in a process of its own; `exporter` is the Python of requirements.txt;
    `bits` as make_model.py knows them."""

    def __init__(
        self, folder: Path, exporter: Path | None, say: Callable[[str], None], bits: int | None = None
    ) -> None:
        self.folder = folder
        self.exporter = exporter
        self.say = say
        self.bits = bits

    def keras(self, text: str) -> Model:
        name, size = parse_name(text)
        model = Model(text, self.folder / (f"{name}-{size}" if size else name))

        def make() -> None:
            self.say(f"{text}: building the Keras model, and its answer in float64")
            shutil.rmtree(model.folder, ignore_errors=True)
            model.folder.mkdir(parents=True)
            bits = [] if self.bits is None else [self.bits]
            run([sys.executable, HERE / "make_model.py", name, size, model.folder, *bits])
            model.input.astype("<f4").tofile(model.folder / "input.bin")

        _once(model.folder / "made.txt", f"{digest(*MAKERS)} {self.bits}", make)
        return model

    def export(self, model: Model, form: str) -> str | None:
        """Returns why there is no such file, or None; a failure is kept like a file."""
        export = EXPORTS[form]
        failure = model.folder / f"{export.file}.failure.txt"

        def make() -> None:
            self.say(f"{model.name}: exporting to {form}")
            for file in (failure, model.folder / f"{export.file}.json"):
                file.unlink(missing_ok=True)
            (model.folder / export.file).parent.mkdir(exist_ok=True)
            by_torch = form == "onnx" and parse_name(model.name)[0] in ONNX_BY_TORCH
            files = [model.folder / name for name in ("model.h5", "input.npy", export.file)]
            try:
                run([self.exporter, HERE / "export.py", "onnx-torch" if by_torch else form, *files])
            except StepError as problem:
                self.say(f"{model.name}: {problem}")
                failure.write_text(str(problem), encoding="utf-8")

        made = (model.folder / "made.txt").read_text()
        makers = [HERE / "export.py", HERE / export.maker, *REQUIREMENTS]
        _once(model.folder / f"{export.file}.made.txt", f"{made} {digest(*makers)}", make)
        return failure.read_text(encoding="utf-8") if failure.exists() else None

    def convert(self, model: Model, name: str, build: Build) -> None:
        """The Descriptor `name` of the model, made anew when the compiler changes."""

        def make() -> None:
            self.say(f"{model.name}: converting ({name})")
            shutil.rmtree(model.folder / name, ignore_errors=True)
            command = [sys.executable, build.checkout / "bin" / "convert_keras.py", model.folder / "model.h5"]
            command += ["--input_shape", tuple(model.input.shape), "--backend", build.backends, *build.options]
            run([*command, "--out", model.folder / name, "--quiet"], build.checkout)

        sources = sorted(
            file
            for file in (build.checkout / "src").rglob("*")
            if file.is_file() and not {"__pycache__"} & set(file.parts)
        )
        made = (model.folder / "made.txt").read_text()
        stamp = f"{made} {digest(*sources)} {build.backends} {' '.join(build.options)}"
        _once(model.folder / f"{name}.made.txt", stamp, make)

    def layers(self, model: Model, checkout: Path) -> list[dict[str, Any]]:
        """Origin, op and MACs of every node of the optimized graph that has any."""
        file = model.folder / "layers.json"
        command = [sys.executable, HERE / "layer_macs.py", model.folder / "model.h5", tuple(model.input.shape), file]
        run(command, checkout)
        return json.loads(file.read_text(encoding="utf-8"))


class StepError(Exception):
    """A step of making a model failed."""


def run(command: Sequence[object], checkout: Path = ROOT) -> None:
    """Runs a step in a process of its own, so that no framework's threads and memory stay; `checkout` holds the compiler."""
    # What TensorFlow says about this machine's processor is no news.
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(checkout / "src")}
    done = subprocess.run(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise StepError(f"failed ({done.returncode}): {' '.join(map(str, command))}\n{done.stdout[-4000:]}")


def _once(stamp: Path, wanted: str, make: Callable[[], None]) -> None:
    """Calls `make` unless the stamp says that it was done for the same `wanted`."""
    if stamp.exists() and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    make()
    stamp.write_text(wanted)
