"""The layer of textgenrnn, as `--custom_objects` takes it: an average over time, by weights that are a softmax of scores."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class AttentionWeightedAverage(keras.Layer):
    """(N, T, C) → (N, C)."""

    def __init__(self, return_attention: bool = False, **options: Any) -> None:
        super().__init__(**options)
        if return_attention:
            raise ValueError("return_attention is not implemented")

    def build(self, shape: Any) -> None:
        self.W = self.add_weight(shape=(shape[-1], 1), name="attention_W")

    def call(self, x: Any) -> Any:
        return ops.sum(x * ops.softmax(ops.matmul(x, self.W), axis=1), axis=1)
