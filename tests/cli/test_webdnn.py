"""The command `webdnn` and the functions for programs: which frontend reads what, and what is said where none does."""

from __future__ import annotations

import argparse
import json
import pickle
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import webdnn
from harness.graphs import small_graph
from webdnn.cli import frontends
from webdnn.cli.frontends import FRONTENDS
from webdnn.cli.main import main
from webdnn.graph.errors import MissingPackageError, ModelError, ModelWarning, UnsupportedError, WebDNNError

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["--backend", "fallback", "--quiet"]


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_both_commands_write_the_same_bytes(folder, give):
    from webdnn.cli.convert_keras import main as old

    give(small_graph())
    assert main(["convert", "model.h5", *QUICK, "--out", "new", "--encoding", "raw"]) == 0
    assert old(["model.h5", *QUICK, "--out", "old"]) == 0
    assert files_of(folder / "new") == files_of(folder / "old")


def test_options_of_keras_reach_keras(folder, monkeypatch):
    given = {}

    def load(path, shapes, *, allow_unsafe=False, custom_objects=(), timeout=None):
        given.update(path=path, unsafe=allow_unsafe, objects=custom_objects, timeout=timeout)
        return small_graph()

    monkeypatch.setattr("webdnn.frontend.keras.load", load)
    more = ["--allow-unsafe", "--custom_objects", "a.py", "--custom_objects", "b.py", "--load_timeout", "7"]
    assert main(["convert", "model.keras", *QUICK, *more]) == 0
    assert given == {
        "path": Path("model.keras"),
        "unsafe": True,
        "objects": [Path("a.py"), Path("b.py")],
        "timeout": 7.0,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "COMMAND"),
        (["transform"], "there is no command 'transform'; choose from convert"),
        (["convert"], "required: MODEL"),
        (["convert", "model.keras", "--encoding", "eightbit"], "--encoding eightbit is one of version 1"),
        (
            ["convert", "model.keras", "--encoding", "int4"],
            "--encoding int4 is not known; leave the option out, or give raw",
        ),
    ],
)
def test_wrong_usage(folder, capsys, arguments, message):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(folder.iterdir())


def write_archive(path: Path, *members: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, b"{}")


def write_models(folder: Path) -> dict[str, str]:
    """Files of many frameworks, some under names that say something else, and the format of each."""
    write_archive(folder / "torch.bin", "archive/data.pkl", "archive/version")
    write_archive(folder / "torch.keras", "archive/data.pkl", "archive/version")
    (folder / "old.pth").write_bytes(pickle.dumps({}))
    (folder / "m.onnx").write_bytes(b"\x08\x07\x12\x04test")
    (folder / "net.CaffeModel").write_bytes(b"\x0a\x03net")
    np.savez(folder / "chain.npz", np.zeros(3))
    (folder / "lite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(20))
    (folder / "saved").mkdir()
    (folder / "saved/saved_model.pb").write_bytes(b"\x08\x01")
    (folder / "js").mkdir()
    (folder / "js/model.json").write_text("{}")
    return {
        **{"torch.bin": "PyTorch", "torch.keras": "PyTorch", "old.pth": "PyTorch", "m.onnx": "ONNX"},
        **{"net.CaffeModel": "Caffe", "chain.npz": "Chainer", "lite": "TensorFlow Lite"},
        **{"saved": "TensorFlow SavedModel", "js": "TensorFlow.js"},
    }


def test_what_is_not_supported_yet_is_named(folder, capsys):
    for name, kind in write_models(folder).items():
        assert main(["convert", name, "--quiet"]) == 1
        shown = capsys.readouterr().err
        assert f"'{name}' is a model of {kind}, which is not supported yet; supported are Keras (.keras, .h5" in shown
    assert not (folder / "output").exists()


def test_keras_is_told_by_the_beginning_of_a_file(tmp_path):
    write_archive(tmp_path / "a.zip", "metadata.json", "config.json", "model.weights.h5")
    (tmp_path / "weights").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    for name in ("a.zip", "weights", "missing.h5", "missing.KERAS"):
        assert frontends.frontend_of_file(tmp_path / name) is FRONTENDS["keras"], name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty", "no model file by its name or its beginning; known are .keras"),
        ("nothing", "does not exist"),
        ("folder", "is a directory in which no model was found"),
    ],
)
def test_what_is_no_model(tmp_path, name, message):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match=message):
        webdnn.load(tmp_path / name)


