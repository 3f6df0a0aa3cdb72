"""Which framework wrote a model file: told by its first bytes, or else by its name."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from webdnn.frontend.isolation import check_regular
from webdnn.graph.errors import ModelError

HEAD = 512  # bytes that are looked at


@dataclass(frozen=True)
class Format:
    """A kind of model file. `magic` is what stands at `offset`; `member` is how the name of a zip archive's first member ends."""

    name: str
    suffixes: tuple[str, ...] = ()
    magic: bytes = b""
    offset: int = 0
    member: tuple[str, ...] = ()
    folder: str = ""
    """The file by which a directory is one of these."""

    def begins(self, head: bytes) -> bool:
        """Whether `head`, the beginning of a file, tells that it is of this format."""
        if self.magic:
            return head[self.offset : self.offset + len(self.magic)] == self.magic
        return bool(self.member) and first_member(head).endswith(self.member)


def format_of(path: Path) -> Format:
    """The format of a model file or directory. Raises ModelError for what is none that is known, or does not exist."""
    if path.is_dir():
        found = [kind for kind in FORMATS if kind.folder and (path / kind.folder).is_file()]
        if found:
            return found[0]
        raise ModelError(f"{str(path)!r} is a directory in which no model was found; name the model's file")
    named = next((kind for kind in FORMATS if path.name.lower().endswith(kind.suffixes)), None)
    if path.exists() or named is None:  # one that does not exist is told to be missing by whoever reads its format
        told = next((kind for kind in FORMATS if kind.begins(_head(path))), named)
        if told is None:
            raise ModelError(
                f"{str(path)!r} is no model file by its name or its beginning; known are {', '.join(_endings(FORMATS))}"
            )
        return told
    return named


def first_member(head: bytes) -> str:
    """The name of the first member of the zip archive that begins so, or nothing."""
    if head[:4] != b"PK\x03\x04" or len(head) < 30:
        return ""
    (length,) = struct.unpack_from("<H", head, 26)
    return head[30 : 30 + length].decode("utf-8", "replace")


def _head(path: Path) -> bytes:
    check_regular(path)
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise ModelError(f"{str(path)!r} cannot be read: {error.strerror}") from error


def _endings(formats: Sequence[Format]) -> list[str]:
    return [suffix for kind in formats for suffix in kind.suffixes]


KERAS_HDF5 = Format("Keras (HDF5)", (".h5", ".hdf5"), magic=b"\x89HDF\r\n\x1a\n")
KERAS_ARCHIVE = Format("Keras", (".keras",), member=("metadata.json", "config.json", "model.weights.h5"))
ONNX = Format("ONNX", (".onnx",))
CAFFE = Format("Caffe", (".caffemodel", ".prototxt"))
CHAINER = Format("Chainer", (".npz", ".chainermodel"), member=(".npy",))
PYTORCH = Format("PyTorch", (".pt", ".pth", ".pt2"), member=("/data.pkl", "/version", "/.format_version", "/byteorder"))
SAVED_MODEL = Format("TensorFlow SavedModel", (".pb",), folder="saved_model.pb")
TENSORFLOW_LITE = Format("TensorFlow Lite", (".tflite",), magic=b"TFL3", offset=4)
TENSORFLOW_JS = Format("TensorFlow.js", ("model.json",), folder="model.json")
SAFETENSORS = Format("safetensors", (".safetensors",))

FORMATS = (
    *(KERAS_ARCHIVE, KERAS_HDF5, ONNX, CAFFE, CHAINER, PYTORCH),
    *(SAVED_MODEL, TENSORFLOW_LITE, TENSORFLOW_JS, SAFETENSORS),
)
