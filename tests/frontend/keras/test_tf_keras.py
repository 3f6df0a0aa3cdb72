"""Files that tf_keras writes, against its own answers. It lives in an environment of its own, which this test makes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.keras_compare import fixed
from harness.metric import error
from webdnn.frontend.keras import load
from webdnn.graph.errors import ModelWarning
from webdnn.graph.interpreter import interpret

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = ROOT / ".cache" / "tf_keras"
PACKAGES = ("tf_keras==2.21.0", "tensorflow-cpu==2.21.0")
WRITER = Path(__file__).with_name("write_tf_keras_models.py")
pytestmark = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models with tf_keras's answers."""
    sys.path.insert(0, str(ROOT / "bin"))
    try:
        import _setup
    finally:
        sys.path.remove(str(ROOT / "bin"))
    stamp = ENVIRONMENT / "webdnn-installed.txt"
    if not stamp.exists() or stamp.read_text() != " ".join(PACKAGES):
        _setup.make_environment(ENVIRONMENT)
        _setup.pip_install(ENVIRONMENT, *PACKAGES)
        stamp.write_text(" ".join(PACKAGES))
    made = tmp_path_factory.mktemp("tf_keras")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KERAS"))}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [str(_setup.python_of(ENVIRONMENT)), str(WRITER), str(made)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return made


NAMES = """
functional shared three_deep sequential sequential_first deferred frozen time_distributed several_outputs layers more_layers operations slashes
two_inputs mobilenet_v2 densenet transfer
""".split()


@pytest.mark.filterwarnings("ignore:names of layers with:webdnn.graph.errors.ModelWarning")
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("name", NAMES)
def test_b3_same_answers_as_tf_keras(folder: Path, name: str, suffix: str) -> None:
    with np.load(folder / f"{name}.npz") as arrays:
        inputs, wanted = ([arrays[key] for key in sorted(arrays) if key[0] == kind] for kind in "xy")
    found = interpret(load(folder / f"{name}{suffix}", fixed(inputs)), inputs)
    assert max(error(y, want) for y, want in zip(found, wanted, strict=True)) <= 1e-5


def test_b3_densenet_says_once_that_names_changed(folder: Path) -> None:
    with pytest.warns(ModelWarning, match="'conv1/conv' is 'conv1_conv'") as told:
        load(folder / "densenet.h5")
    assert len([warning for warning in told if issubclass(warning.category, ModelWarning)]) == 1