def test_options_of_another_frontend_are_refused(folder, monkeypatch, capsys):
    def add(group: argparse._ArgumentGroup) -> None:
        group.add_argument("--opset", type=int, default=0)

    other = replace(FRONTENDS["keras"], title="Others", formats=(), add_options=add)
    monkeypatch.setitem(FRONTENDS, "others", other)
    assert main(["convert", "model.keras", *QUICK, "--opset", "9"]) == 2
    assert "--opset is for models of Others; this one is of Keras" in capsys.readouterr().err


def test_a_framework_that_is_missing_is_named_with_the_command(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (folder / "model.keras").write_bytes(b"PK\x03\x04")
    assert main(["convert", "model.keras", "--quiet"]) == 1
    assert "of which h5py is not installed: pip install 'webdnn[keras]'" in capsys.readouterr().err
    with pytest.raises(MissingPackageError, match="models of Keras need keras and h5py"):
        webdnn.load("model.keras")


def test_without_a_model_of_keras_nothing_imports_keras(tmp_path):
    code = "import sys, webdnn\ntry: webdnn.load('m.onnx')\nexcept Exception as e: print(type(e).__name__)\nprint('keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["UnsupportedError", "False"]


def test_a_graph_is_converted(folder, capsys):
    report = webdnn.convert(small_graph(), "out", backends=["fallback"], preprocess="torch", optimize=False)
    assert report.ops["Elementwise"] == 4
    assert json.loads((folder / "out/descriptor.json").read_bytes())["backends"].keys() == {"fallback"}
    assert capsys.readouterr() == ("", "")
    with pytest.raises(ModelError, match="leave out input_shapes, timeout"):
        webdnn.convert(small_graph(), "out", (1, 2), timeout=3)


def test_what_a_command_would_print_is_a_warning(folder):
    graph = small_graph()
    with pytest.warns(ModelWarning, match="webmetal is an old name of webgpu"):
        webdnn.convert(graph, "out", backends=["webmetal", "fallback"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"backends": ["cuda"]}, "no backend 'cuda'"),
        ({"preprocess": "imagenet"}, "'imagenet' is not one of"),
        ({"toolchain": "gcc", "backends": ["webassembly"]}, "'gcc'"),
        ({"out": "."}, "choose another"),
    ],
)
def test_wrong_arguments_of_convert(folder, given, message):
    with pytest.raises(WebDNNError, match=message):
        webdnn.convert(small_graph(), **{"out": "out", **given})


def test_a_keras_model_in_memory_and_from_its_file(tmp_path):
    import keras

    model = keras.Sequential([keras.Input((None, 3), name="steps"), keras.layers.Conv1D(4, 2, activation="relu")])
    model.save(tmp_path / "m.h5")
    shapes = {"steps": ("N<=2", 5, 3)}
    assert str(webdnn.load(model, shapes)) == str(webdnn.load(str(tmp_path / "m.h5"), shapes, timeout=20))
    with pytest.raises(UnsupportedError, match="Keras: from_model has no option allow_unsafe"):
        webdnn.load(model, shapes, allow_unsafe=True)
    with pytest.raises(UnsupportedError, match="Keras: load has no option time; it has allow_unsafe"):
        webdnn.load(tmp_path / "m.h5", shapes, time=3)


def test_a_model_of_something_else():
    with pytest.raises(UnsupportedError, match=r"a builtins\.dict is no model that WebDNN knows"):
        webdnn.load({})


def test_the_package_is_light():
    code = "import sys, webdnn; print(webdnn.__version__, 'numpy' in sys.modules, callable(webdnn.load), hasattr(webdnn, 'lode'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [webdnn.__version__, "False", "True", "False"]


def test_the_script_of_the_checkout(tmp_path):
    command = [sys.executable, str(ROOT / "bin/webdnn"), "convert", "none.keras"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "webdnn convert: error: 'none.keras' does not exist\n"
