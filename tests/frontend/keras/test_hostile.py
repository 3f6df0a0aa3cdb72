"""Files that are damaged or made to harm: each ends with one message that names the file, in time, and nothing of this machine gets into the
model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from harness.calibrate import randomize
from harness.keras_compare import errors
from harness.keras_files import edited_config, edited_hdf5, rewrite_archive
from harness.keras_models import noise
from webdnn.frontend.keras import load
from webdnn.graph.errors import ModelError, WebDNNError

ROOT = Path(__file__).resolve().parents[3]
KERNEL = "layers/dense/vars/0"
LIMIT = 60.0  # seconds in which a file is read or refused, on a busy machine too


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One model in both formats."""
    x = keras.Input((6, 6, 2), name="image")
    y = layers.BatchNormalization(name="norm")(layers.Conv2D(3, 3, name="conv")(x))
    made = keras.Model(x, layers.Dense(2, name="dense")(layers.Flatten(name="flat")(y)))
    randomize(made)
    folder = tmp_path_factory.mktemp("good")
    for suffix in (".h5", ".keras"):
        made.save(folder / f"good{suffix}")
    return {".h5": folder / "good.h5", ".keras": folder / "good.keras"}


def refused(file: Path, *words: str, **options: Any) -> str:
    """The message of the error that `file` is refused with, in time."""
    start = time.monotonic()
    with pytest.raises(WebDNNError) as caught:
        load(file, **options)
    assert time.monotonic() - start < LIMIT
    message = str(caught.value)
    assert file.name in message
    for word in words:
        assert word in message, message
    return message


def edited(good: dict[str, Path], suffix: str, target: Path, change: Callable[[h5py.File], object]) -> Path:
    """A copy of the good file with its HDF5 part changed."""
    target = target.with_suffix(suffix)
    if suffix == ".keras":
        return rewrite_archive(good[suffix], target, weights=edited_hdf5(change))
    target.write_bytes(good[suffix].read_bytes())
    with h5py.File(target, "a") as file:
        change(file)
    return target


def replaced(make: Callable[[h5py.Group, str], object]) -> Callable[[h5py.File], None]:
    """Puts something else in the place of the dense layer's kernel, of shape (48, 2)."""

    def change(file: h5py.File) -> None:
        found = KERNEL if KERNEL in file else "model_weights/dense/dense/kernel"
        group, _, name = found.rpartition("/")
        del file[found]
        make(file[group], name)

    return change


def external(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (48, 2), "f4", external=[("/etc/hostname", 0, 384)])


def external_link(group: h5py.Group, name: str) -> None:
    group[name] = h5py.ExternalLink("/etc/other.h5", "/kernel")


def soft_link(group: h5py.Group, name: str) -> None:
    group[name] = h5py.SoftLink("/elsewhere")


def virtual(group: h5py.Group, name: str) -> None:
    layout = h5py.VirtualLayout((48, 2), "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "kernel", shape=(48, 2))
    group.create_virtual_dataset(name, layout)


def cycle(group: h5py.Group, name: str) -> None:
    group[name] = group


def unwritten(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (48, 2), "f4")


def half_written(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (48, 2), "f4", chunks=(24, 2))[:24] = 1


def enormous(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (1 << 40, 2), "f4", chunks=(1024, 2))


def strange_filter(group: h5py.Group, name: str) -> None:
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_chunk((48, 2))
    layout.set_filter(40000, h5py.h5z.FLAG_OPTIONAL, ())
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple((48, 2)), layout)


