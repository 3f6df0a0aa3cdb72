"""Keras's layers that cannot be made without TensorFlow, for files that have them: what a lowering reads of them, and the shapes that they give.

Keras's own are used where TensorFlow is installed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Shape = tuple[int | None, ...]


def stand_ins() -> Mapping[str, type]:
    """By the names of Keras's classes; none where Keras's own can be made."""
    return {} if importlib.util.find_spec("tensorflow") is not None else classes()


def with_stand_ins(config: Any, names: Collection[str]) -> Any:
    """A configuration in which Keras finds the classes `names` among the custom objects, where it looks for registered ones only."""
    if isinstance(config, Mapping):
        changed = {key: with_stand_ins(value, names) for key, value in config.items()}
        name = config.get("class_name")
        return {**changed, "registered_name": name} if isinstance(name, str) and name in names else changed
    return [with_stand_ins(value, names) for value in config] if isinstance(config, list) else config


def encoded_shape(shape: Shape, mode: str, depth: int) -> Shape:
    """The shape of classes of this shape, as `encoding.encoded` gives them."""
    if mode == "int":
        return shape
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:1], *shape[2:], depth) if len(shape) > 1 else (depth,)


def without_special(vocabulary: Sequence[int], special: Sequence[int]) -> list[int]:
    """The tokens of a vocabulary, which may begin with those for masks and unknown ones."""
    found = [int(token) for token in vocabulary]
    return found[len(special) :] if found[: len(special)] == list(special) else found


def padded_weights(weights: Sequence[float], tokens: int, first: int, depth: int) -> np.ndarray:
    """(depth): the weights of inverse document frequency, for unknown tokens their mean if there are none for them, and 0 beyond the last."""
    known = np.asarray(weights, np.float32)
    if known.size == tokens:
        known = np.concatenate([np.full(first, known.mean()), known])
    return np.pad(known, (0, depth - known.size)).astype(np.float32)


@cache
def classes() -> dict[str, type]:
    """Their module is that of Keras's layers, since they are told apart from the user's by it."""
    import keras

    class _Encoder(keras.layers.Layer):
        """A layer that gives classes, or vectors of them."""

        __module__ = "keras.layers"
        output_mode, depth = "int", 0

        def __init__(self, dtype: Any = None, **keywords: Any) -> None:
            self.result_dtype = "int64" if self.output_mode == "int" else "float32"
            super().__init__(dtype=dtype or self.result_dtype, **keywords)
            self.result_dtype = self.dtype
            self._convert_input_args = False

        def compute_output_spec(self, inputs: Any) -> Any:
            first = keras.tree.flatten(inputs)[0]
            return keras.KerasTensor(encoded_shape(tuple(first.shape), self.output_mode, self.depth), self.result_dtype)

    class Hashing(_Encoder):
        __module__ = "keras.layers"

        def __init__(
            self,
            num_bins: int,
            mask_value: int | None = None,
            salt: int | Sequence[int] | None = None,
            output_mode: str = "int",
            sparse: bool = False,
            **keywords: Any,
        ) -> None:
            self.num_bins, self.mask_value, self.output_mode, self.sparse = num_bins, mask_value, output_mode, sparse
            self.depth, self.salt = num_bins, [salt, salt] if isinstance(salt, int) else salt
            super().__init__(**keywords)

    class HashedCrossing(_Encoder):
        __module__ = "keras.layers"

        def __init__(self, num_bins: int, output_mode: str = "int", sparse: bool = False, **keywords: Any) -> None:
            self.num_bins, self.output_mode, self.sparse, self.depth = num_bins, output_mode, sparse, num_bins
            super().__init__(**keywords)

    class IntegerLookup(_Encoder):
        __module__ = "keras.layers"

        def __init__(
            self,
            max_tokens: int | None = None,
            num_oov_indices: int = 1,
            mask_token: int | None = None,
            oov_token: int = -1,
            vocabulary: Sequence[int] | None = None,
            vocabulary_dtype: str = "int64",
            idf_weights: Sequence[float] | None = None,
            invert: bool = False,
            output_mode: str = "int",
            sparse: bool = False,
            pad_to_max_tokens: bool = False,
            oov_method: str = "floormod",
            salt: int | Sequence[int] | None = None,
            vocabulary_size: int | None = None,
            dtype: Any = None,
            **keywords: Any,
        ) -> None:
            names = {"binary": "multi_hot", "tf-idf": "tf_idf"}  # former ones
            self.output_mode = names.get(output_mode, output_mode)
            self.max_tokens, self.num_oov_indices, self.mask_token = max_tokens, num_oov_indices, mask_token
            self.oov_token, self.invert, self.sparse, self.vocabulary_dtype = (
                oov_token,
                invert,
                sparse,
                vocabulary_dtype,
            )
            self.pad_to_max_tokens, self.oov_method, self.idf_weights = pad_to_max_tokens, oov_method, idf_weights
            self.salt = [salt, salt] if isinstance(salt, int) else salt
            self._take(vocabulary or ())
            super().__init__(**keywords)  # its dtype is that of the framework

        def _take(self, vocabulary: Sequence[int]) -> None:
            masks = [self.mask_token] if self.mask_token is not None and self.output_mode == "int" else []
            self._tokens = without_special(vocabulary, [*masks, *[self.oov_token] * self.num_oov_indices])
            first = len(masks) + self.num_oov_indices
            self.depth = self.max_tokens if self.pad_to_max_tokens and self.max_tokens else first + len(self._tokens)
            weights = self.idf_weights
            self.idf_weights_const = (
                None if weights is None else padded_weights(weights, len(self._tokens), first, self.depth)
            )

        def load_assets(self, folder: str) -> None:
            """The vocabulary that `adapt` found, one number in a line."""
            file = Path(folder) / "vocabulary.txt"
            if not self._tokens and file.exists():
                self._take([int(line) for line in file.read_text(encoding="utf-8").split()])

        def load_own_variables(self, store: Any) -> None:
            if "idf_weights" in store:
                self.idf_weights_const = np.asarray(store["idf_weights"], np.float32)

        def get_vocabulary(self, include_special_tokens: bool = True) -> list[int]:
            return self._tokens

    return {class_.__name__: class_ for class_ in (HashedCrossing, Hashing, IntegerLookup)}
