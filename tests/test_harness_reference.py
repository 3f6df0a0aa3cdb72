"""The float64 reference is one: no layer falls back to float32."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers

from harness.calibrate import randomize
from harness.keras_models import noise
from harness.metric import error
from harness.reference import keras_float64


def test_layers_that_keras_computes_in_float32(tmp_path: Path) -> None:
    """Batch and layer normalisation, and numbers in an operation."""
    x = keras.Input((6,))
    batch, layer = layers.BatchNormalization(epsilon=0.01), layers.LayerNormalization(epsilon=0.1)
    model = keras.Model(x, [batch(x), layer(x), x * 0.1 + keras.ops.softmax(x)])
    randomize(model)
    model.save(tmp_path / "model.keras")
    inputs = noise([(3, 6)])
    have = keras_float64(tmp_path / "model.keras", [inputs])[0]

    a = inputs[0].astype(np.float64)
    gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in batch.get_weights())
    scale, offset = (np.asarray(w, np.float64) for w in layer.get_weights())
    centred = a - a.mean(1, keepdims=True)
    powers = np.exp(a - a.max(1, keepdims=True))
    wanted = [
        (a - mean) / np.sqrt(variance + 0.01) * gamma + beta,
        centred / np.sqrt((centred**2).mean(1, keepdims=True) + 0.1) * scale + offset,
        a * 0.1 + powers / powers.sum(1, keepdims=True),
    ]
    assert [error(y, want) for y, want in zip(have, wanted, strict=True) if error(y, want) > 1e-14] == []
