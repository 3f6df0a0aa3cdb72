"""What is installed is what the checkout has: the wheel and the sdist are built, installed elsewhere and used there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

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
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # Without PYTHONPATH, by which pip would find that the checkout is installed already.
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", archives[0], env=alone)
    # The dependencies lie where this Python has them; the package itself, which is installed there as well, comes first from here.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    clean = {"PATH": "", "HOME": str(tmp_path), "KERAS_BACKEND": "jax"}
    where = run(python, "-c", "import webdnn, webdnn.runtime; print(webdnn.__file__)", cwd=tmp_path, env=clean)
    assert Path(where.strip()).is_relative_to(site)
    command = python.with_name("webdnn-convert-keras")
    run(command, "m.keras", "--out", "installed", cwd=tmp_path, env=clean)
    run(sys.executable, ROOT / "bin/convert_keras.py", "m.keras", "--out", "checkout", cwd=tmp_path)
    files = {
        name: {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}
        for name in ("installed", "checkout")
    }
    assert files["installed"] == files["checkout"]
    assert {name.split(".")[1] for name in files["installed"] if name.startswith("plan.")} == {
        *("webgpu", "webgl", "webassembly", "fallback")
    }
