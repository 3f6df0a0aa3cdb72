"""What is installed is what the checkout has: the wheel and the sdist are built, installed elsewhere and used there."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
IGNORED = shutil.ignore_patterns(
    ".*", "node_modules", "__pycache__", "*.egg-info", "build", "tests", "example", "output"
)


def run(*command: object, **options) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the sdist, built from a copy of the checkout in a folder with an awkward name."""
    place = tmp_path_factory.mktemp("ein Ordner ü")
    shutil.copytree(ROOT, place / "webdnn", ignore=IGNORED)
    build = "import sys, setuptools.build_meta as b; print(getattr(b, sys.argv[1])(sys.argv[2]))"
    names = []
    for hook in ("build_wheel", "build_sdist"):
        printed = run(sys.executable, "-c", build, hook, place / "dist", cwd=place / "webdnn")
        names.append(place / "dist" / printed.splitlines()[-1])
        shutil.rmtree(place / "webdnn/build", ignore_errors=True)
    return names[0], names[1]


def shipped() -> set[str]:
    """The files of the checkout that an installation needs, by their names in it."""
    source = {file.relative_to(ROOT / "src").as_posix() for file in (ROOT / "src").rglob("*") if file.is_file()}
    bundle = {
        f"webdnn/runtime/{file.relative_to(ROOT / 'webdnn_js/dist').as_posix()}"
        for file in (ROOT / "webdnn_js/dist").rglob("*")
        if file.is_file() and file.name != "README.md"
    }
    return {name for name in source | bundle if "__pycache__" not in name and ".egg-info" not in name}


@pytest.mark.slow
def test_c1_the_wheel_has_every_file(archives: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(archives[0]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == shipped()


@pytest.mark.slow
def test_c1_the_sdist_gives_the_same_wheel(archives: tuple[Path, Path], tmp_path: Path) -> None:
    with tarfile.open(archives[1]) as sdist:
        sdist.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    build = "import sys, setuptools.build_meta as b; b.build_wheel(sys.argv[1])"
    run(sys.executable, "-c", build, tmp_path, cwd=folder)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as again, zipfile.ZipFile(archives[0]) as first:
        assert sorted(again.namelist()) == sorted(first.namelist())
        for name in first.namelist():
            if not name.endswith("/RECORD"):
                assert again.read(name) == first.read(name), name


def make_environment(wheel: Path, folder: Path) -> tuple[Path, Path, dict[str, str]]:
    """A Python that has the wheel and nothing else, its folder of packages, and an environment without this checkout."""
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # Without PYTHONPATH, by which pip would find that the checkout is installed already.
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, env=alone)
    return python, site, {"PATH": "", "HOME": str(folder), "KERAS_BACKEND": "jax"}


def required(extra: str) -> set[str]:
    """The packages that pip installs with `webdnn[extra]`, those that they need in turn included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(project["optional-dependencies"][extra] if extra else [])]
    found: set[str] = set()
    while wanted:
        need = Requirement(wanted.pop())
        if need.name not in found and (need.marker is None or need.marker.evaluate({"extra": ""})):
            found.add(need.name)
            wanted += importlib.metadata.requires(need.name) or []
    return found


def link_packages(site: Path, names: set[str]) -> None:
    """Puts what these packages installed where this Python runs into `site`, by links."""
    source = Path(sysconfig.get_path("purelib"))
    for name in names:
        tops = {file.parts[0] for file in importlib.metadata.files(name) or []}
        for top in tops - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(source / top)


@pytest.mark.slow
def test_c1_the_compiler_alone_says_what_keras_needs(archives: tuple[Path, Path], tmp_path: Path) -> None:
    """Without an extra, graphs are converted, and a model of Keras is answered with what to install; with it, it is converted."""
    import keras

    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(tmp_path / "m.keras")
    python, site, clean = make_environment(archives[0], tmp_path)
    link_packages(site, required(""))
    command = [python.with_name("webdnn"), "convert", "m.keras", "--backend", "webassembly,fallback"]
    failed = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "keras and h5py are not installed: pip install 'webdnn[keras]'" in failed.stderr
    own = """import webdnn
from webdnn.graph.graph import Graph, Input, apply
from webdnn.graph.ops.elementwise import elementwise
from webdnn.graph.types import TensorType
x = apply(Input("x", TensorType((2, 3))))
webdnn.convert(Graph((x,), (elementwise("exp", x),), ("y",)), "own")"""
    run(python, "-c", own, cwd=tmp_path, env=clean)
    assert (tmp_path / "own/descriptor.json").exists()
    link_packages(site, required("keras"))
    run(*command, cwd=tmp_path, env=clean)
    assert (tmp_path / "output/descriptor.json").exists()


@pytest.mark.slow
def test_c1_an_installed_wheel_converts_to_the_same_bytes(archives: tuple[Path, Path], tmp_path: Path) -> None:
    """In an environment that has the wheel and the packages that it depends on, and not this checkout."""
    import keras

    image = keras.Input((8, 8, 3))
    y = keras.layers.Conv2D(4, 3, activation="relu")(image)
    y = keras.layers.DepthwiseConv2D(3, padding="same")(keras.layers.MaxPooling2D()(y))
    keras.Model(image, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(y))).save(
        tmp_path / "m.keras"
    )
    python, site, clean = make_environment(archives[0], tmp_path)
    # The dependencies lie where this Python has them; the package itself, which is installed there as well, comes first from here.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    where = run(python, "-c", "import webdnn, webdnn.runtime; print(webdnn.__file__)", cwd=tmp_path, env=clean)
    assert Path(where.strip()).is_relative_to(site)
    command = python.with_name("webdnn-convert-keras")
    run(command, "m.keras", "--out", "installed", cwd=tmp_path, env=clean)
    run(python.with_name("webdnn"), "convert", "m.keras", "--out", "short", cwd=tmp_path, env=clean)
    run(sys.executable, ROOT / "bin/convert_keras.py", "m.keras", "--out", "checkout", cwd=tmp_path)
    files = {
        name: {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}
        for name in ("installed", "checkout", "short")
    }
    assert files["installed"] == files["checkout"] == files["short"]
    assert {name.split(".")[1] for name in files["installed"] if name.startswith("plan.")} == {
        *("webgpu", "webgl", "webassembly", "fallback")
    }