def references(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (2,), h5py.ref_dtype)[0] = group.ref


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize(
    ("make", "word"),
    [
        (external, "external storage"),
        (external_link, "a link to another file"),
        (soft_link, "a soft link"),
        (virtual, "a virtual dataset"),
        (cycle, "another name"),
        (strange_filter, "filter 40000"),
        (references, "references"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_b9_what_leads_out_of_the_file_is_refused(
    good: dict[str, Path], suffix: str, make: Any, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Keras sees the file: whatever its version checks."""
    file = edited(good, suffix, tmp_path / make.__name__, replaced(make))
    monkeypatch.setattr(keras.saving, "deserialize_keras_object", None)
    refused(file, word, "/0" if suffix == ".keras" else "kernel")


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda group, name: group.create_dataset(name, data=np.ones((48, 2), "c8")), "complex numbers"),
        (lambda group, name: group.create_dataset(name, data=np.array([[b"1.5", b"2"]] * 48)), "strings"),
        (lambda group, name: group.create_dataset(name, data=np.full((48, 2), 1e39)), "3.4e38"),
        (unwritten, "never"),
        (half_written, "never"),
    ],
    ids=["complex", "strings", "float64", "unwritten", "half_written"],
)
def test_a10_weights_that_are_no_real_numbers_are_refused(
    good: dict[str, Path], suffix: str, make: Any, word: str, tmp_path: Path
) -> None:
    refused(edited(good, suffix, tmp_path / "model", replaced(make)), word)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a10_weights_that_are_missing_are_refused(good: dict[str, Path], suffix: str, tmp_path: Path) -> None:
    refused(edited(good, suffix, tmp_path / "model", replaced(lambda group, name: None)), "dense")


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a10_weights_that_are_not_finite_are_told(
    good: dict[str, Path], suffix: str, value: float, tmp_path: Path
) -> None:
    kernel = np.ones((48, 2), "f4")
    kernel[3, 1] = value
    file = edited(
        good, suffix, tmp_path / "model", replaced(lambda group, name: group.create_dataset(name, data=kernel))
    )
    with pytest.warns(UserWarning, match=r"NaN or infinite.*'dense/kernel' \(1 of 96\)"):
        load(file)


def test_a10_float64_that_float32_can_hold_is_read(good: dict[str, Path], tmp_path: Path) -> None:
    kernel = np.linspace(-1, 1, 96).reshape(48, 2)
    file = edited(
        good, ".h5", tmp_path / "model", replaced(lambda group, name: group.create_dataset(name, data=kernel))
    )
    model = keras.models.load_model(good[".h5"], compile=False)
    model.get_layer("dense").kernel.assign(kernel)
    assert errors(load(file), model, noise([(1, 6, 6, 2)])) <= 1e-5


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_b10_an_absurd_size_in_the_weights(good: dict[str, Path], suffix: str, tmp_path: Path) -> None:
    refused(edited(good, suffix, tmp_path / "model", replaced(enormous)), "8,796,093,022,208 bytes")


def layer(config: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(layer for layer in config["config"]["layers"] if layer["config"]["name"] == name)
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.update(registered_name={}),
        lambda config: layer(config, "conv").update(registered_name=[1]),
        lambda config: layer(config, "conv").update(class_name={"a": 1}),
        lambda config: layer(config, "conv").update(class_name=None),
        lambda config: layer(config, "conv").update(module=7),
        lambda config: layer(config, "conv").update(config="conv"),
        lambda config: layer(config, "conv").update(build_config=[3]),
        lambda config: layer(config, "conv").update(inbound_nodes={}),
        lambda config: layer(config, "conv").update(inbound_nodes=[[["image", 0, 0]], 5]),
        lambda config: layer(config, "conv").update(inbound_nodes=[[["nobody", 0, 0, {}]]]),
        lambda config: layer(config, "conv").update(name=["conv"]),
        lambda config: layer(config, "conv")["config"].update(name={}),
        lambda config: layer(config, "conv")["config"].update(filters="3"),
        lambda config: layer(config, "conv")["config"].update(filters=1 << 40),
        lambda config: layer(config, "conv")["config"].update(filters=1 << 30),
        lambda config: layer(config, "conv")["config"].update(kernel_size={"a": []}),
        lambda config: layer(config, "conv")["config"].update(activation={"class_name": {}, "config": {}}),
        lambda config: layer(config, "conv")["config"].update(activation=["relu"]),
        lambda config: layer(config, "conv")["config"].update(dtype={"class_name": "DTypePolicy", "config": 3}),
        lambda config: layer(config, "conv")["config"].update(name="\ud800"),
        lambda config: layer(config, "norm")["config"].update(axis={"x": 1}),
        lambda config: layer(config, "image")["config"].update(batch_shape="many"),
        lambda config: layer(config, "image")["config"].update(batch_shape=[None, 1 << 40, 6, 2]),
        lambda config: config["config"].update(layers={}),
        lambda config: config["config"].update(layers=[None]),
        lambda config: config["config"].update(input_layers=5),
        lambda config: config["config"].update(output_layers=[[["conv"]]]),
        lambda config: config["config"].pop("output_layers"),
    ],
)
def test_b10_configurations_of_wrong_types(good: dict[str, Path], change: Any, tmp_path: Path) -> None:
    refused(rewrite_archive(good[".keras"], tmp_path / "model.keras", config=edited_config(change)))


def deep(levels: int) -> bytes:
    return b'{"class_name": "Functional", "config": ' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (deep(3000), "nested too deeply"),
        (deep(300), "levels"),
        (b"\xff\xfe{}", "'utf-8'"),
        (b'{"class_name": NaN}', "class_name"),
        (b"[]", "not an object"),
    ],
    ids=["deeper", "deep", "utf-16", "nan", "list"],
)
def test_b10_configurations_that_are_no_json(good: dict[str, Path], content: bytes, word: str, tmp_path: Path) -> None:
    refused(rewrite_archive(good[".keras"], tmp_path / "model.keras", config=lambda _: content), word)


def archive(file: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(file, "w", method) as made:
        for name, content in members:
            made.writestr(name, content)
    return file


def test_b10_archives_that_are_refused(good: dict[str, Path], tmp_path: Path) -> None:
    with zipfile.ZipFile(good[".keras"]) as found:
        parts = [(name, found.read(name)) for name in ("config.json", "model.weights.h5")]
    refused(archive(tmp_path / "bzip2.keras", *parts, method=zipfile.ZIP_BZIP2), "method 12")
    refused(archive(tmp_path / "lzma.keras", *parts, method=zipfile.ZIP_LZMA), "method 14")
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive(tmp_path / "twice.keras", *parts, parts[0])
    refused(tmp_path / "twice.keras", "two members")
    refused(archive(tmp_path / "npz.keras", parts[0], ("model.weights.npz", b"")), "model.weights.npz cannot be read")
    encrypted = archive(tmp_path / "encrypted.keras", *parts)
    content = bytearray(encrypted.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(mark)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(mark, place + 1)
    encrypted.write_bytes(content)
    refused(encrypted, "encrypted")
    outside = archive(tmp_path / "outside.keras", *parts, ("../outside.txt", b"x"), ("/tmp/outside.txt", b"x"))
    load(outside)
    assert not (tmp_path.parent / "outside.txt").exists()


def test_b10_a_file_full_of_blanks_is_not_read(good: dict[str, Path], tmp_path: Path) -> None:
    method = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(tmp_path / "blanks.keras", "w", method) as made, made.open("config.json", "w") as member:
        for _ in range(65):
            member.write(b" " * (1 << 20))
    refused(tmp_path / "blanks.keras", "68,157,440 bytes")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_b10_pipes_and_devices_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.keras")
    refused(tmp_path / "pipe.keras", "is no file but a pipe")
    (tmp_path / "zero.keras").symlink_to("/dev/zero")
    refused(tmp_path / "zero.keras", "is no file but a device")
    (tmp_path / "loop.h5").symlink_to(tmp_path / "loop.h5")
    refused(tmp_path / "loop.h5", "cannot be opened")


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    everything = {**os.environ, **environment}
    full = [sys.executable, str(ROOT / "bin/convert_keras.py"), *map(str, arguments)]
    return subprocess.run(full, env=everything, capture_output=True, text=True, check=False, timeout=LIMIT)


def test_b10_an_unknown_keras_backend(good: dict[str, Path]) -> None:
    done = command(good[".keras"], KERAS_BACKEND="bogus")
    assert (done.returncode, done.stdout) == (1, "")
    assert "KERAS_BACKEND is 'bogus'; it must be one of jax, tensorflow, torch" in done.stderr
    assert "Traceback" not in done.stderr


def test_b10_no_home(good: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """As in a container whose user has no entry in /etc/passwd."""
    from webdnn.cli.convert_keras import main

    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    assert main([str(good[".keras"]), "--backend", "fallback", "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert capsys.readouterr().err == ""


@pytest.fixture(scope="module")
def endless(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file on which libhdf5 loops for ever."""
    content = bytearray((models_dir / "keras/mnist5k_selftrained/mnist_denoise_ae.h5").read_bytes())
    content[2058:6154] = bytes(4096)
    file = tmp_path_factory.mktemp("endless") / "endless.h5"
    file.write_bytes(content)
    return file


def test_b8_a_file_on_which_libhdf5_loops(endless: Path) -> None:
    refused(endless, "could not be read within 2 seconds", "--load_timeout", timeout=2)


def children(parent: int) -> list[int]:
    """Processes that were started by `parent`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(test: Callable[[], Any], seconds: float) -> Any:
    end = time.monotonic() + seconds
    while not (found := test()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_b8_signals_end_the_command_and_its_child(endless: Path, number: signal.Signals, tmp_path: Path) -> None:
    full = [sys.executable, str(ROOT / "bin/convert_keras.py"), str(endless), "--quiet", "--out", str(tmp_path / "out")]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "temporary")}
    (tmp_path / "temporary").mkdir()
    with subprocess.Popen(full, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        found = eventually(lambda: children(run.pid), LIMIT)
        assert found, "no child was started"
        time.sleep(1)  # now it loops
        run.send_signal(number)
        start = time.monotonic()
        _, shown = run.communicate(timeout=LIMIT)
        assert time.monotonic() - start < 1
        assert run.returncode == (130 if number == signal.SIGINT else run.returncode)
        assert run.returncode != 0
    assert "Traceback" not in shown
    assert eventually(lambda: not any(map(is_running, found)), 1)
    assert [path.name for path in tmp_path.iterdir()] == ["temporary"]
    if number != signal.SIGKILL:
        assert not list((tmp_path / "temporary").iterdir())


def mutants(file: Path, count: int, seed: int) -> Any:
    """Copies of the bytes of a file with some bytes changed, a block zeroed, or the end cut off."""
    generator = np.random.default_rng(seed)
    content = np.frombuffer(file.read_bytes(), np.uint8)
    for number in range(count):
        changed = content.copy()
        # The metadata of HDF5 and zip files is mostly near their ends.
        ends = (0, min(len(content), 8192)), (max(0, len(content) - 8192), len(content)), (0, len(content))
        low, high = ends[number % 3]
        kind = number % 4
        if kind == 0:
            changed[generator.integers(low, high, 1 + number % 16)] ^= generator.integers(
                1, 256, 1 + number % 16, np.uint8
            )
        elif kind == 1:
            start = int(generator.integers(low, high))
            changed[start : start + int(generator.integers(1, 4096))] = 0
        elif kind == 2:
            start = int(generator.integers(low, high))
            piece = changed[start : start + 64]
            piece[:] = generator.integers(0, 256, len(piece), np.uint8)
        else:
            changed = changed[: int(generator.integers(0, len(content)))]
        yield number, changed.tobytes()


def try_mutants(file: Path, count: int, seed: int, folder: Path) -> None:
    """Each mutant gives a graph or a message with its name, in time, and no process remains."""
    for number, content in mutants(file, count, seed):
        mutant = folder / f"mutant_{number}{file.suffix}"
        mutant.write_bytes(content)
        start = time.monotonic()
        message = mutant.name
        try:
            load(mutant, timeout=20)
        except WebDNNError as error:
            message = str(error)
        assert mutant.name in message, f"{file.name} {number}"
        assert time.monotonic() - start < LIMIT, f"{file.name} {number}"
        mutant.unlink()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::webdnn.graph.errors.ModelWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_mutants(good: dict[str, Path], suffix: str, tmp_path: Path) -> None:
    try_mutants(good[suffix], 30, 1, tmp_path)


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore::webdnn.graph.errors.ModelWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "name",
    [
        "mnist5k_selftrained/mnist_cnn.h5",
        "mnist5k_selftrained/mnist_cnn.keras",
        "mnist5k_selftrained/mnist_denoise_ae.h5",
        "mnist5k_selftrained/mnist_denoise_ae.keras",
        "emotion_mini_xception/gender_mini_XCEPTION.21-0.95.hdf5",
    ],
)
def test_mutants_of_trained_models(models_dir: Path, name: str, tmp_path: Path) -> None:
    try_mutants(models_dir / "keras" / name, 100, 2, tmp_path)


def test_b8_the_child_costs_little(good: dict[str, Path]) -> None:
    """It imports neither Keras nor a framework."""
    script = "import sys, webdnn.frontend.child, h5py, webdnn.frontend.hdf5; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"import json; {script}"], capture_output=True, text=True, check=True)
    assert not {"keras", "jax", "webdnn.frontend.keras"} & set(json.loads(done.stdout))


def test_b8_a_reader_that_crashes_is_told(good: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webdnn.frontend.isolation._CHILD", "faulthandler")  # a module that ends at once
    with pytest.raises(ModelError, match="its reader ended with the code"):
        load(good[".h5"])
